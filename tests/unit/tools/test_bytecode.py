# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests keep of Ansible's work between its runs is what Ansible would have worked out anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.conftest import CHECKOUT, COLLECTIONS

ansible = pytest.importorskip("ansible")

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


PACK = """
import io, json, os, sys, zipfile
from base64 import b64decode
from pathlib import Path
import sitecustomize
sitecustomize.FOLDER = sys.argv[1]
from ansible import constants as C
from ansible.executor import module_common
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.collection_loader import _collection_finder as finder
finder._AnsibleCollectionFinder(paths=[os.environ["ANSIBLE_COLLECTIONS_PATH"]])._install()

def packed(path, place):
    C.DEFAULT_LOCAL_TMP = sys.argv[1] + place
    built = module_common.modify_module(
        module_name=Path(path).stem, module_path=path, module_args={}, templar=Templar(DataLoader()),
        task_vars={"ansible_python_interpreter": "/usr/bin/python3"}, module_compression="ZIP_DEFLATED",
    )
    data = (built[0] if isinstance(built, tuple) else built.b_module_data).decode()
    text = max(data.replace('"', "'").split("'"), key=len)
    with zipfile.ZipFile(io.BytesIO(b64decode(text))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}

walks = []
real = module_common.recursive_finder
module_common.recursive_finder = lambda *words, **options: walks.append(words[0]) or real(*words, **options)
copied = []
for path in sys.argv[2:]:
    first, second = packed(path, "/one"), packed(path, "/two")
    copied.append(first == second)
print(json.dumps({"walks": walks, "copied": copied, "files": len(first), "sources": [
    sitecustomize.sources_of(module_common, path) for path in (*sys.argv[2:], "/a/play/library/stat.py")
]}))
"""


def test_a_module_is_packed_once_and_its_archive_is_what_ansible_makes(tmp_path: Path) -> None:
    """Only modules of this collection and of Ansible itself; by the size and time of all files they may need."""
    own = str(COLLECTIONS / "ansible_collections/airgap/conda/plugins/modules/rollback.py")
    builtin = str(Path(ansible.__file__).parent / "modules/stat.py")
    environment = {**os.environ, "PYTHONPATH": str(BYTECODE), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    command = [sys.executable, "-c", PACK, str(tmp_path), builtin, own]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["walks"] == ["stat", "rollback"]
    assert found["copied"] == [True, True]
    assert found["files"] > 100
    seen = [{name: (size, changed) for name, size, changed in sources} for sources in found["sources"]]
    assert seen[2] == {}
    for path in (builtin, str(Path(ansible.__file__).parent / "module_utils/basic.py")):
        status = os.stat(path)
        assert seen[0][path] == (status.st_size, status.st_mtime_ns)
    sources = sorted(str(path) for path in (CHECKOUT / "plugins/module_utils").rglob("*.py"))
    assert sorted(name for name in seen[1] if "/plugins/module_utils/" in name) == sources
