# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks: written, read again, refused when they are not whole, and told from those of another spec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.lock_check import checked
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import (
    Lock,
    conda_lock,
    package_lines,
    package_list,
    parse_lock,
    pip_lock,
    read_lock,
    write_lock,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage, PipPackage, package_at
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import write_spec
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

pytest.importorskip("rattler")

ANY = Target()
A, B, C = "a" * 64, "b" * 64, "c" * 32
ALIAS = "https://conda.anaconda.org"
FORGE = f"{ALIAS}/conda-forge"


def package(url: str, sha256: str = A, md5: str = "", size: int = 0) -> CondaPackage:
    found = package_at(url, sha256, md5, size)
    assert found
    return found


PYTHON = package(f"{FORGE}/linux-64/python-3.11.2-h1_0_cpython.conda", size=11_010_738)
NUMPY = package(f"{FORGE}/linux-64/numpy-1.26.4-py311_0.conda", B, size=999)
TOOL = package("https://h/private/noarch/my-tool-1.0-0.tar.bz2", "", C)
CLICK = PipPackage("click", "8.1.8", A, "https://index/click.whl")
FROM_URL = PipPackage("from-url", "4", B, "https://h/u-4.tar.gz", direct=True)
FROM_GIT = PipPackage("from-git", "3", "", "git+https://h/r@abc", direct=True)
LOCK = Lock((TOOL, NUMPY, PYTHON), (CLICK, FROM_GIT, FROM_URL))
CONDA_TEXT = (
    "@EXPLICIT\n"
    f"{FORGE}/linux-64/numpy-1.26.4-py311_0.conda#sha256:{B}\n"
    f"{FORGE}/linux-64/python-3.11.2-h1_0_cpython.conda#sha256:{A}\n"
    f"https://h/private/noarch/my-tool-1.0-0.tar.bz2#{C}\n"
)
PIP_TEXT = (
    f"click==8.1.8 --hash=sha256:{A}\nfrom-git @ git+https://h/r@abc  # 3\n"
    f"from-url @ https://h/u-4.tar.gz --hash=sha256:{B}  # 4\n"
)


def test_a_package_by_its_address() -> None:
    assert (TOOL.name, TOOL.version, TOOL.build, TOOL.subdir) == ("my-tool", "1.0", "0", "noarch")
    assert (TOOL.channel, TOOL.file, TOOL.hash) == ("https://h/private", "my-tool-1.0-0.tar.bz2", C)
    secret = package("https://me:canary@h/t/canary/private/noarch/my-tool-1.0-0.tar.bz2")
    assert secret.url == TOOL.url
    assert "canary" not in repr(secret)


@pytest.mark.parametrize(
    "url", ["", "x-1-0.conda", "noarch/x-1-0.conda", "https://h/noarch/x.conda", "https://h/c/noarch/x-1-0.zip"]
)
def test_what_is_no_address_of_a_package(url: str) -> None:
    assert package_at(url) is None


def test_locks_are_read_as_they_are_written() -> None:
    assert (conda_lock(LOCK.conda), pip_lock(LOCK.pip)) == (CONDA_TEXT, PIP_TEXT)
    again = parse_lock(CONDA_TEXT, PIP_TEXT)
    assert again.identity == LOCK.identity
    assert (conda_lock(again.conda), pip_lock(again.pip)) == (CONDA_TEXT, PIP_TEXT)


def test_locks_of_other_tools_are_read() -> None:
    """conda list --explicit writes comments, and bare hashes in older versions."""
    text = CONDA_TEXT.replace("@EXPLICIT", "# platform: linux-64\n\n@EXPLICIT").replace(f"sha256:{A}", A.upper())
    assert parse_lock(text, "").identity == replace(LOCK, pip=()).identity


def test_a_mirror_is_the_same_lock() -> None:
    assert parse_lock(CONDA_TEXT.replace(FORGE, "https://mirror/x"), PIP_TEXT).identity == LOCK.identity


@pytest.mark.parametrize(
    ("conda", "pip", "where", "found"),
    [
        ("", "", "conda.lock", "nothing"),
        (f"{FORGE}/linux-64/x-1-0.conda#{A}\n", "", "conda.lock", "x-1-0.conda"),
        (f"@EXPLICIT\n{FORGE}/linux-64/x-1-0.conda\n", "", "conda.lock:2", "x-1-0.conda"),
        (f"@EXPLICIT\n\n# c\n{FORGE}/linux-64/x.conda#{A}\n", "", "conda.lock:4", "x.conda"),
        (f"@EXPLICIT\n{FORGE}/linux-64/x-1-0.conda#sha256:{A[1:]}\n", "", "conda.lock:2", "x-1-0.conda"),
        (CONDA_TEXT + f"{FORGE}/linux-64/numpy-2.0-0.conda#{A}\n", "", "conda.lock", "numpy 2 times"),
        (CONDA_TEXT, "click==8.1.8\n", "pip.lock:1", "click==8.1.8"),
        (CONDA_TEXT, f"# by hand\nclick>=8 --hash=sha256:{A}\n", "pip.lock:2", "click>=8"),
        (CONDA_TEXT, "x @ https://h/x.whl\n", "pip.lock:1", "x @ https://h/x.whl"),
        (CONDA_TEXT, PIP_TEXT + PIP_TEXT, "pip.lock", "click 2 times"),
    ],
)
def test_a_lock_that_is_none(conda: str, pip: str, where: str, found: str) -> None:
    with raised("lock-unusable") as caught:
        parse_lock(conda, pip)
    assert caught.value.where == where
    assert found in caught.value.found
    assert "build_update" in caught.value.remedy


def test_files(tmp_path: Path) -> None:
    assert read_lock(tmp_path) is None
    write_lock(tmp_path, CONDA_TEXT, PIP_TEXT)
    found = read_lock(tmp_path)
    assert found
    assert found.identity == LOCK.identity
    write_lock(tmp_path, CONDA_TEXT, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conda.lock"]
    (tmp_path / "conda.lock").rename(tmp_path / "pip.lock")
    with raised("lock-incomplete"):
        read_lock(tmp_path)


def test_credentials_in_a_lock_are_refused(tmp_path: Path) -> None:
    (tmp_path / "conda.lock").write_text(CONDA_TEXT.replace("https://h/", "https://me:canary@h/"))
    with raised("spec-credentials") as caught:
        read_lock(tmp_path)
    assert caught.value.where.endswith("conda.lock:4:1")
    assert "canary" not in str(caught.value)


def test_lines_for_diffs() -> None:
    assert package_lines(package_list(LOCK.conda, LOCK.pip)) == (
        "conda my-tool 1.0 0 private\n"
        "conda numpy 1.26.4 py311_0 conda-forge (999 B)\n"
        "conda python 3.11.2 h1_0_cpython conda-forge (11.0 MB)\n"
        "pip click 8.1.8 pypi\npip from-git 3 pypi\npip from-url 4 pypi\n"
    )


def check(
    folder: Path,
    conda: str = "python, numpy",
    pip: str = "click, 'from-url @ https://h/u-4.tar.gz', 'from-git @ git+https://h/r@main'",
    channels: tuple[str, ...] = ("conda-forge",),
    target: Target = ANY,
    only: bool = False,
) -> Lock:
    pip_part = f", pip: [{pip}]" if pip else ""
    write_spec(folder / "demo", f"channels: [{', '.join(channels)}]\ndependencies: [{conda}, pip{pip_part}]\n")
    spec = load_spec(folder / "demo")
    lock = replace(LOCK, conda=(*LOCK.conda, package(f"{FORGE}/noarch/pip-25.0-0.conda")))
    if not pip:
        lock = replace(lock, pip=())
    return checked(lock, spec, Channels(channels, ALIAS, "the list of channels", only), target)


@pytest.mark.parametrize(
    "conda",
    [
        "python, numpy",
        "python=3.11",
        "'numpy >=1.26,<2'",
        "numpy 1.26.4 py311_0",
        "conda-forge::numpy",
        "https://h/private::my-tool",
        "private::my-tool",
    ],
)
def test_a_lock_that_satisfies_the_spec(tmp_path: Path, conda: str) -> None:
    assert len(check(tmp_path, conda).conda) == 4


@pytest.mark.parametrize(
    "pip",
    [
        "click",
        "Click>=8",
        "'click[extra]==8.1.8'",
        "'click; python_version >= \"3.9\"'",
        "'nosuch; python_version < \"3.9\"'",
        "'nosuch; sys_platform == \"win32\"'",
        "numpy>=1.26",
        "https://h/u-4.tar.gz",
        "git+https://h/r@main#egg=x",
        "--pre, click",
    ],
)
def test_a_pip_lock_that_satisfies_the_spec(tmp_path: Path, pip: str) -> None:
    check(tmp_path, pip=pip)


@pytest.mark.parametrize(
    ("conda", "pip", "wanted", "found", "file"),
    [
        ("python, scipy", "click", "scipy", "no such package", "conda.lock"),
        ("python=3.12", "click", "python=3.12", "python-3.11.2-h1_0_cpython.conda", "conda.lock"),
        ("numpy 1.26.4 py312_0", "click", "numpy 1.26.4 py312_0", "numpy-1.26.4-py311_0", "conda.lock"),
        ("nvidia::numpy", "click", "nvidia::numpy", f"{FORGE}/linux-64/numpy", "conda.lock"),
        ("python", "flask", "flask", "no such package", "pip.lock"),
        ("python", "click<8", "click<8", "click 8.1.8", "pip.lock"),
        ("python", "'click @ https://h/click.whl'", "click @ https://h/click.whl", "click", "pip.lock"),
        ("python", "https://h/other-4.tar.gz", "https://h/other-4.tar.gz", "no package from this", "pip.lock"),
        ("python, click", "'flask; python_version >= \"3.11\"'", "click", "no such package", "conda.lock"),
    ],
)
def test_a_lock_that_does_not(tmp_path: Path, conda: str, pip: str, wanted: str, found: str, file: str) -> None:
    with raised("lock-stale") as caught:
        check(tmp_path, conda, pip)
    assert caught.value.wanted == wanted
    assert found in caught.value.found
    assert caught.value.where == str(tmp_path / "demo" / file)
    assert "build_update: true" in caught.value.remedy


def test_constraints_hold_for_a_lock(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    limits = tmp_path / "demo/limits.txt"
    limits.write_text("click<9\nabsent<1\n", encoding="utf-8")
    check(tmp_path, "python", "click, -c limits.txt")
    limits.write_text("click<8\n", encoding="utf-8")
    with raised("lock-stale") as caught:
        check(tmp_path, "python", "click, -c limits.txt")
    assert (caught.value.wanted, caught.value.found) == ("click<8", "click 8.1.8")


def test_a_pip_lock_for_a_spec_without_pip(tmp_path: Path) -> None:
    write_spec(tmp_path / "demo", "channels: [conda-forge]\ndependencies: [python]\n")
    with raised("lock-stale") as caught:
        checked(LOCK, load_spec(tmp_path / "demo"), Channels(("conda-forge",), ALIAS, "here"), Target())
    assert (caught.value.wanted, caught.value.found) == ("no pip packages", "click and 2 others")


def test_a_lock_for_another_platform(tmp_path: Path) -> None:
    with raised("lock-stale") as caught:
        check(tmp_path, target=Target(platform="linux-aarch64"))
    assert caught.value.wanted == "packages for linux-aarch64"
    assert "for linux-64" in caught.value.found


@pytest.mark.parametrize(
    ("channels", "only", "place"),
    [
        (("conda-forge",), False, FORGE),
        (
            ("https://mirror/conda/conda-forge", "https://mirror/conda/private"),
            True,
            "https://mirror/conda/conda-forge",
        ),
        (("file:///srv/conda-forge", "private"), True, "file:///srv/conda-forge"),
        (("/srv/everything",), True, "file:///srv/everything"),
        (("bioconda",), False, FORGE),
    ],
)
def test_where_locked_packages_come_from(tmp_path: Path, channels: tuple[str, ...], only: bool, place: str) -> None:
    numpy = next(
        found for found in check(tmp_path, pip="", channels=channels, only=only).conda if found.name == "numpy"
    )
    assert numpy.source == f"{place}/linux-64/numpy-1.26.4-py311_0.conda"
    assert numpy.url == NUMPY.url


def test_a_locked_package_whose_channel_is_not_given(tmp_path: Path) -> None:
    with raised("channel-not-listed", problem="lock.*my-tool") as caught:
        check(tmp_path, pip="", channels=("https://m/a", "https://m/conda-forge"), only=True)
    assert "https://h/private" in caught.value.wanted
    assert "the list of channels" in caught.value.remedy
