# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pythons of every kind in an environment: whatever its folder is called, each package is met once and compiled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._environment.pip import settle_records
from ansible_collections.airgap.conda.plugins.module_utils._environment.python import compile_missing
from ansible_collections.airgap.conda.plugins.module_utils._environment.records import own_byte_code
from ansible_collections.airgap.conda.plugins.module_utils._pack.sbom import packages_of, read_records
from ansible_collections.airgap.conda.plugins.module_utils._pack.tree import make_tree
from ansible_collections.airgap.conda.plugins.module_utils._requirements import cuda
from ansible_collections.airgap.conda.plugins.module_utils._secrets import search
from ansible_collections.airgap.conda.tests.unit.tiny_channel import SITE_PACKAGES, Content
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import Patient, python_files
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

PYENV = Path.home() / ".pyenv/versions"
LONE = ["lib/python3.11/site-packages", "lib/python2.7/site-packages", "lib/pypy3.9/site-packages"]
LONE += ["lib/python3.13t/site-packages", "site-packages", "lib64/python3.6/site-packages", "opt/own/packages"]


def info(site: str, name: str = "mine", **files: str) -> dict[str, Any]:
    return {f"{site}/{name}-1.dist-info/{file}": text for file, text in files.items()}


def tree_with(folder: Path, site: str) -> Path:
    """Make a tree whose Python has its packages at ``site``: one of conda, one of pip."""
    metadata = {name: f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n" for name in ("its", "mine")}
    record = "mine-1.dist-info/RECORD,,\nmine.py,sha256=x,1\n"
    url = '{"url": "https://me:secret@host.example/x"}'
    its = info(site, "its", METADATA=metadata["its"], INSTALLER="pip", RECORD="b,,\na,,\n")
    mine = info(site, METADATA=metadata["mine"], INSTALLER="pip\n", RECORD=record, REQUESTED="")
    python = {"name": "python", "files": []}
    python |= {} if site.endswith("site-packages") else {"python_site_packages_path": site}
    return write_tree(
        folder,
        {
            **its,
            **mine,
            **info(site, **{"direct_url.json": url}),
            f"{site}/torch/version.py": "cuda = '12.6'\n",
            "conda-meta/its-1-0.json": json.dumps({"name": "its", "version": "1", "files": sorted(its)}),
            "conda-meta/python-3-0.json": json.dumps(python),
        },
    )


@pytest.mark.parametrize("site", LONE)
def test_packages_are_found_whatever_the_folder_is_called(tmp_path: Path, site: str) -> None:
    tree = tree_with(tmp_path, site)
    packages = packages_of(tree, tree, read_records(tree))
    assert [(p.manager, p.name) for p in packages] == [("conda", "its"), ("conda", "python"), ("pip", "mine")]
    assert cuda.cuda_of_prefix(tree)[0] == "12.6"
    settle_records(tree)
    assert not (tree / site / "mine-1.dist-info/REQUESTED").exists()
    assert (tree / site / "its-1.dist-info/RECORD").read_text() == "b,,\na,,\n"
    search.scrub(tree)
    assert "secret" not in (tree / site / "mine-1.dist-info/direct_url.json").read_text()


def test_a_link_beside_the_folder_is_not_followed(tmp_path: Path) -> None:
    tree = tree_with(tmp_path, "lib/python3.11/site-packages")
    (tree / "lib/python3.1").symlink_to("python3.11")
    (tree / "lib/python3.11/dist-packages").symlink_to("site-packages")
    names = [package.name for package in packages_of(tree, tree, read_records(tree))]
    assert names == ["its", "python", "mine"]
    settle_records(tree)
    assert (tree / "lib/python3.11/site-packages/its-1.dist-info/RECORD").read_text() == "b,,\na,,\n"


def test_a_conda_package_that_pip_installed_at_its_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conda's Python brings lib/python3.1, and many of conda's packages say that pip installed them."""
    patient = Patient(tmp_path, monkeypatch)
    link = {f"{SITE_PACKAGES.rpartition('/')[0][:-1]}": ("->", SITE_PACKAGES.split("/")[1])}
    files = python_files("six", "1.17") | {f"{SITE_PACKAGES}/six-1.17.dist-info/INSTALLER": b"pip\n"}
    patient.conda("six", "1.17", {**files, **link})
    patient.wheel("wheely")
    assert patient.build("  - six\n  - pip: [wheely]\n") == []


# --- compiling -------------------------------------------------------------------------------------------------------

# Stands in a prefix for a Python that lies there: the real one, told that its packages are below the prefix.
WRAPPER = '#!/bin/sh\nhere=$(dirname "$0")\nPREFIX=$here/.. PYTHONPATH=$here/../share exec {python} "$@"\n'
CUSTOM = """\
import os, sysconfig
prefix, site = os.path.abspath(os.environ["PREFIX"]), {site!r}
real = sysconfig.get_path
sysconfig.get_path = lambda name, *rest, **more: (
    os.path.join(prefix, site) if name in ("purelib", "platlib") else real(name, *rest, **more))
"""


@pytest.mark.parametrize(
    ("version", "site", "code"),
    [
        ("2.7", "lib/python2.7/site-packages", "a.pyc"),
        ("3.6", "lib/python3.6/site-packages", "__pycache__/a.cpython-36.pyc"),
        ("3.9", "lib/pypy3.9/site-packages", "__pycache__/a.cpython-39.pyc"),
        ("3.13", "lib/python3.13t/site-packages", "__pycache__/a.cpython-313.pyc"),
        ("3.12", "opt/own/packages", "__pycache__/a.cpython-312.pyc"),
    ],
)
def test_each_python_is_asked_where_its_packages_lie(tmp_path: Path, version: str, site: str, code: str) -> None:
    python = next(PYENV.glob(f"{version}.*/bin/python"), None)
    if python is None:
        pytest.skip(f"no Python {version} here")
    deep = "/".join("abcdefghijklm")
    files = {f"{site}/a.py": "A = 1\n", f"{site}/{deep}/z.py": "", f"{site}/old.py": "print 1 if else\n"}
    record = {"name": "a", "noarch": "python", "files": [f"{site}/a.py"], "paths_data": {"paths": []}}
    tree = {"bin/python": WRAPPER.format(python=python), "share/sitecustomize.py": CUSTOM.format(site=site)}
    write_tree(tmp_path, {**files, **tree, "conda-meta/a-1-0.json": json.dumps(record)})
    compile_missing(tmp_path)
    assert str(tmp_path).encode() not in (tmp_path / site / code).read_bytes()
    assert list((tmp_path / site / deep).rglob("z*.pyc"))
    own_byte_code(tmp_path)
    assert json.loads((tmp_path / "conda-meta/a-1-0.json").read_text())["files"] == [f"{site}/a.py", f"{site}/{code}"]
    subprocess.run([tmp_path / "bin/python", "-c", "pass"], check=True)


# --- noarch packages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["lib/python3.13t/site-packages", "lib/pypy3.9/site-packages", "opt/own/packages"])
def test_noarch_packages_of_another_python_are_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    """conda-pack takes lib/pythonX.Y for granted."""
    patient = Patient(tmp_path, monkeypatch)
    channel, version = patient.channel(), "3.13" if "13" in site else "3.9"
    files: dict[str, Content] = {"bin/python": ("->", sys.executable), f"{site}/README": b"x"}
    channel.add("python", version, files=files, more={"python_site_packages_path": site})
    content = {"site-packages/pure.py": b"A = 1\n", "site-packages/pure-1.dist-info/METADATA": b"Name: pure\n"}
    channel.add("pure", "1", ["python"], files=content, noarch="python")
    assert patient.build(f"  - python {version}\n  - pure\n") == []
    make_tree(patient.prefix, tmp_path / "tree", "/opt/x")
    assert (tmp_path / "tree" / site / "pure.py").read_bytes() == b"A = 1\n"
    packages = packages_of(tmp_path / "tree", patient.prefix, read_records(tmp_path / "tree"))
    assert [package.name for package in packages] == ["pure", "python"]
