# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps what is compiled or parsed anew at each start, for Pythons that tests start with this folder in PYTHONPATH.

Ansible runs a module as an archive of sources, which Python compiles at each start: more than a third of the time of a
module that does little. ansible-playbook packs each module that it runs, for which it parses each source to find its
imports; it compiles the plugins of a collection in each worker, and parses YAML of its own: half of the time of a short
play. The tests run thousands of them. What is kept goes by the content, and packed modules by the names, sizes and
times of all files that could be in them, so nothing is ever out of date.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import sys
import zipimport

TYPE_CHECKING = False  # every start counts: typing takes as long as the rest of this file
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

FOLDER = os.path.join(os.path.dirname(__file__), "../../../.cache/bytecode", str(sys.implementation.cache_tag))
compile_source = zipimport._compile_source  # type: ignore[attr-defined] # noqa: SLF001 - what a change of it costs is time


def kept(source: str | bytes, kind: str, make: Callable[[], Any], form: Any = marshal) -> Any:
    """Return what ``make`` makes of ``source``, now or when it was seen first; ``form`` writes and reads it."""
    import hashlib

    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    name = os.path.join(FOLDER, hashlib.sha1(data + kind.encode(), usedforsecurity=False).hexdigest())
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError), open(name, "rb") as stream:
        return form.loads(stream.read())  # written below
    made = make()
    with contextlib.suppress(OSError, ValueError):
        os.makedirs(FOLDER, exist_ok=True)
        # Not the number of the process: simulated hosts have numbers of their own, and share this folder.
        new = f"{name}.{os.urandom(8).hex()}"
        with open(new, "xb") as stream:
            stream.write(form.dumps(made))
        os.replace(new, name)
    return made


def compile_archived(path: str, source: bytes) -> CodeType:
    """Compile what lies in an archive; tracebacks name the archive in which it was seen first."""
    code: CodeType = kept(source, "", lambda: compile_source(path, source))
    return code


def compile_plugin(source: str, filename: str, mode: str, flags: int, dont_inherit: bool) -> CodeType:
    """Compile a file of a collection, as Ansible's loader does."""
    code: CodeType = kept(source, filename, lambda: compile(source, filename, mode, flags, dont_inherit))
    return code


def parse_imports(source: str | bytes, filename: str, mode: str, flags: int) -> Any:
    """Parse a source for ansible-playbook, which looks for imports in it and for nothing else."""
    import pickle

    return kept(source, "imports", lambda: only_imports(compile(source, filename, mode, flags)), pickle)


def only_imports(tree: Any) -> Any:
    """Take away from a syntax tree what neither is nor contains an import."""
    has_imports(tree)
    return tree


def has_imports(node: Any) -> bool:
    """Return whether a node is or contains an import, and leave nothing else in it."""
    import ast

    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    found = False
    for name, value in list(ast.iter_fields(node)):
        # Ansible looks into lists of nodes only.
        left = (
            [item for item in value if isinstance(item, ast.AST) and has_imports(item)]
            if isinstance(value, list)
            else None
        )
        setattr(node, name, left)
        found = found or bool(left)
    return found


