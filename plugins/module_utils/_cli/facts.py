# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 3 on the host: what ``airgap-envs list`` says, as Ansible's local facts ``ansible_local.conda_envs``."""

from __future__ import annotations

import shlex
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    flush_directory,
    make_folder,
    os_errors,
    replace_file,
    text_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.found import MODE
from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import require_own
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# Where Ansible's setup module looks for programs that print facts.
FOLDER = Path("/etc/ansible/facts.d")
NAME = "conda_envs.fact"
# By this line a file is known as one of this collection's, if of another store.
MARK = "# Local facts of airgap.conda; deploy_facts writes and removes this file."


def fact_text(store: Store) -> str:
    """Return the program that prints the facts: it looks at the host each time it is asked."""
    return f"#!/bin/sh\n{MARK}\nexec {shlex.quote(str(store.command))} list --json\n"


def has_facts(store: Store, folder: Path = FOLDER) -> bool:
    """Tell whether this store's facts are there, as they should be."""
    path = folder / NAME
    return text_of(path) == fact_text(store) and path.stat().st_mode & 0o777 == MODE


def apply_facts(store: Store, wanted: bool, folder: Path = FOLDER) -> None:
    """Write this store's facts, or remove them; raises AirgapError when somebody else's are in their place."""
    path = folder / NAME
    with os_errors("Writing local facts", path):
        if not wanted and has_facts(store, folder):
            path.unlink()
            flush_directory(folder)
        elif wanted and not has_facts(store, folder):
            require_ours(folder)
            make_folder(folder)
            require_ours(folder)
            replace_file(path, fact_text(store).encode(), MODE)


def require_ours(folder: Path = FOLDER) -> None:
    """Raise AirgapError if the path of the facts has a file that this collection did not write."""
    path = folder / NAME
    require_own(folder, "the local facts of this host", "set deploy_facts: false")
    if path.is_symlink() or (path.exists() and MARK not in text_of(path)):
        raise AirgapError(
            f"Local facts named {NAME} already exist",
            code="facts-taken",
            wanted="no such file, or one written by an earlier deploy",
            found="another file",
            where=str(path),
            remedy="remove it if nobody needs it, or set deploy_facts: false",
        )
