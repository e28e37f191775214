# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every environment in envs/ is a valid spec and still has its author's pins."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import Spec, load_spec

ENVS = Path(__file__).parents[3] / "envs"

TF_CONDA = {
    "python=3.8",
    "numpy=1.23.5",
    "scipy=1.9.1",
    "pandas=2.0.1",
    "seaborn=0.12.2",
    "ipykernel=6.22.0",
    "notebook=6.5.4",
    "scikit-learn=1.2.2",
    "scikit-image=0.20.0",
    "conda-forge::conda-pack=0.7.0",
    "huggingface::transformers=4.28.1",
    "pillow=9.5.0",
    "pip",
}
TF_PIP = {
    "jupyter-contrib-nbextensions==0.7.0",
    "ipywidgets==8.0.6",
    "shiny==0.3.3",
    "mlflow==2.3.1",
    "dash==2.9.3",
    "albumentations==1.3.0",
}
TF_GPU_PIP = TF_PIP | {"nvidia-cudnn-cu11==8.6.0.163", "tensorflow==2.12.0"}
TORCH_CONDA = {
    "python=3.8",
    "pyarrow=11.0.0",
    "numpy=1.24.3",
    "pandas=2.0.1",
    "scipy=1.9.1",
    "huggingface::transformers",
    "ipykernel=6.22.0",
    "scikit-learn=1.2.2",
    "scikit-image=0.20.0",
    "seaborn=0.12.2",
    "shiny=0.2.9",
    "notebook=6.5.4",
    "conda-pack",
    "pip",
}
TORCH = {"pytorch::pytorch", "pytorch::torchvision", "pytorch::torchaudio"}
TORCH_2_0 = {"pytorch::pytorch=2.0.0", "pytorch::torchvision=0.15.1", "pytorch::torchaudio=2.0.0"}
TORCH_PIP = {"jupyter-contrib-nbextensions==0.7.0", "ipywidgets==8.0.6", "dash==2.9.3", "albumentations==1.3.0"}

# What must be in each environment, nothing more and nothing less: (conda, pip, glibc, driver, cuda, gpu).
EXPECTED = {
    "demo": ({"python>=3.9", "numpy", "pandas", "scipy", "pyarrow", "pip"}, {"tqdm"}, "2.27", None, None, "none"),
    "runtime": ({"openssh", "python>=3.9,<3.13", "zstandard"}, set(), "2.17", None, None, "none"),
    "tf-cpu-cv": (TF_CONDA, TF_PIP | {"tensorflow-cpu"}, "2.27", None, None, "none"),
    "tf-gpu-cv": (
        TF_CONDA | {"conda-forge::cudatoolkit=11.8.0"},
        TF_GPU_PIP,
        "2.27",
        "450.80.02",
        "11.8",
        "required",
    ),
    "tf-gpu-cv-ubuntu2204": (
        TF_CONDA | {"conda-forge::cudatoolkit=11.8.0", "nvidia::cuda-nvcc=11.3.58"},
        TF_GPU_PIP,
        "2.35",
        "450.80.02",
        "11.8",
        "required",
    ),
    "torch-cpu-cv": (
        TORCH_CONDA | TORCH | {"pytorch::cpuonly"},
        TORCH_PIP | {"mlflow==2.3.1"},
        "2.27",
        None,
        None,
        "none",
    ),
    "torch-gpu-cv": (
        TORCH_CONDA | TORCH_2_0 | {"pytorch::pytorch-cuda=11.7"},
        TORCH_PIP | {"mlflow==2.3.1"},
        "2.27",
        "450.80.02",
        "11.7",
        "required",
    ),
    "sdp-ce-env": (
        TORCH_CONDA | TORCH | {"pytorch::pytorch-cuda=12.1"},
        TORCH_PIP | {"wandb"},
        "2.27",
        "525.60.13",
        "12.1",
        "required",
    ),
    "basic-dmw": (
        {"python=3.8", "pandas", "plotly::plotly", "dash", "ipykernel", "scikit-learn", "seaborn", "conda-pack", "pip"},
        {"jupyterlab", "ipywidgets", "tqdm"},
        "2.27",
        None,
        None,
        "none",
    ),
}


@pytest.fixture(params=sorted(EXPECTED))
def spec(request: pytest.FixtureRequest) -> Spec:
    return load_spec(ENVS / request.param)


def test_the_list_of_environments_is_complete() -> None:
    assert {path.name for path in ENVS.iterdir() if path.is_dir()} == set(EXPECTED)


def test_packages_are_the_authors(spec: Spec) -> None:
    conda, pip = EXPECTED[spec.name][:2]
    assert set(spec.conda) == conda
    assert set(spec.pip) == pip


def test_target_and_gpu(spec: Spec) -> None:
    target = spec.release.target
    assert (target.glibc, target.driver, target.cuda, spec.release.gpu) == EXPECTED[spec.name][2:]
    assert target.platform == "linux-64"


def test_channels_serve_every_package_that_names_one(spec: Spec) -> None:
    named = {match_spec.split("::")[0] for match_spec in spec.conda if "::" in match_spec}
    assert named <= set(spec.channels)
    assert "conda-forge" in spec.channels
    assert "defaults" not in spec.channels


def test_every_environment_is_checked_on_the_host(spec: Spec) -> None:
    assert (ENVS / spec.name / "release.yml").is_file()
    assert spec.release.checks.imports
    if spec.name == "runtime":
        assert "tar.gz" in spec.release.formats  # the first step has nothing but tar and gzip


def test_a_gpu_environment_computes_on_the_gpu(spec: Spec) -> None:
    commands = " ".join(spec.release.checks.commands)
    computes = "device='cuda'" in commands or "tf.matmul" in commands
    assert computes == (spec.release.gpu == "required")


def test_check_commands_are_one_line_for_sh(spec: Spec) -> None:
    for command in spec.release.checks.commands:
        assert "\n" not in command.strip()
        assert command.count('"') % 2 == 0


def test_tensorflow_finds_cuda_as_its_author_set_it_up() -> None:
    old, new = load_spec(ENVS / "tf-gpu-cv").release, load_spec(ENVS / "tf-gpu-cv-ubuntu2204").release
    libraries = "$CONDA_PREFIX/lib:$CONDA_PREFIX/lib/python3.8/site-packages/nvidia/cudnn/lib"
    assert old.activation_variables == {"LD_LIBRARY_PATH": libraries}
    assert new.activation_variables == {
        "LD_LIBRARY_PATH": libraries,
        "XLA_FLAGS": "--xla_gpu_cuda_data_dir=$CONDA_PREFIX/lib/",
    }
    assert old.copies == ()
    assert new.copies == (("lib/libdevice.10.bc", "lib/nvvm/libdevice/libdevice.10.bc"),)


def test_every_environment_is_in_the_readme(spec: Spec) -> None:
    readme = (ENVS / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith(f"| `{spec.name}` |"))
    assert f"glibc {spec.release.target.glibc}" in row
    assert ", ".join(spec.channels) in row
    if spec.release.target.driver:
        assert f"driver {spec.release.target.driver}" in row
