# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The published schemas: up to date, sound themselves, and what the code writes keeps them."""

from __future__ import annotations

import functools
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import RINGS, Rings, Said
from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import fleet
from ansible_collections.airgap.conda.plugins.module_utils._source.index import INDEX, write_index
from ansible_collections.airgap.conda.tests.conftest import CHECKOUT
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import receipt
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

SCHEMAS = {path.name.split(".")[0]: path for path in (CHECKOUT / "docs/schemas").glob("*.schema.json")}
TIME = "2026-03-31T12:00:00Z"


@functools.cache
def library() -> Any:
    """Import jsonschema, which takes a fifth of the time in which all tests are found."""
    pytest.importorskip("jsonschema")
    return importlib.import_module("jsonschema")


def check(name: str, data: Any) -> None:
    library().Draft202012Validator(json.loads(SCHEMAS[name].read_text())).validate(data)


def test_they_are_what_the_types_say() -> None:
    command = [sys.executable, str(CHECKOUT / "tests/tools/schemas.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert set(SCHEMAS) == {"files", "host-report", "index", "manifest", "receipt", "report"}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_they_are_sound(name: str) -> None:
    library().Draft202012Validator.check_schema(json.loads(SCHEMAS[name].read_text()))


def a_manifest(folder: Path) -> dict[str, Any]:
    made = make_release(folder, Path("/opt/conda-envs"), packages=("six 1.17.0 py_0",))
    return dict(json.loads(made.manifest.to_json()))


def a_receipt(_folder: Path) -> dict[str, Any]:
    return dict(json.loads(receipt().to_json()))


def a_host(_folder: Path) -> dict[str, Any]:
    return dict(json.loads(_report().to_json()))


def a_report(_folder: Path) -> dict[str, Any]:
    return dict(json.loads(fleet([_report(), host_report("off", {"unreachable": True}, {}, TIME)], TIME).to_json()))


def _report() -> Any:
    links = [{"env": env, "release": "1-00000001", "since": 1772452800} for env in ("runtime", "demo")]
    answer = {"env": "demo", "release": "1-00000001", "installed": ["1-00000001"], "previous": "", "gpu": None}
    results = [{"item": "demo", "envs": [answer], "failed": False}, {"item": "runtime", "failed": True, "msg": "no"}]
    return host_report("ws", {"root": "/opt/conda-envs", "links": links}, {"results": results}, TIME)


def an_index(folder: Path) -> dict[str, Any]:
    make_release(folder, Path("/opt/conda-envs"))
    (folder / RINGS).write_bytes(Rings((Said("demo", "1-00000001", 1, 2, 0),), ("demo 1-00000001",)).to_json())
    write_index(folder)
    return dict(json.loads((folder / INDEX).read_bytes()))


MADE: dict[str, Callable[[Path], dict[str, Any]]] = {
    "index": an_index,
    "manifest": a_manifest,
    "receipt": a_receipt,
    "host-report": a_host,
    "report": a_report,
}


@pytest.mark.parametrize("name", MADE)
def test_what_the_code_writes_keeps_its_schema(name: str, tmp_path: Path) -> None:
    check(name, MADE[name](tmp_path))


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("how", ["another", "fewer", "type", "schema"])
def test_what_it_would_not_write_does_not(name: str, how: str, tmp_path: Path) -> None:
    data = MADE[name](tmp_path)
    if how == "another":
        data["surprise"] = 1
    elif how == "fewer":
        del data["env" if name == "manifest" else "schema"]
    elif how == "type" and name == "index":
        data["envs"]["demo"]["manifest"] = "../x"
    elif how == "type":
        data["created" if name == "manifest" else "when" if name == "receipt" else "time"] = "yesterday"
    else:
        data["schema"] = 99
    with pytest.raises(library().ValidationError):
        check(name, data)


def test_an_entry_of_the_list_of_files_keeps_its_schema() -> None:
    check("files", vars(FileEntry("bin/tool", "file", 0o755, 3, "a" * 64)))
