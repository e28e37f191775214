# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pip section: what is handed to the environment's pip, and what is made of its answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._environment.pip import (
    decisive_lines,
    pip_install,
    read_report,
)
from ansible_collections.airgap.conda.plugins.module_utils._environment.python import clean_variables
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import pip_lock
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import load_packaging
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

WHERE = "envs/demo/environment.yml"
HASH = "0" * 64


def item(name: str, version: str, url: str, **source: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "version": version}, "download_info": {"url": url, **source}}


def test_report_and_lock() -> None:
    archive = {"archive_info": {"hashes": {"sha256": HASH}}}
    old_archive = {"archive_info": {"hash": f"sha256={HASH}"}}
    vcs = {"vcs_info": {"vcs": "git", "commit_id": "abc"}}
    report = {
        "install": [
            item("Zope.Interface", "2.0", "https://h/z.whl", **archive),
            item("older", "1.0", "https://h/o.whl", **old_archive),
            item("fromgit", "3", "https://me:secret@h/r", **vcs) | {"is_direct": True},
            item("fromurl", "4", "https://me:secret@h/u-4.tar.gz", **archive) | {"is_direct": True},
        ]
    }
    packages = read_report(report)
    assert [package.name for package in packages] == ["fromgit", "fromurl", "older", "zope-interface"]
    assert pip_lock(packages) == (
        "fromgit @ git+https://h/r@abc  # 3\n"
        f"fromurl @ https://h/u-4.tar.gz --hash=sha256:{HASH}  # 4\n"
        f"older==1.0 --hash=sha256:{HASH}\nzope-interface==2.0 --hash=sha256:{HASH}\n"
    )


def test_the_machines_settings_stay_but_those_that_lead_elsewhere() -> None:
    machine = {
        "PATH": "/usr/bin",
        "HOME": "/home/me",
        "PIP_INDEX_URL": "https://mirror.example.org/simple",
        "HTTPS_PROXY": "http://proxy",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "PYTHONPATH": "/evil",
        "PYTHONHOME": "/evil",
        "PIP_TARGET": "/evil",
        "PIP_USER": "1",
        "VIRTUAL_ENV": "/evil",
        "CONDA_SHLVL": "2",
        "LD_LIBRARY_PATH": "/evil",
    }
    made = clean_variables(Path("/p"), machine)
    assert "/evil" not in made.values()
    assert "CONDA_SHLVL" not in made
    for name in ("HOME", "PIP_INDEX_URL", "HTTPS_PROXY", "SSL_CERT_FILE"):
        assert made[name] == machine[name]
    assert (made["PATH"], made["CONDA_PREFIX"], made["PYTHONNOUSERSITE"]) == (f"/p/bin{os.pathsep}/usr/bin", "/p", "1")


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("Collecting x\nERROR: No matching distribution found for x\n", "ERROR: No matching distribution found for x"),
        ("one\n" * 20 + "last words\n", "one; one; one; one; one; last words"),
        ("/p/bin/python: No module named pip\n", "/p/bin/python: No module named pip"),
        ("ERROR: https://me:secret@h/simple refused", "ERROR: https://***@h/simple refused"),
        ("", "no output"),
    ],
)
def test_decisive_lines(output: str, shown: str) -> None:
    assert decisive_lines(output) == shown


def test_an_environment_without_python(tmp_path: Path) -> None:
    with raised("pip-failed") as caught:
        pip_install(tmp_path, ["x==1", "y"], WHERE)
    assert (caught.value.wanted, caught.value.where) == ("x==1, y", WHERE)
    assert "No such file" in caught.value.found


@pytest.mark.parametrize("missing", ["packaging", "packaging.utils"])
def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with raised("library-missing") as caught:
        load_packaging()
    assert (caught.value.where, "pip install packaging" in caught.value.remedy) == (sys.executable, True)
