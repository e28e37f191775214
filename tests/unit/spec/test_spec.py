# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Specs: what is read, and what changes their hash. (test_spec_refusals.py has what is refused.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import ReleaseSpec, Target, override_target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import Spec, load_spec
from ansible_collections.airgap.conda.tests.unit.spec.conftest import MINIMAL, Write
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

ENVIRONMENT = """\
name: demo
channels: [conda-forge, nodefaults]
dependencies:
  - python >=3.9
  - conda-forge::numpy=1.26.*
  - blas=*=openblas
  - pip:
      - tqdm[notebook]>=4,<5; python_version >= "3.9"  # why
      - -r more.txt
variables:
  OMP_NUM_THREADS: 4
  GREETING: "it's $5"
prefix: /home/someone/envs/demo
"""
RELEASE = """\
target: {platform: linux-64, glibc: "2.30", cuda: "11.8", driver: 470.42.01, cpu: x86-64-v2}
formats: [tar.zst, tar.gz]
gpu: optional
checks:
  imports: [numpy, scipy.stats]
  commands: ["tqdm --version"]
  timeout: 60
activation:
  variables: {LD_LIBRARY_PATH: "$CONDA_PREFIX/lib:${OTHER}"}
copies:
  - {from: lib/a.bc, to: lib/b/a.bc}
"""
MORE = "# a comment\n--extra-index-url https://example.org/simple\nrich==13.7 \\\n    --hash=sha256:00\n"


# --- what is read ---------------------------------------------------------------------------------------------------


def test_everything_is_read(write: Write) -> None:
    spec = load_spec(write(ENVIRONMENT, RELEASE, more=MORE))
    assert spec.name == "demo"
    assert spec.channels == ("conda-forge",)
    assert spec.conda == ("python >=3.9", "conda-forge::numpy=1.26.*", "blas=*=openblas", "pip")
    assert spec.pip == (
        'tqdm[notebook]>=4,<5; python_version >= "3.9"',
        "--extra-index-url https://example.org/simple",
        "rich==13.7 --hash=sha256:00",
    )
    assert spec.variables == {"OMP_NUM_THREADS": "4", "GREETING": "it's $5"}
    release = spec.release
    assert release.target == Target("linux-64", "2.30", "11.8", "470.42.01", "x86-64-v2")
    assert (release.formats, release.gpu) == (("tar.zst", "tar.gz"), "optional")
    assert release.checks.imports == ("numpy", "scipy.stats")
    assert (release.checks.commands, release.checks.timeout) == (("tqdm --version",), 60)
    assert release.activation_variables == {"LD_LIBRARY_PATH": "$CONDA_PREFIX/lib:${OTHER}"}
    assert release.copies == (("lib/a.bc", "lib/b/a.bc"),)


@pytest.mark.parametrize("release", [None, "", "# only a comment\n", "---\n{}\n"])
def test_release_yml_is_optional(write: Write, release: str | None) -> None:
    spec = load_spec(write(MINIMAL, release))
    assert spec.release == ReleaseSpec()
    assert (spec.release.target.platform, spec.release.formats) == ("linux-64", ("tar.zst",))
    assert spec.release.checks.timeout == 300
    assert (spec.conda, spec.pip) == (("python",), ())


def test_anchors_are_read(write: Write) -> None:
    spec = load_spec(write("channels: &c [conda-forge]\ndependencies: [&p python, numpy]\nvariables: {A: *p}\n"))
    assert spec.variables == {"A": "python"}


@pytest.mark.parametrize(
    "match_spec",
    [
        "numpy",
        "numpy=1.26",
        "numpy==1.26.4",
        "numpy>=1.20,<2",
        "numpy >=1.20, <2",
        "numpy 1.26.4 py39_0",
        "numpy!=1.5",
        "numpy~=1.20",
        "numpy=1.26.*",
        "numpy<1.8|>=1.9",
        "numpy (>=1.20,<2)|3",
        "libblas=*=*mkl",
        "python=3.8=*_cpython",
        "_libgcc_mutex",
        "conda-forge::numpy",
        "conda-forge/linux-64::numpy=1",
        "https://example.org/ch::numpy",
        "file:///srv/channel::numpy",
        "numpy[version='>=1.20',build=py39*]",
        "numpy=1.26[build_number=3]",
    ],
)
def test_match_specs_that_are_accepted(write: Write, match_spec: str) -> None:
    assert load_spec(write(f"channels: [c]\ndependencies:\n  - {match_spec}\n")).conda == (match_spec,)


