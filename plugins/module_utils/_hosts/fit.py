# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a release would run on hosts of which receipts tell: the rules of every deploy over what they say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import Receipt
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._fit.facts import HostFacts
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import New, flags_of, judge
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Table
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import Known, known

# Hosts that one warning names.
NAMED = 20


def facts_of(receipt: Receipt, release: Release) -> HostFacts:
    """Return what a receipt tells of a host; what it does not tell gets no verdict.

    That a host can unpack one of the payloads is taken as given: it says so when it is there.
    """
    host = receipt.host
    return HostFacts(
        name=host.name,
        root=receipt.root,
        folder=receipt.root,
        high_water={env: seen.high_water for env, seen in receipt.envs.items()},
        formats=tuple(payload.format for payload in release.payloads),
        machine=host.machine,
        kernel=host.kernel,
        glibc=host.glibc,
        cpu_flags=flags_of(host.cpu),
        driver=host.driver,
        # Whether it has an nvidia-smi is not told: where there is no driver, a GPU that is required is missing.
        has_smi=False,
        free_bytes=host.free_bytes,
    )


def refusals(one: Known, release: Release) -> list[Finding]:
    """Return what speaks against a release on a host, as preflight will say it there."""
    receipt, table = one.receipt, Table()
    seen = receipt.envs.get(release.env)
    if seen and release.id in seen.installed:
        return []
    payload = release.payload([item.format for item in release.payloads])
    new = New(release, installs=True, to_send=sum(part.size for part in payload.parts) if payload else 0)
    judge(table, facts_of(receipt, release), [new], allow_downgrade=False)
    return table.refusals()


def misfits(depot: Path, releases: Iterable[Release]) -> list[str]:
    """Return a text for each thing that speaks against a release on hosts whose receipts are in ``depot``.

    Asked is who has the environment; when no host has it yet, every host.
    """
    try:
        fleet = known(depot)
    except (AirgapError, OSError) as error:
        return [f"Whether hosts can run this release was not looked at: {error}"]
    texts = []
    for release in releases:
        having = [one for one in fleet if release.env in one.receipt.envs]
        against: dict[tuple[str, str, str], list[Known]] = {}
        for one in having or fleet:
            for item in refusals(one, release):
                against.setdefault((item.wanted, item.found, item.remedy), []).append(one)
        texts += [_text(release, ones, *said) for said, ones in against.items()]
    return texts


def _text(release: Release, ones: list[Known], wanted: str, found: str, remedy: str) -> str:
    names = ", ".join(f"{one.name} ({one.receipt.when[:10]}, {one.state})" for one in ones[:NAMED])
    more = f" and {len(ones) - NAMED} more" if len(ones) > NAMED else ""
    return (
        f"{release} would not run on {names}{more}, by what their receipts say. Wanted: {wanted}. Found: {found}. "
        f"Remedy: {remedy}."
    )
