# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on channels, CUDA and the prefix: each finding on a small real environment, beside one without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import diagnose
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import channel_name
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import SITE_PACKAGES
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import Patient, only

pytest.importorskip("rattler")
pytest.importorskip("packaging")


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return Patient(tmp_path, monkeypatch)


def offer(patient: Patient, **packages: str) -> None:
    """Add packages to channels: ``near="numpy mkl"``."""
    for channel, names in packages.items():
        for name in names.split():
            patient.channel(channel.replace("_", "-")).add(name, "1.0")


# --- mixed-channels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pytorch", "near", "stack"),
    [
        ("pytorch", "torchvision", "PyTorch"),
        ("pytorch-cuda", "libtorch", "PyTorch"),
        ("cuda-nvcc", "cudatoolkit", "CUDA"),
        ("libcublas", "cuda-cudart", "CUDA"),
        ("numpy", "scipy", "numpy and BLAS"),
        ("mkl", "libblas", "numpy and BLAS"),
        ("tensorflow", "tensorflow-base", "TensorFlow"),
    ],
)
def test_a_stack_from_two_channels_is_a_warning(patient: Patient, pytorch: str, near: str, stack: str) -> None:
    offer(patient, pytorch=pytorch, near=near)
    finding = only(patient.build(f"- {pytorch}\n- {near}\n", channels="pytorch, near"), "mixed-channels")
    assert finding.found.startswith(f"{stack}: ")
    assert {(package.name, package.channel) for package in finding.packages} == {(pytorch, "pytorch"), (near, "near")}
    assert finding.as_dict()["level"] == "warning"


def test_the_line_for_a_mixed_stack_names_the_channel_of_most(patient: Patient) -> None:
    offer(patient, pytorch="pytorch torchaudio", near="torchvision")
    finding = only(
        patient.build("- pytorch\n- torchaudio\n- torchvision\n", channels="pytorch, near"), "mixed-channels"
    )
    assert finding.remedy == "write `- pytorch::torchvision=1.0` instead of `- torchvision`"
    assert "environment.yml:5:" in finding.where


def test_stacks_that_come_whole_from_their_channels_are_nothing(patient: Patient) -> None:
    offer(
        patient, pytorch="pytorch torchvision", nvidia="cuda-cudart libcublas", near="numpy scipy cuda-version pandas"
    )
    lines = "- pytorch\n- torchvision\n- cuda-cudart\n- libcublas\n- numpy\n- scipy\n- cuda-version\n- pandas\n"
    assert patient.build(lines, channels="pytorch, nvidia, near") == []


# --- defaults-terms -------------------------------------------------------------------------------------------------


def test_packages_from_defaults_are_a_warning(patient: Patient) -> None:
    offer(patient, near="tool", main="openssl", r="numpy")
    finding = only(patient.build("- tool\n- openssl\n- numpy\n", channels="near, defaults"), "defaults-terms")
    assert {package.name for package in finding.packages} == {"openssl", "numpy"}
    assert finding.remedy == "write `channels: [near, nodefaults]`"


def test_a_channel_that_is_only_called_main_is_nothing(patient: Patient) -> None:
    offer(patient, near="tool")
    site = patient.channel("site/main")
    site.add("openssl", "3.0")
    assert patient.build("- tool\n- openssl\n", channels=f"near, '{site}'") == []


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.org/pkgs/main", "defaults"),
        ("https://example.org/mirror/pkgs/r", "defaults"),
        ("https://example.org/conda-forge", "conda-forge"),
        ("https://example.org/nvidia/label/cuda-11.8.0", "nvidia"),
        ("file:///srv/channel", "channel"),
        ("conda-forge", "conda-forge"),
    ],
)
def test_channels_have_the_names_that_people_use(address: str, name: str) -> None:
    assert channel_name(address) == name


# --- cuda-from-conda-and-pip ----------------------------------------------------------------------------------------

CUDA = "- python\n- cudatoolkit\n- pip:\n    - nvidia_cublas_cu12\n"


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("lib/libcublas.so.11", "nvidia/cublas/lib/libcublas.so.12"),
        ("lib/libcudnn.so.8.9.2", "nvidia/cudnn/lib/libcudnn.so.9"),
        ("lib/libcudart.so.11.0", "torch/lib/libcudart-d0da41ae.so.11.0"),
    ],
)
def test_one_cuda_library_from_both_is_a_warning(patient: Patient, conda: str, pip: str) -> None:
    patient.conda("cudatoolkit", "11.8", files={conda: b"ELF"})
    patient.wheel("nvidia_cublas_cu12", "12.1", files={pip: "ELF"})
    finding = only(patient.build(CUDA), "cuda-from-conda-and-pip")
    assert [package.name for package in finding.packages] == ["cudatoolkit", "nvidia-cublas-cu12"]
    assert finding.remedy == "remove `- cudatoolkit` (line 4)"
    assert finding.as_dict()["level"] == "warning"


