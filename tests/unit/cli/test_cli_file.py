# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What airgap-envs is made of: found without a parser, and without loading it, since each play asks on each host."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys

from ansible_collections.airgap.conda.plugins.module_utils._cli import file
from ansible_collections.airgap.conda.tests.conftest import CHECKOUT, COLLECTIONS


def parsed(text: str) -> set[tuple[str, str]]:
    """Return what a parser finds."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if f"{node.module}.".startswith(f"{file.PACKAGE}.")]
    return {(str(node.module), alias.name) for node in ours for alias in node.names}


def test_it_finds_what_a_parser_finds() -> None:
    sources = sorted((CHECKOUT / "plugins/module_utils").rglob("*.py"))
    assert len(sources) > 100
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert {(module, name) for module, names in file.imports_of(text) for name in names} == parsed(text), path


def test_every_form_of_an_import_is_found() -> None:
    text = f"""
from {file.PACKAGE} import _a, _b as b
from {file.PACKAGE}._c.d import (
    E,  # one, (two)
    F as G,
)
def later():
    from {file.PACKAGE}._h import i  # and no more
"""
    assert {(module, name) for module, names in file.imports_of(text) for name in names} == parsed(text)


def test_what_hashes_the_command_does_not_load_it() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(COLLECTIONS)!r})
from {file.__name__} import MAIN, command_file
from {file.PACKAGE}._store.store import Store
from pathlib import Path
assert MAIN.replace('.', '/').encode() in command_file(Store(Path('/opt/envs')))
assert MAIN not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_a_deploy_asks_does_not_load_what_only_work_needs() -> None:
    script = f"import sys\nsys.path.insert(0, {str(COLLECTIONS)!r})\nimport {file.ASKED}\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert file.ASKED in loaded
    for name in ("_run.process", "_run.keeper", "_formats.mksquashfs", "_fit.rules"):
        assert f"{file.PACKAGE}.{name}" not in loaded
        assert importlib.util.find_spec(f"{file.PACKAGE}.{name}")  # none that has moved
