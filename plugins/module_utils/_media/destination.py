# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hosts that a drive goes to have already, as their receipts in the depot say."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import is_env_name, serial_of
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot

RECEIPTS = ".receipts"
HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
# <time>-<n>.json, so that the order of the names is that of the receipts.
RECEIPT = re.compile(r"([0-9]{8}T[0-9]{6}Z)-([0-9]{1,9})\.json")
# Bytes of a receipt, and of a file that lists hosts.
SIZE = 1 << 20


def installed_at(depot: Depot, destination: str) -> set[tuple[str, str]]:
    """Return env and id of the releases that every host of a destination has, by its newest receipt.

    ``destination`` is the name of a host, or the path of a file with a name on each line. Raises AirgapError for hosts
    without a receipt. A receipt is data from a host: it can only keep a release off a drive.
    """
    folder = depot.path / RECEIPTS
    hosts = _hosts_of(destination) if "/" in destination else [destination]
    found = {host: _newest(folder / host) if HOST.fullmatch(host) else None for host in hosts}
    unknown = [host for host, receipt in found.items() if receipt is None]
    if unknown:
        there = [name for name in list_names(folder) if HOST.fullmatch(name)]
        raise AirgapError(
            "It is not known what this destination has",
            wanted=f"a receipt of {', '.join(unknown)}",
            found=f"receipts of {', '.join(there) or 'no host'}",
            where=str(folder),
            remedy="correct the name; or export without a destination, and import the receipts that come back",
            code="no-receipt",
        )
    return set.intersection(*(_installed(path) for path in found.values() if path))


def _hosts_of(path: str) -> list[str]:
    try:
        text = read_small(Path(os.path.expanduser(path)), SIZE).decode("utf-8", "replace")
    except FileFault as fault:
        raise _no_hosts(path, str(fault)) from fault
    hosts = [line.partition("#")[0].strip() for line in text.splitlines()]
    hosts = [host for host in hosts if host]
    if not hosts:
        raise _no_hosts(path, "none")
    return hosts


def _no_hosts(path: str, found: str) -> AirgapError:
    return AirgapError(
        "The hosts of this destination cannot be read",
        wanted="a file with the name of a host on each line",
        found=found,
        where=path,
        remedy="correct the path, or write the file",
        code="no-hosts",
    )


def _newest(folder: Path) -> Path | None:
    names = [(match[1], int(match[2]), match[0]) for match in map(RECEIPT.fullmatch, list_names(folder)) if match]
    return folder / max(names)[2] if names else None


def _installed(path: Path) -> set[tuple[str, str]]:
    """Return what a receipt says is installed."""
    try:
        envs = parse_json(read_small(path, min(SIZE, limits.MANIFEST)).decode("utf-8"))["envs"]
        return {
            (env, release)
            for env, state in envs.items()
            for release in state["installed"]
            if is_env_name(env) and isinstance(release, str) and serial_of(release)
        }
    except (FileFault, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AirgapError(
            "A receipt cannot be read",
            wanted="a receipt as airgap.conda writes it",
            found=str(error) or type(error).__name__,
            where=str(path),
            remedy="remove it, or import a newer one of this host",
            code="receipt-unreadable",
        ) from error
