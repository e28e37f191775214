# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the one file ``<root>/bin/airgap-envs``: a few lines of sh, then the sources of ``_cli`` and all it imports.

The sh chooses a runtime whose Python starts, so that the command also works, and can go back, when the current runtime
is broken. Equal sources give equal bytes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
import shlex
import zipfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    make_folder,
    os_errors,
    remove_unfinished,
    replace_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._cli.found import MODE
from ansible_collections.airgap.conda.plugins.module_utils._cli.run import RUN
from ansible_collections.airgap.conda.plugins.module_utils._cli.say import NAME
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

if TYPE_CHECKING:  # Ansible sends them to the host because of these lines; what writes the command need not load them
    from ansible_collections.airgap.conda.plugins.module_utils._cli import asked as _asked  # noqa: F401
    from ansible_collections.airgap.conda.plugins.module_utils._cli import main as _main  # noqa: F401

PACKAGE = __name__.partition(".module_utils.")[0] + ".module_utils"
MAIN = f"{PACKAGE}._cli.main"
# What a deploy asks for, past the sh.
ASKED = f"{PACKAGE}._cli.asked"
# How the modules of this collection import each other, at the top or in a function. A parser would take five times as
# long.
IMPORT = re.compile(rf"^[ \t]*from ({re.escape(PACKAGE)}(?:\.\w+)*) import (\((?:#.*|[^)#])*\)|.*)$", re.MULTILINE)

# Seconds that one run waits until another has written the command.
COMMAND_WAIT = 60.0
PREAMBLE = """\
#!/bin/sh
# {name}: shows, checks and switches the environments of this host. Generated; the program follows as a zip.
root={root}
{run}skipped=
# Entered by its own name: the link may lead to another release while the program runs.
current=$(readlink "$root/runtime/current" 2>/dev/null) || current=current
for python in "$root/runtime/$current/bin/python" "$root"/runtime/[0-9]*/bin/python; do
  if "$python" -IBc 'import argparse, json, zstandard' >/dev/null 2>&1; then
    if [ -n "$skipped" ]; then
      echo "{name}: the current runtime does not start; $python takes its place" >&2
      echo "  remedy:  deploy again, or go back: $root/bin/{name} rollback runtime" >&2
    fi
    exec "$python" -IB "$root/bin/{name}" "$@"
  fi
  skipped=yes
done
cat >&2 <<END
{name}: No runtime on this host starts
  wanted:  a release of runtime whose Python starts
  found:   $("$root/runtime/current/bin/python" -IBc 'import argparse, json, zstandard' 2>&1 | tail -n 1)
  where:   $root/runtime/current
  remedy:  run airgap.conda.deploy for this host; the environments themselves need no runtime: . $root/ENV/activate
END
exit 1
"""
START = f"""\
import sys
from pathlib import Path

from {MAIN} import main

sys.exit(main(Path(sys.argv[0]).parent.parent, sys.argv[1:]))
"""


def command_file(store: Store) -> bytes:
    """Return the content of the command for this store."""
    run = RUN.replace("{name}", NAME)
    preamble = PREAMBLE.format(name=NAME, root=shlex.quote(str(store.root)), run=run)
    return program(preamble, START, MAIN, ASKED)


def program(preamble: str, start: str, *modules: str) -> bytes:
    """Return a file for Python to run: ``preamble``, then as a zip ``start``, ``modules`` and all that they import."""
    files = {"__main__.py": start}
    for name, text in _sources(modules).items():
        parts = name.split(".")
        files.update({"/".join([*parts[:count], "__init__.py"]): "" for count in range(1, len(parts))})
        files["/".join(parts) + ".py"] = text
    stream = io.BytesIO(preamble.encode())
    stream.seek(0, io.SEEK_END)
    # Not compressed: the bytes of zlib differ from version to version.
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), text)
    return stream.getvalue()


def _sources(modules: Iterable[str]) -> dict[str, str]:
    """Return name -> source of modules of this collection and of all those of them that they import."""
    found: dict[str, str] = {}
    folders: dict[str, bool] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in found:
            # The loader is asked, because a module that Ansible sent to a host has its module_utils in a zip.
            text = _spec(name).loader.get_source(name)
            found[name] = text.decode() if isinstance(text, bytes) else text  # that of collections gives bytes
            for module, names in imports_of(found[name]):
                if module not in folders:
                    folders[module] = _spec(module).submodule_search_locations is not None
                todo += [f"{module}.{one}" for one in names] if folders[module] else [module]
    return found


def imports_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """Give each module or folder of this collection from which a source imports something, with the names of that."""
    for module, names in IMPORT.findall(text):
        bare = re.sub("#.*", "", names).strip("() \n")
        yield module, [name.split()[0] for name in bare.split(",") if name.strip()]


def _spec(name: str) -> Any:
    """Return how Python finds a module or a folder of them; that loads the folders above it, and nothing else."""
    return importlib.util.find_spec(name)


def wanted_command(store: Store) -> str:
    """Return the sha256 of the command that this version of the collection brings."""
    return hashlib.sha256(command_file(store)).hexdigest()


def write_command(store: Store) -> None:
    """Bring the command to this host, by one rename; runs that come at the same time wait for each other."""
    path = store.command
    lock = locked(store.root / ".state", path.parent.name, NAME, COMMAND_WAIT)
    with os_errors(f"Writing {NAME}", path), lock:
        make_folder(path.parent)
        remove_unfinished(path)
        replace_file(path, command_file(store), MODE)
