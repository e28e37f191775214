# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 3: one JSON report a host, and the whole fleet as JSON and CSV; what a host answered is never trusted."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime, timezone
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, clean

SCHEMA = 1
OK, DEGRADED, UNKNOWN, BROKEN = "ok", "degraded", "unknown", "broken"
# From the best to the worst; where several meet, the worst counts.
ORDER = (OK, DEGRADED, UNKNOWN, BROKEN)
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Installed:
    """An environment of a host. ``since`` is the UTC time at which ``release`` became current, or empty."""

    env: str
    release: str = ""
    previous: str = ""
    installed: tuple[str, ...] = ()
    since: str = ""
    gpu: str = ""


@dataclass(frozen=True)
class Trouble:
    """Something that is not right on a host; an empty ``env`` concerns the whole host."""

    env: str
    verdict: str
    problem: str
    wanted: str
    found: str
    where: str
    remedy: str


@dataclass(frozen=True)
class HostReport:
    """What one host answered at ``time`` (UTC)."""

    host: str
    time: str
    reachable: bool
    envs: tuple[Installed, ...] = ()
    findings: tuple[Trouble, ...] = ()

    def verdict(self, env: str | None = None) -> str:
        """Return the worst verdict on one environment; without ``env``, on the host with all that it has."""
        found = [finding.verdict for finding in self.findings if env in (None, finding.env)]
        return max(found, key=ORDER.index, default=OK)

    def to_json(self) -> str:
        """Return the text of its file; ``parse_host`` is the inverse."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"


def parse_host(text: str, host: str, where: str, time: str) -> HostReport:
    """Read the report of a host; one that cannot be used becomes a report that says so at ``time``."""
    try:
        if not text:
            raise ValueError("the file is missing or empty")
        data = json.loads(text)
        schema = data.pop("schema")
        if schema != SCHEMA:
            raise ValueError(f"schema {schema!r}")
        envs = tuple(Installed(**{**item, "installed": tuple(item["installed"])}) for item in data.pop("envs"))
        findings = tuple(Trouble(**item) for item in data.pop("findings"))
        report = HostReport(**data, envs=envs, findings=findings)
        _require_types(report, host)
    # RecursionError: lists in lists without an end are JSON too.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return HostReport(host, time, True, (), (_unusable(f"unusable: {error}"[:300], where),))
    return report


def _unusable(found: str, where: str) -> Trouble:
    return Trouble(
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
        texts += [item.env, item.release, item.previous, item.since, item.gpu, *item.installed]
    if not all(isinstance(text, str) for text in texts) or not isinstance(report.reachable, bool):
        raise TypeError("a field of another type")
    if report.host != host:
        raise ValueError(f"a report about {report.host!r}")
    for time in [report.time, *(item.since for item in report.envs if item.since)]:
        datetime.strptime(time, TIME_FORMAT)
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
        names |= {finding.env for host in self.hosts for finding in host.findings if finding.env}
        return sorted(names, key=lambda name: (name == "runtime", name))

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
        hosts = [{**asdict(host), "verdict": host.verdict()} for host in self.hosts]
        data = {"schema": SCHEMA, "time": self.time, "summary": self.summary(), "counts": self.counts(), "hosts": hosts}
        return json.dumps(data, indent=1) + "\n"

    def to_csv(self) -> str:
        """Return the text of report.csv: a line for each environment of a host, and one without for the whole host.

        The second is there when a finding concerns the whole host, or when it has no environment. Several findings of
        a line are joined by `` | ``.
        """
        stream = io.StringIO()
        lines = csv.writer(stream, lineterminator="\n")
        texts = [field.name for field in fields(Trouble)][2:]
        lines.writerow(["host", "env", "release", "verdict", "since", "gpu", "time", *texts])
        for host in self.hosts:
            for item in rows(host):
                findings = findings_of(host, item.env)
                joined = [" | ".join(getattr(finding, text) for finding in findings) for text in texts]
                values = [host.host, item.env, item.release, host.verdict(item.env), item.since, item.gpu, host.time]
                lines.writerow([_as_text(value) for value in [*values, *joined]])
        return stream.getvalue()


def fleet(hosts: Iterable[HostReport], time: str) -> Fleet:
    """Put the reports of hosts together; their order does not matter."""
    return Fleet(time, tuple(sorted(hosts, key=lambda host: host.host)))


def rows(host: HostReport) -> list[Installed]:
    """Return the environments of a host and those it should have.

    A nameless one comes first when a finding concerns the whole host, and it is the only one of a host without any.
    """
    known = {item.env: item for item in host.envs}
    for finding in host.findings:
        known.setdefault(finding.env, Installed(finding.env))
    return [known[env] for env in sorted(known)] or [Installed("")]


def findings_of(host: HostReport, env: str) -> list[Trouble]:
    """Return the findings on one environment; those on the whole host when ``env`` is empty."""
    return [finding for finding in host.findings if finding.env == env]


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


def _as_text(value: str) -> str:
    """Keep a spreadsheet from taking what a host wrote for a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