@pytest.mark.parametrize(
    "line",
    [
        "tqdm",
        "tqdm==4.66",
        "tqdm===4.66",
        "zope.interface>=5,!=6.*",
        "dash[dev, testing]~=2.9",
        "torch==2.0.0+cu117",
        "a (>=1,<2)",
        "a ; sys_platform == 'linux'",
        "a @ https://example.org/a-1.whl",
        "git+https://example.org/a@v1",
        "git+ssh://git@example.org/a.git",
        "--index-url https://example.org/simple",
        "-i https://example.org/simple",
        "--pre",
        "-f https://example.org/wheels",
        "--only-binary=:all:",
    ],
)
def test_pip_lines_that_are_accepted(write: Write, line: str) -> None:
    spec = load_spec(write(f'channels: [c]\ndependencies:\n  - pip:\n      - "{line}"\n  - python\n'))
    assert spec.pip == (line,)


def test_one_package_twice_for_different_markers(write: Write) -> None:
    pip = "[python, pip: [\"a==1; python_version < '3.9'\", \"a==2; python_version >= '3.9'\"]]"
    assert len(load_spec(write(f"channels: [c]\ndependencies: {pip}\n")).pip) == 2


def test_requirements_files_are_read_from_the_file_that_names_them(write: Write) -> None:
    folder = write(MINIMAL.replace("[python]", "[python, pip: [-r sub/a.txt]]"))
    (folder / "sub").mkdir()
    (folder / "sub" / "a.txt").write_text("-r b.txt\n--requirement=b2.txt\n", encoding="utf-8")
    (folder / "sub" / "b.txt").write_text("tqdm\n", encoding="utf-8")
    (folder / "sub" / "b2.txt").write_text("rich\n", encoding="utf-8")
    assert load_spec(folder).pip == ("tqdm", "rich")


def test_the_name_of_a_relative_folder(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write())
    assert load_spec(Path(".")).name == "demo"


# --- the hash -------------------------------------------------------------------------------------------------------

SAME = [
    ENVIRONMENT.replace("  - python", "  # a comment\n  - python"),
    ENVIRONMENT.replace("channels: [conda-forge, nodefaults]", "channels:\n- 'conda-forge'"),
    ENVIRONMENT.replace("prefix: /home/someone/envs/demo\n", ""),
    ENVIRONMENT.replace("name: demo\n", ""),
    ENVIRONMENT.replace("name: demo\n", "") + "name: demo\n",
    ENVIRONMENT.replace("  - python >=3.9\n  - conda", "  - conda").replace("  - pip:", "  - python >=3.9\n  - pip:"),
    ENVIRONMENT.replace("  - python >=3.9", "  - pip\n  - python   >=3.9"),
    ENVIRONMENT.replace("  OMP_NUM_THREADS: 4\n", "").replace("\nprefix", "\n  OMP_NUM_THREADS: 4\nprefix"),
    ENVIRONMENT.replace("OMP_NUM_THREADS: 4", 'OMP_NUM_THREADS: "4"'),
    "\ufeff---\n" + ENVIRONMENT.replace("\n", "\r\n"),
]
SAME_RELEASE = [
    RELEASE.replace("[tar.zst, tar.gz]", "[tar.gz, tar.zst]"),
    RELEASE.replace("timeout: 60", "timeout: 60  # seconds"),
    "gpu: optional\n" + RELEASE.replace("gpu: optional\n", ""),
]


@pytest.fixture
def spec(write: Write) -> Spec:
    return load_spec(write(ENVIRONMENT, RELEASE, more=MORE))


@pytest.mark.parametrize("environment", SAME)
def test_the_same_meaning_has_the_same_hash(write: Write, spec: Spec, environment: str) -> None:
    assert environment != ENVIRONMENT
    assert load_spec(write(environment, RELEASE)).sha256 == spec.sha256


@pytest.mark.parametrize("release", SAME_RELEASE)
def test_the_same_release_yml_has_the_same_hash(write: Write, spec: Spec, release: str) -> None:
    assert release != RELEASE
    assert load_spec(write(ENVIRONMENT, release)).sha256 == spec.sha256


