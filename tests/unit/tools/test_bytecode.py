# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests keep of Ansible's work between its runs is what Ansible would have worked out anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.airgap.conda.tests.unit.conftest import CHECKOUT

pytest.importorskip("ansible")

BYTECODE = CHECKOUT / "tests/tools/bytecode"
LOOK = """
import ast, json, pathlib, sys
import sitecustomize
from ansible.config import manager
from ansible.executor import module_common
from ansible.utils.collection_loader import _collection_finder

class Finder(module_common.ModuleDepFinder):
    pass

different, seen = [], 0
for path in map(pathlib.Path, sys.argv[1:]):
    name = ".".join(["ansible_collections.airgap.conda.plugins", *path.with_suffix("").parts[-3:]])
    source = path.read_text()
    full = Finder(name, ast.parse(source))
    for time in ("made", "kept"):
        short = Finder(name, module_common.compile(source, str(path), "exec", ast.PyCF_ONLY_AST))
        if (short.submodules, short.optional_imports) != (full.submodules, full.optional_imports):
            different.append(f"{path}, {time}")
    seen += bool(full.submodules)
print(json.dumps({"different": different, "seen": seen, "taken": [
    module_common.compile is sitecustomize.parse_imports,
    _collection_finder.compile is sitecustomize.compile_plugin,
    _collection_finder._meta_yml_to_dict.__module__ == "sitecustomize",
    manager.ConfigManager._read_config_yaml_file.__module__ == "sitecustomize",
]}))
"""


def test_the_imports_of_every_source_are_found_and_ansible_takes_what_is_kept() -> None:
    files = [str(path) for room in ("modules", "module_utils") for path in (CHECKOUT / "plugins" / room).rglob("*.py")]
    environment = {**os.environ, "PYTHONPATH": str(BYTECODE)}
    command = [sys.executable, "-c", LOOK, *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["different"] == []
    assert found["seen"] > 100
    assert found["taken"] == [True] * 4


def test_a_start_that_imports_nothing_of_ansible_is_hardly_slower() -> None:
    command = [sys.executable, "-X", "importtime", "-c", "pass"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(BYTECODE)}, capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported & {"sitecustomize", "typing", "ast", "pickle", "hashlib"} == {"sitecustomize"}