def parses_imports(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Load what packs modules."""
    vars(module)["compile"] = parse_imports
    load(module)
    pack = module._find_module_utils  # noqa: SLF001

    def pack_once(*words: Any, **options: Any) -> Any:
        # Before 2.19, Ansible does not name what it hands over: nothing is kept.
        sources = [] if words else sources_of(module, options["module_path"])
        if not sources:
            return pack(*words, **options)
        import hashlib

        said = repr([sources, options["module_compression"]]).encode()
        kind = f"packed-{os.path.basename(options['module_path'])}-"
        there = os.path.join(FOLDER, kind + hashlib.sha1(said, usedforsecurity=False).hexdigest())
        here = os.path.join(module.C.DEFAULT_LOCAL_TMP, "ansiballz_cache")
        copy_new(there, here, "")
        found = pack(**options)
        # What is in this folder is Ansible's own cache, of this run alone.
        if not os.path.isdir(there):
            copy_new(here, there, module._get_ansible_module_fqn(options["module_path"]) + "-")  # noqa: SLF001
            remove_old(kind, there)
        return found

    vars(module)["_find_module_utils"] = pack_once


def sources_of(module: ModuleType, path: str) -> list[tuple[str, int, int]]:
    """Return name, size and time of all files that may be packed with a module of this collection or of Ansible's own.

    Of none for others, and where a play brings libraries of its own.
    """
    utils = os.path.realpath(module._MODULE_UTILS_PATH)  # noqa: SLF001
    brought = [os.path.realpath(folder) for folder in module.module_utils_loader._get_paths(subdirs=False)]  # noqa: SLF001
    ours = "/ansible_collections/airgap/conda/plugins/modules/" in path
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not ours and folder != os.path.join(os.path.dirname(utils), "modules"):
        return []
    if any(os.path.isdir(folder) and folder != utils for folder in brought):
        return []
    todo = [utils, os.path.join(os.path.dirname(folder), "module_utils")] if ours else [utils]
    names, found = [path, module.__file__ or ""], []
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    names.append(entry.path)
                elif entry.is_dir(follow_symlinks=False) and entry.name != "__pycache__":
                    todo.append(entry.path)
    for name in sorted(names):
        status = os.stat(name)
        found.append((name, status.st_size, status.st_mtime_ns))
    return found


def remove_old(kind: str, there: str) -> None:
    """Remove what was kept of other sources of this module; a run that would copy it just now packs for itself."""
    import shutil

    with contextlib.suppress(OSError):
        for name in os.listdir(FOLDER):
            path = os.path.join(FOLDER, name)
            if name.startswith(kind) and path != there:
                shutil.rmtree(path, ignore_errors=True)


def copy_new(source: str, target: str, start: str) -> None:
    """Copy the files of a folder whose names start so and which another folder lacks; nothing where that cannot be."""
    with contextlib.suppress(OSError):
        for name in os.listdir(source):
            path = os.path.join(target, name)
            if name.startswith(start) and not name.endswith((".lock", ".new")) and not os.path.exists(path):
                os.makedirs(target, exist_ok=True)
                new = f"{path}.{os.urandom(8).hex()}.new"
                with open(os.path.join(source, name), "rb") as old, open(new, "xb") as stream:
                    stream.write(old.read())
                os.replace(new, path)


def compiles_plugins(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Load what imports the files of collections."""
    vars(module)["compile"] = compile_plugin
    load(module)


def reads_metadata(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Load what parses a collection's meta/runtime.yml; its function may be replaced by one that keeps what it read."""
    load(module)
    read = module._meta_yml_to_dict  # noqa: SLF001

    def read_once(text: str | bytes, content_id: object) -> Mapping[str, Any]:
        found: Mapping[str, Any] = kept(text, "metadata", lambda: read(text, content_id))
        return found

    vars(module)["_meta_yml_to_dict"] = read_once


def reads_settings(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Load what parses Ansible's list of its own settings."""
    load(module)
    read = module.ConfigManager._read_config_yaml_file  # noqa: SLF001

    def read_once(self: object, path: str) -> dict[str, Any]:
        with open(path, "rb") as stream:
            found: dict[str, Any] = kept(stream.read(), "settings", lambda: read(self, path))
        return found

    module.ConfigManager._read_config_yaml_file = read_once  # noqa: SLF001


def asks_once(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Load what has Molecule start ``ansible-playbook --version`` before each playbook, to see that it is there."""
    load(module)
    ask, asked = module.AnsiblePlaybook._validate_backend, set()  # noqa: SLF001

    def ask_once(self: object, backend: str) -> None:
        if backend not in asked:
            ask(self, backend)
            asked.add(backend)

    module.AnsiblePlaybook._validate_backend = ask_once  # noqa: SLF001


FASTER = {
    "ansible.executor.module_common": parses_imports,
    "ansible.utils.collection_loader._collection_finder": compiles_plugins,
    "ansible.utils.collection_loader._collection_meta": reads_metadata,
    "ansible.config.manager": reads_settings,
    "molecule.provisioner.ansible_playbook": asks_once,
}


class Finder:
    """Finds the modules of ansible-core, and of Molecule, that get a faster function."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec of such a module; None leaves any other to the finders that come next."""
        faster = FASTER.get(name)
        if faster is None:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: faster(module, load)  # type: ignore[method-assign]
        return spec


# Ansible makes so many objects, and so few in circles, that looking for those costs an eighth of a play.
gc.set_threshold(100_000, 10, 10)
zipimport._compile_source = compile_archived  # type: ignore[attr-defined] # noqa: SLF001
sys.meta_path.insert(0, Finder)
