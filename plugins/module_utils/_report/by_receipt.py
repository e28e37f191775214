# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that no controller reaches, as their receipts in the depot show them; and receipts of hosts that answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, DEGRADED, UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import (
    Receipt,
    host_name,
    number_of,
    seconds_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import Known, known
from ansible_collections.airgap.conda.plugins.module_utils._hosts.take import Offered, Taken, from_answer, take
from ansible_collections.airgap.conda.plugins.module_utils._report.columns import check_values
from ansible_collections.airgap.conda.plugins.module_utils._report.host import HostReport, Installed

# Receipts whose signatures are looked at at the same time.
THREADS = 8


def collect(depot: Path, verified: Mapping[str, Any], check: bool) -> list[str]:
    """Keep in ``depot`` the newest receipt that each host answered with; returns what to warn of.

    ``verified`` has by the host's name in the inventory what airgap.conda.verify registered. A host may only bring
    receipts of its own name: another one would be pinned with its key.
    """
    newest = {name: _newest(answer) for name, answer in verified.items()}
    offers = {name: offered for name, offered in newest.items() if offered}

    def one(name: str) -> Taken | None:
        host = _name_in(offers[name])
        return take(host, [offers[name]], depot, check) if host and _is_of(host, name) else None

    texts: list[str] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for job in [pool.submit(one, name) for name in offers]:
            try:
                taken = job.result()
            except AirgapError as error:
                texts.append(str(error))
            else:
                texts += taken.warnings() if taken else []
    return texts


def with_receipts(
    reports: Mapping[str, HostReport],
    inventory: Iterable[str],
    verified: Mapping[str, Any],
    depot: Path,
    time: str = "",
    silent_days: int = 0,
) -> dict[str, HostReport]:
    """Return the reports with those of hosts that only receipts are known of, by their names.

    One that did not answer is shown with the releases of its receipt, next to why it did not. A host of the
    ``inventory`` that this run is not about stays out, whatever there is of it. ``time`` is that of the report; of a
    host that was last heard of more than ``silent_days`` before it, nobody knows how it is (0: however long ago).
    """
    receipts = {one.name: one for one in known(depot)}
    found = dict(reports)
    for host, report in reports.items():
        said = _name_in(_newest(verified.get(host)))
        mine = next((receipts.pop(one) for one in [*receipts] if one == said or _is_of(one, host)), None)
        if mine and not report.reachable:
            seen = _seen(mine, time, silent_days)
            found[host] = replace(report, envs=seen.envs, findings=(*report.findings, *seen.findings))
    known_to = {label for host in inventory for label in _labels(host)}
    lone = {name: _seen(one, time, silent_days) for name, one in receipts.items() if known_to.isdisjoint(_labels(name))}
    return {**found, **lone}


def _labels(name: str) -> set[str]:
    """Return what a host may be called: its whole name, and that before the first dot."""
    plain = host_name(name)
    return {plain, plain.split(".")[0]}


def _is_of(host: str, name: str) -> bool:
    """Tell whether a host that calls itself ``host`` can be the one that the inventory calls ``name``."""
    plain = host_name(name)
    is_short = "." not in host or "." not in plain
    return host == plain or (is_short and _labels(host) & _labels(plain) != set())


def _seen(one: Known, time: str, silent_days: int) -> HostReport:
    report, days = by_receipt(one), _days_between(one.receipt.when, time)
    if not silent_days or days <= silent_days:
        return report
    silent = Finding(
        "receipt",
        "",
        UNKNOWN,
        f"Nothing was heard of this host for {days} days",
        f"a receipt of the last {silent_days} days",
        f"one of {one.receipt.when}",
        one.name,
        "see whether it is switched on; then run a deploy there, or airgap-envs export-receipt with a drive",
    )
    return replace(report, findings=(*report.findings, silent))


def _days_between(earlier: str, later: str) -> int:
    return int((seconds_of(later) - seconds_of(earlier)) // 86_400) if later else 0


def by_receipt(one: Known) -> HostReport:
    """Return the report of a host as its newest receipt has it."""
    receipt, findings = one.receipt, list(one.receipt.findings)
    if receipt.error and not findings:
        findings.append(Finding(receipt.event, "", BROKEN, **receipt.error))
    if not one.signed:
        findings.append(
            Finding(
                "receipt",
                "",
                DEGRADED,
                "The receipt of this host is not signed",
                "a signature by the host's key",
                "none: anybody who had the drive may have written it",
                receipt.host.name,
                "bring an ssh-keygen of OpenSSH 8.1 or newer there, or a runtime with the package openssh",
            )
        )
    values = check_values({"receipt": f"{receipt.when} {one.state}"})
    envs = tuple(
        Installed(env, seen.current, "", seen.installed, values) for env, seen in receipt.envs.items() if seen.current
    )
    if not envs:
        problem, remedy = "No environment is installed on this host", "install one there: airgap-envs install"
        wanted = "environments with a current release"
        findings.append(Finding("deployed", "", BROKEN, problem, wanted, "none", receipt.host.name, remedy))
    return HostReport(receipt.host.name, receipt.when, False, envs, tuple(findings))


def _newest(answer: Any) -> Offered | None:
    """Return the newest receipt in what was registered of a loop of airgap.conda.verify."""
    results = answer.get("results") if isinstance(answer, Mapping) else None
    found: list[Offered] = []
    for item in results if isinstance(results, (list, tuple)) else ():
        given = item.get("receipt") if isinstance(item, Mapping) else None
        if isinstance(given, Mapping) and given:
            with suppress(AirgapError):
                found.append(from_answer(given, "the answer of airgap.conda.verify"))
    return max(found, key=lambda one: number_of(one.name), default=None)


def _name_in(offered: Offered | None) -> str:
    try:
        return Receipt.from_json(offered.content, offered.where).host.name if offered else ""
    except AirgapError:
        return ""
