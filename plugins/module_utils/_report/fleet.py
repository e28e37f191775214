# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 3: one JSON report a host, and the whole fleet as JSON and CSV; what a host answered is never trusted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import OK, UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._report.columns import check_values, to_csv
from ansible_collections.airgap.conda.plugins.module_utils._report.host import (
    ORDER,
    SCHEMA,
    TIME_FORMAT,
    HostReport,
    Installed,
)


def parse_host(text: str, host: str, where: str, time: str) -> HostReport:
    """Read the report of a host; one that cannot be used becomes a report that says so at ``time``."""
    try:
        if not text:
            raise ValueError("the file is missing or empty")
        data = json.loads(text)
        schema = data.pop("schema")
        if schema != SCHEMA:
            raise ValueError(f"schema {schema!r}")
        envs = tuple(_installed(item) for item in data.pop("envs"))
        findings = tuple(_finding(item) for item in data.pop("findings"))
        report = HostReport(**data, envs=envs, findings=findings)
        _require_types(report, host)
    # RecursionError: lists in lists without an end are JSON too.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return HostReport(host, time, True, (), (_unusable(f"unusable: {error}"[:300], where),))
    return report


def _installed(item: dict[str, Any]) -> Installed:
    release, previous, installed = item["release"], item["previous"], tuple(item["installed"])
    return Installed(item["env"], release, previous, installed, check_values(item))


def _finding(item: dict[str, Any]) -> Finding:
    """Read a finding; earlier versions named its environment so, and no check."""
    kept = {"check": "", **item}
    if "env" in kept:
        kept["subject"] = kept.pop("env")
    return Finding(**kept)


def _unusable(found: str, where: str) -> Finding:
    return Finding(
        "report",
        "",
        UNKNOWN,
        "The report of this host cannot be used",
        f"a report of schema {SCHEMA} about this host",
        found,
        where,
        "run airgap.conda.report for this host again, with the collection that its other hosts have",
    )


def _require_types(report: HostReport, host: str) -> None:
    texts = [report.time, *(value for finding in report.findings for value in astuple(finding))]
    for item in report.envs:
        texts += [item.env, item.release, item.previous, *item.installed]
    if not all(isinstance(text, str) for text in texts) or not isinstance(report.reachable, bool):
        raise TypeError("a field of another type")
    if report.host != host:
        raise ValueError(f"a report about {report.host!r}")
    datetime.strptime(report.time, TIME_FORMAT)
    for finding in report.findings:
        ORDER.index(finding.verdict)


@dataclass(frozen=True)
class Fleet:
    """All hosts of a run, sorted by name, and the UTC ``time`` of the report."""

    time: str
    hosts: tuple[HostReport, ...]

    @property
    def envs(self) -> list[str]:
        """The names of all environments that are on a host or missed on one; the runtime is the last."""
        names = {item.env for host in self.hosts for item in host.envs}
        names |= {finding.subject for host in self.hosts for finding in host.findings if finding.subject}
        return sorted(names, key=lambda name: (name == RUNTIME, name))

    def counts(self) -> dict[str, int]:
        """Return how many hosts have each verdict."""
        counted = Counter(host.verdict() for host in self.hosts)
        return {verdict: counted[verdict] for verdict in ORDER}

    def summary(self) -> str:
        """Return the one sentence on the fleet."""
        counts, total = self.counts(), len(self.hosts)
        wrong = total - counts[OK]
        verb = "is" if 1 in (counts[OK], total) else "are"
        text = f"{counts[OK]} of {total} host{'' if total == 1 else 's'} {verb} right"
        if not wrong:
            return text
        kinds = ", ".join(f"{counts[verdict]} {verdict}" for verdict in reversed(ORDER[1:]) if counts[verdict])
        return f"{text}; {wrong} {'is' if wrong == 1 else 'are'} not ({kinds})"

    def wrong(self) -> list[str]:
        """Return a line for each host that is not right, the worst first: its name, its verdict and what is wrong."""
        hosts = sorted(self.hosts, key=lambda host: -ORDER.index(host.verdict()))
        lines = (
            f"{host.host}: {host.verdict()}: " + ", ".join(f"{item.problem} ({item.found})" for item in host.findings)
            for host in hosts
            if host.verdict() != OK
        )
        return [clean(line, MESSAGE) for line in lines]

    def releases(self, env: str) -> list[tuple[str, int]]:
        """Return the current releases of an environment, each with its number of hosts, the most frequent first."""
        found = Counter(item.release for host in self.hosts for item in host.envs if item.env == env and item.release)
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))

    def to_json(self) -> str:
        """Return the text of report.json."""
        hosts = [{**host.as_dict(), "verdict": host.verdict()} for host in self.hosts]
        data = {"schema": SCHEMA, "time": self.time, "summary": self.summary(), "counts": self.counts(), "hosts": hosts}
        return json.dumps(data, indent=1) + "\n"

    def to_csv(self) -> str:
        """Return the text of report.csv."""
        return to_csv(self.hosts, self.time)


def fleet(hosts: Iterable[HostReport], time: str) -> Fleet:
    """Put the reports of hosts together; their order does not matter."""
    return Fleet(time, tuple(sorted(hosts, key=lambda host: host.host)))


def without_times(report_json: str) -> Any:
    """Return the content of a report.json without the times at which it was made; None for one that is unreadable."""
    try:
        data = json.loads(report_json)
        for item in [data, *data["hosts"]]:
            item.pop("time")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return data


def now() -> str:
    """Return the time as reports have it: UTC, in seconds."""
    return datetime.now(timezone.utc).strftime(TIME_FORMAT)
