# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hostile payloads and lists of hostile.py on a drive, signed, for a host that installs by its own command."""

from __future__ import annotations

import codecs
import hashlib
import importlib
import os
import shutil
import stat
import tempfile
import traceback
from pathlib import Path
from unittest.mock import patch

from corpus import ENTRIES, Case
from errors import PARTS
from scenes import ENV, install_command

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SIGNATURE,
    Checks,
    Manifest,
    Part,
    Payload,
    Requirements,
)
from ansible_collections.airgap.conda.plugins.module_utils._run.process import run
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import release_id

codecs.lookup("ascii")
# Loaded before the root is another one: the command loads these, and what keeps its programs, when it needs them.
for _name in ("_cli.changes", "_receipt.noted"):
    importlib.import_module(f"ansible_collections.airgap.conda.plugins.module_utils.{_name}")
run(["true"], deadline=20)
REFUSED, TAKEN = "refused", "taken"


def try_release(case: Case, place: Path) -> tuple[str, str]:
    """Install one case below ``place`` from a drive; returns how that ended, and what is wrong with it."""
    root, depot = place / "opt", place / "drive/depot"
    root.mkdir()
    _put(case, depot / ENV / release_id(1), root)
    before, store = _look(depot), Store(root)
    try:
        with patch.object(tempfile, "tempdir", str(place)), patch.object(Store, "remove_unused"):
            install_command(store, depot, 1)
        how, fault = TAKEN, "it is current, and nothing has checked it"
    except AirgapError as error:
        # The box has no shell that could check what was unpacked, so that is as far as a good release comes. It stays
        # here, to be looked at.
        how = TAKEN if store.releases(ENV) else REFUSED
        fault = "" if PARTS.fullmatch(str(error)) else f"a message without its parts: {error}"
    except BaseException:  # noqa: BLE001 - a user would see a traceback
        how, fault = "crashed", traceback.format_exc()[-1500:]
    if how == TAKEN:
        fault = fault or "; ".join(f"{d.path}: {d.found}" for d in store.differences(ENV, release_id(1)))
    else:
        fault = fault or _left(root)
    fault = fault or ("" if _look(depot) == before else "the drive is another")
    for name in ("opt", "drive"):
        shutil.rmtree(place / name)
    return how, fault


def _put(case: Case, folder: Path, root: Path) -> None:
    """Write a release with this payload and list as a bastion would sign it that has been taken over."""
    folder.mkdir(parents=True)
    part = Part(f"env.{case.format}.000", len(case.payload), hashlib.sha256(case.payload).hexdigest())
    manifest = Manifest(
        env=ENV,
        id=release_id(1),
        serial=1,
        prefix=str(root / ENV / release_id(1)),
        platform="linux-64",
        created="2026-01-01T00:00:00Z",
        inputs={"request_sha256": "", "inputs_sha256": ""},
        requirements=Requirements(),
        packages=(),
        payloads=(Payload(case.format, part.size, part.sha256, (part,)),),
        bytes=sum(entry.size for entry in ENTRIES),
        files=len(ENTRIES),
        files_sha256=hashlib.sha256(case.files).hexdigest(),
        checks=Checks(commands=("true",), timeout=20),
    )
    (folder / part.name).write_bytes(case.payload)
    (folder / FILES).write_bytes(case.files)
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    (folder / SIGNATURE).write_text("not looked at here", encoding="ascii")


def _look(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_size for path in folder.rglob("*")}


def _left(root: Path) -> str:
    """Say what a host has after a release that was refused: nothing of it, and nothing special."""
    for path in root.rglob("*"):
        mode, name = path.lstat().st_mode, os.path.relpath(path, root)
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or stat.S_IMODE(mode) & 0o7022:
            return f"{name} is something special: {mode:o}"
        if name.split("/")[0] in (ENV, ".staging") and not stat.S_ISDIR(mode):
            return f"{name} is left"
    return ""