def test_a_wheel_with_what_conda_does_not_bring_is_nothing(patient: Patient) -> None:
    """TensorFlow 2.12 was to be installed like this: CUDA from conda, cuDNN from pip."""
    patient.conda("cudatoolkit", "11.8", files={"lib/libcublas.so.11": b"ELF", "lib/libcuda_tool.so": b"ELF"})
    patient.wheel("nvidia_cublas_cu12", files={"nvidia/cudnn/lib/libcudnn.so.8": "ELF", "x/libcublas.so.txt": ""})
    assert patient.build(CUDA) == []


# --- link-leads-out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/usr/share/zoneinfo", "../../outside", "{prefix}/lib/data"])
def test_a_link_out_of_the_environment_is_found(patient: Patient, target: str) -> None:
    patient.conda("tool", files={"lib/data": b"", "lib/link": ("->", target.format(prefix=patient.prefix))})
    finding = only(patient.build("- tool\n"), "link-leads-out")
    assert finding.found.startswith("tool 1.0 (conda, channel near): lib/link -> ")
    assert finding.remedy == "remove `- tool` (line 3), or use another version"


def test_a_link_that_nobody_owns_is_found(patient: Patient) -> None:
    patient.conda("tool", files={"lib/data": b"", "lib/link": ("->", "../lib/data"), "share": ("->", "lib")})
    assert patient.build("- tool\n") == []
    (patient.prefix / "lib/folder").symlink_to("/usr/lib", target_is_directory=True)
    assert only(patient.ask(), "link-leads-out").found == "no package: lib/folder -> /usr/lib"


# --- prefix-too-long ------------------------------------------------------------------------------------------------

PLACEHOLDER = "/opt/placeholder_" + "x" * 103


def test_a_path_on_the_hosts_that_does_not_fit_is_found(patient: Patient) -> None:
    patient.conda("tool", files={"lib/data": b"\0" + PLACEHOLDER.encode() + b"\0"})
    patient.build("- tool\n")
    record = next(patient.prefix.glob("conda-meta/tool-*.json"))
    known = f'"_path": "lib/data", "prefix_placeholder": "{PLACEHOLDER}", "file_mode": "binary"'
    record.write_text(record.read_text().replace('"_path": "lib/data"', known))
    assert patient.ask("/" + "p" * 119) == []
    finding = only(patient.ask("/" + "p" * 124), "prefix-too-long")
    assert finding.found.endswith("has 125 bytes, lib/data has space for 120; packages: tool 1.0 (conda, channel near)")
    assert finding.remedy == "write a build_root that is at least 5 characters shorter"
    assert patient.ask("") == []
    record.write_text(record.read_text().replace('"file_mode": "binary"', '"file_mode": "text"'))
    assert patient.ask("/" + "p" * 124) == []


# --- prefix-in-binary -----------------------------------------------------------------------------------------------


def test_a_binary_file_with_the_prefix_that_conda_does_not_know_is_a_warning(patient: Patient) -> None:
    patient.wheel("flow", files={"flow.py": "", "flow.so": "later"})
    lines = "- python\n- pip:\n    - flow==1.0\n"
    assert patient.build(lines) == []
    script = patient.prefix / "bin/flow"
    script.write_text(f"#!{patient.prefix}/bin/python\n")  # text: conda-pack rewrites it
    code = patient.prefix / SITE_PACKAGES / "__pycache__/flow.cpython.pyc"
    code.parent.mkdir(exist_ok=True)
    code.write_bytes(b"\xff" + bytes(patient.prefix))  # byte code: Python puts the true path in
    (patient.prefix / "empty").touch()
    assert patient.ask() == []
    patient.site("flow.so").write_bytes(b"\x7fELF\xff" + bytes(patient.prefix / "lib") + b"\0")
    finding = only(patient.ask(), "prefix-in-binary")
    assert finding.found == f"flow 1.0 (pip): {SITE_PACKAGES}/flow.so"
    assert finding.remedy.startswith("remove `- flow==1.0` (line 5) from the pip list, and add the line `- flow=1.0`")
    (patient.prefix / "cache.bin").write_bytes(b"\xff" + bytes(patient.prefix))
    assert next(finding.found for finding in patient.ask()) == "no package: cache.bin"


# --- the tests' own exception ---------------------------------------------------------------------------------------


def test_the_tiny_python_is_the_link_that_these_tests_leave_out(patient: Patient) -> None:
    assert patient.build("- python\n") == []
    found = diagnose(patient.prefix, load_spec(patient.folder / "demo"))
    assert [": bin/python ->" in finding.found for finding in found] == [True]
