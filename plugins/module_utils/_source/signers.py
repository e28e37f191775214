# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose releases a host takes when it serves itself: its own list of allowed signers, which only its owner can write.

The list is never on the source. A deploy or the kit brings it, on another way than the releases.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    make_folder,
    os_errors,
    remove_unfinished,
    replace_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import require_own

# Of root, for stores of root.
SYSTEM = Path("/etc/airgap-conda/allowed_signers")
MODE = 0o644
# By this line a list is known as one that the collection wrote and may replace.
MARK = "# Whose releases this host takes: airgap.conda writes this file, and replaces it at each deploy."


def signers_file() -> Path:
    """Return where the list of this user is: root's in /etc, everybody else's among the settings in their home."""
    if os.geteuid() == 0:
        return SYSTEM
    settings = os.environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(settings if os.path.isabs(settings) else os.path.expanduser("~/.config"))
    return folder / SYSTEM.parent.name / SYSTEM.name


def require_signers(path: Path) -> Path:
    """Return the list at ``path``; raises AirgapError when it is not there, or others could change it."""
    if not os.path.lexists(path):
        mine = "" if os.geteuid() == 0 or not SYSTEM.exists() else f", or run it as root, who has {SYSTEM}"
        raise AirgapError(
            "It is not known whose releases this host takes",
            wanted="a list of allowed signers that only its owner can write",
            found="no such file",
            where=str(path),
            remedy="let a deploy or the kit write it, or write one line for each trusted key: a name, a space, and the "
            f"content of the bastion's key.pub, which did not come on the way that the releases take{mine}",
            code="no-signers",
        )
    require_own(path.parent, "the list of whose releases this host takes", "write it in a folder that is only yours")
    status = path.lstat()
    fault = _fault(status) if stat.S_ISREG(status.st_mode) else "a link, or something else than a file"
    for place, found in ((path.parent, _fault(path.parent.stat())), (path, fault)):
        if found:
            raise AirgapError(
                "Others could change whose releases this host takes",
                wanted=f"a folder, and a file in it, that only {'root' if os.geteuid() == 0 else 'you'} can write",
                found=found,
                where=str(place),
                remedy=f"look at what is in it; then: chown {os.geteuid()} {place} && chmod go-w {place}",
                code="signers-not-safe",
            )
    return path


def _fault(status: os.stat_result) -> str:
    """Say why a file or folder is not only its owner's to write; empty when it is."""
    if status.st_uid not in (0, os.geteuid()):
        return f"it belongs to user {status.st_uid}"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"mode {stat.S_IMODE(status.st_mode):o}: its group or everybody can write it"
    return ""


def read_keys(path: Path) -> str:
    """Return the content of a list on the controller; raises AirgapError when it cannot be read or is no such list."""
    try:
        return read_small(path, limits.SIGNERS).decode("utf-8", "replace")
    except FileFault as fault:
        raise AirgapError(
            "The list of allowed signers cannot be handed to hosts",
            wanted=f"a readable file of at most {limits.SIGNERS} bytes",
            found=str(fault),
            where=str(path),
            remedy="keep in it only the keys that releases are signed with, or set deploy_pin_signers: false",
            code="signers-unusable",
        ) from fault


def signers_text(keys: str) -> str:
    """Return what a list with ``keys`` is as the collection writes it: lines of the allowed signers format."""
    lines = [line for line in keys.splitlines() if line != MARK]
    return "".join(f"{line}\n" for line in (MARK, *lines))


def is_pinned(keys: str, path: Path | None = None) -> bool:
    """Tell whether the list is there with these keys and as it should be; its mark does not count."""
    path = path or signers_file()
    try:
        status = path.lstat()
    except OSError:
        return False
    is_ours = status.st_uid in (0, os.geteuid()) and stat.S_IMODE(status.st_mode) == MODE
    return is_ours and signers_text(_read(path)) == signers_text(keys)


def pin(keys: str, path: Path | None = None) -> None:
    """Write the list; raises AirgapError when one of somebody else is in its place."""
    path = path or signers_file()
    with os_errors("Writing whose releases this host takes", path):
        if not is_pinned(keys, path):
            require_ours(keys, path)
            make_folder(path.parent)
            require_ours(keys, path)
            remove_unfinished(path)
            replace_file(path, signers_text(keys).encode(), MODE)


def require_ours(keys: str, path: Path | None = None) -> None:
    """Raise AirgapError if the path of the list has other keys, and in a file that this collection did not write."""
    path = path or signers_file()
    require_own(path.parent, "the list of whose releases this host takes", "set deploy_pin_signers: false")
    text = _read(path)
    is_ours = MARK in text.splitlines() or signers_text(text) == signers_text(keys)
    if path.is_symlink() or (path.exists() and not is_ours):
        raise AirgapError(
            "Somebody else has written down whose releases this host takes",
            wanted="no such file, one with the same keys, or one written by an earlier deploy",
            found="another file",
            where=str(path),
            remedy="remove it if nobody needs it, or set deploy_pin_signers: false",
            code="signers-not-ours",
        )


def short(path: Path | None = None) -> str:
    """Return the first 8 digits of the sha256 of the list that is there, for a diff; ``-`` for none."""
    text = _read(path or signers_file())
    return sum_of(text) if text else "-"


def sum_of(keys: str) -> str:
    """Return the same for a list with these keys."""
    return hashlib.sha256(signers_text(keys).encode()).hexdigest()[:8]


def _read(path: Path) -> str:
    try:
        return read_small(path, limits.SIGNERS).decode("utf-8", "replace")
    except FileFault:
        return ""