def test_the_hash_does_not_depend_on_the_place(write: Write, tmp_path: Path, spec: Spec) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = write(ENVIRONMENT, RELEASE).rename(tmp_path / "elsewhere" / "demo")
    assert load_spec(moved).sha256 == spec.sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.26.*", "1.25.*"),
        ("[conda-forge, ", "[other, conda-forge, "),
        ("blas=*=openblas", "libblas"),
        (">=4,<5", ">=4,<6"),
        ("OMP_NUM_THREADS: 4", "OMP_NUM_THREADS: 5"),
        ("GREETING", "WELCOME"),
        ("2.30", "2.31"),
        ("11.8", "11.7"),
        ("470.42.01", "450.80.02"),
        ("v2", "v3"),
        ("gz]", "gz]  #"),
        ("[tar.zst, tar.gz]", "[tar.gz]"),
        ("optional", "required"),
        ("scipy.stats", "scipy"),
        ("--version", "--help"),
        ("timeout: 60", "timeout: 61"),
        ("${OTHER}", "$HOME"),
        ("from: lib/a.bc", "from: lib/c.bc"),
    ],
)
def test_another_meaning_has_another_hash(write: Write, spec: Spec, old: str, new: str) -> None:
    changed = load_spec(write(ENVIRONMENT.replace(old, new), RELEASE.replace(old, new)))
    assert (changed.sha256 == spec.sha256) == (new == "gz]  #")  # the one that only adds a comment


def test_packages_of_users_are_left_out_unless_the_spec_says_so(write: Write) -> None:
    plain = load_spec(write(MINIMAL, ""))
    assert not plain.release.user_site
    said = load_spec(write(MINIMAL, "activation: {user_site: false}\n"))
    assert (said.release.user_site, said.sha256) == (False, plain.sha256)
    other = load_spec(write(MINIMAL, "activation: {user_site: true}\n"))
    assert (other.release.user_site, other.release.activation_variables) == (True, {})
    assert other.sha256 != plain.sha256


@pytest.mark.parametrize("value", ["yes", "'true'", "1", "[]"])
def test_user_site_is_true_or_false(write: Write, value: str) -> None:
    with raised("value-invalid") as caught:
        load_spec(write(MINIMAL, f"activation:\n  user_site: {value}\n"))
    assert (caught.value.wanted, caught.value.where[-16:]) == ("true or false", "release.yml:2:14")


def test_a_spec_has_the_hash_that_it_had_before_user_site(write: Write) -> None:
    """A new key must not make every environment be built anew."""
    assert load_spec(write(MINIMAL, "")).sha256.startswith("fe74d0c173cd42aa")


def test_the_order_of_activation_variables_is_part_of_the_hash(write: Write) -> None:
    one = load_spec(write(MINIMAL, "activation: {variables: {A: x, B: $A}}\n"))
    other = load_spec(write(MINIMAL, "activation: {variables: {B: $A, A: x}}\n"))
    assert one.sha256 != other.sha256


def test_a_requirements_file_is_part_of_the_hash(write: Write, spec: Spec) -> None:
    assert load_spec(write(ENVIRONMENT, RELEASE, more=MORE.replace("13.7", "13.8"))).sha256 != spec.sha256
    assert load_spec(write(ENVIRONMENT, RELEASE, more="\ufeff# other words\r\n" + MORE)).sha256 == spec.sha256


# --- a target that comes from a variable ----------------------------------------------------------------------------


def test_a_variable_overrides_single_keys_of_the_target() -> None:
    target = Target(glibc="2.17", driver="470.42.01")
    assert override_target(target, {"glibc": "2.31"}, "build_target") == Target(glibc="2.31", driver="470.42.01")
    assert override_target(target, {}, "build_target") == target


@pytest.mark.parametrize(
    ("values", "found", "remedy"),
    [
        ({"glibc": 2.31}, "the number '2.31'", 'quote it: "2.31"'),
        ({"glib": "2.31"}, "'glib'", "did you mean 'glibc'?"),
        ({"platform": "linux-aarch64"}, "x86-64-v2 with linux-aarch64", "target.cpu"),
        ({"cuda": None}, "nothing", "write the value"),
    ],
)
def test_a_bad_variable_is_refused_by_its_name(values: dict[str, object], found: str, remedy: str) -> None:
    with pytest.raises(AirgapError) as caught:
        override_target(Target(cpu="x86-64-v2"), values, "build_target")
    assert caught.value.where == "build_target"
    assert found in caught.value.found
    assert remedy in caught.value.remedy
