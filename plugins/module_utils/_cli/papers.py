# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands of ``airgap-envs`` for what was written down: receipts on their way, audit chains."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import (
    DEPOT_CHAIN,
    HOST_CHAIN,
    Chain,
    as_result,
    read,
)
from ansible_collections.airgap.conda.plugins.module_utils._audit.story import table
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._cli.say import SCHEMA, complain, say, warn
from ansible_collections.airgap.conda.plugins.module_utils._receipt.export import export
from ansible_collections.airgap.conda.plugins.module_utils._receipt.write import kept
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import Folder
from ansible_collections.airgap.conda.plugins.module_utils._source.sources import DEPOT
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store


def export_receipt(store: Store, options: argparse.Namespace) -> int:
    """Copy the receipts to a drive; without one, print them as JSON."""
    if options.folder is None:
        say(json.dumps({"schema": SCHEMA, "receipts": kept(store)}, indent=1))
        return 0
    depot = _depot(Path(options.folder))
    if not depot.is_dir() and depot.parent.is_dir():
        with os_errors("Exporting receipts", depot):
            depot.mkdir()
    target, new, signer = export(store, depot)
    say(f"{new} new receipt{'' if new == 1 else 's'} in {target}, signed by {signer or 'nobody'}")
    return 0


def audit_verify(store: Store, options: argparse.Namespace) -> int:
    """Check the chain of this host, and of a drive or depot; a broken one is a fault, a cut line is told."""
    paths = [store.root / ".state" / HOST_CHAIN]
    if options.folder is not None:
        paths.append(_depot(Path(options.folder)) / DEPOT_CHAIN)
    chains = [read(path) for path in paths]
    if options.json:
        say(json.dumps({"schema": SCHEMA, "chains": [as_result(one) for one in chains]}, indent=1))
    for one in chains:
        if not options.json:
            _show(one)
        for text in one.cut:
            warn(f"{one.path}: {text}: a run was cut off there; nothing else is wrong with it")
    wrong = [one for one in chains if one.broken]
    for one in wrong:
        complain(one.error())
    return 1 if wrong else 0


def _show(chain: Chain) -> None:
    for line in table([(chain.path, entry) for entry in chain.entries], places=False):
        say(line)
    lines = len(chain.entries)
    say(f"{chain.path}: {lines} line{'' if lines == 1 else 's'}, {chain.verdict}, head {chain.head[:16]}")


def _depot(folder: Path) -> Path:
    """Return the depot in a folder, or the folder if it is one itself; where there is none, what a drive calls it."""
    is_depot = not (folder / DEPOT).is_dir() and (bool(Folder(folder).everything()) or (folder / DEPOT_CHAIN).is_file())
    return folder if is_depot else folder / DEPOT
