# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hosts that a drive goes to have already, as their receipts in the depot say."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import FOLDER, Receipt
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import known

# Bytes of a file that lists hosts.
SIZE = 1 << 20


def installed_at(depot: Depot, destination: str) -> set[tuple[str, str]]:
    """Return env and id of the releases that every host of a destination has, by its newest receipt.

    ``destination`` is the name of a host, or the path of a file with a name on each line. Raises AirgapError for hosts
    without a receipt. A receipt is data from a host: all it can do is keep a release off a drive.
    """
    hosts = _hosts_of(destination) if "/" in destination else [destination]
    receipts = {one.name: one.receipt for one in known(depot.path)}
    unknown = [host for host in hosts if host not in receipts]
    if unknown:
        raise AirgapError(
            "It is not known what this destination has",
            wanted=f"a receipt of {', '.join(unknown)}",
            found=f"receipts of {', '.join(sorted(receipts)) or 'no host'}",
            where=str(depot.path / FOLDER),
            remedy="correct the name; or export without a destination, and import the receipts that come back",
            code="no-receipt",
        )
    return set.intersection(*(_installed(receipts[host]) for host in hosts))


def _installed(receipt: Receipt) -> set[tuple[str, str]]:
    return {(env, release) for env, seen in receipt.envs.items() for release in seen.installed}


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
