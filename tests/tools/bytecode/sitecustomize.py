# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the byte code of what is imported from an archive, for Pythons that tests start with this folder in PYTHONPATH.

Ansible runs a module as an archive of sources. Python compiles these anew each time, which takes more than a third of
the time of a module that does little, and the tests run thousands of them. To make the archive, Ansible parses each of
these sources for its imports, which takes longer than all else it does for a task; they are kept too.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
import zipimport

TYPE_CHECKING = False  # the module typing would cost each of these starts more than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

FOLDER = os.path.join(os.path.dirname(__file__), "../../../.cache/bytecode", str(sys.implementation.cache_tag))
compile_source = zipimport._compile_source  # type: ignore[attr-defined] # noqa: SLF001 - what a change of it costs is time


def place(source: bytes) -> str:
    """Return the path of what is kept of ``source``."""
    return os.path.join(FOLDER, hashlib.sha1(source, usedforsecurity=False).hexdigest())


def keep(name: str, content: bytes) -> None:
    """Write a file whole or not at all; where that cannot be, it is made again the next time."""
    with contextlib.suppress(OSError):
        os.makedirs(FOLDER, exist_ok=True)
        with open(f"{name}.{os.getpid()}", "wb") as stream:
            stream.write(content)
        os.replace(f"{name}.{os.getpid()}", name)


def kept(path: str, source: bytes) -> CodeType:
    """Return the code of ``source``, compiled now or when it was seen first."""
    name = place(source)
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError), open(name, "rb") as stream:
        return marshal.loads(stream.read())  # noqa: S302 - written below
    code: CodeType = compile_source(path, source)
    keep(name, marshal.dumps(code))
    return code


def imports(source: str | bytes, path: str, mode: str, flags: int = 0) -> Any:
    """Stand in for ``compile`` where Ansible looks what a module imports: the tree has these statements alone.

    Those that are not on the top level stay below it: what they import may be missing.
    """
    import ast  # loaded already, where this is called

    if flags != ast.PyCF_ONLY_AST or mode != "exec":
        return compile(source, path, mode, flags, dont_inherit=True)
    name = place(source.encode() if isinstance(source, str) else source) + ".imports"
    with contextlib.suppress(OSError, ValueError), open(name, encoding="utf-8") as stream:
        return compile(stream.read(), path, mode, flags, dont_inherit=True)
    tree = compile(source, path, mode, flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    top: list[ast.stmt] = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assign))]
    inner = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) and node not in top]
    top = [node for node in top if not isinstance(node, ast.Assign) or ast.unparse(node.targets[0]) == "METADATA"]
    lines = [ast.unparse(node) for node in top] + [f"if 0: {ast.unparse(node)}" for node in inner]
    keep(name, "\n".join(lines).encode())
    return tree


class Finder:
    """Finds the module that packs modules, and gives it ``imports``."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Find that module as Python does, and no other."""
        if name != "ansible.executor.module_common":
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                module.compile = imports  # type: ignore[attr-defined]

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, Finder)
zipimport._compile_source = kept  # type: ignore[attr-defined] # noqa: SLF001
