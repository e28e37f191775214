# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did on each host, in one line of a summary, from the results of the collection's tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean, fields_of
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import took
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME

OURS = "airgap.conda."
# Characters of each text of a failure, which all are on one line.
FIELD = 160


@dataclass
class _Seen:
    """What the results of one host said; times in seconds."""

    current: dict[str, str] = field(default_factory=dict)
    bytes: float = 0
    sending: float = 0
    by: set[str] = field(default_factory=set)
    steps: dict[str, float] = field(default_factory=dict)
    idle: bool = False
    failure: str = ""


class Summary:
    """The lines of all hosts on which a deploy or a repair was at work."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def hears(self, host: str, action: str, result: Mapping[str, Any]) -> None:
        """Take in the result of a task that ended well."""
        take = _TAKEN.get(action)
        if take:
            take(self._seen.setdefault(host, _Seen()), result)

    def fails(self, host: str, result: Mapping[str, Any]) -> None:
        """Take in the result of a task that failed, or did not reach its host; the last one counts."""
        fields = fields_of(result)
        if fields:
            problem, found, remedy = (clean(fields[name], FIELD) for name in ("problem", "found", "remedy"))
            text = f"{problem} ({found}). Remedy: {remedy}"
        else:
            text = clean(str(result.get("msg", ""))) or "a task failed"
        self._seen.setdefault(host, _Seen()).failure = text

    def lines(self) -> Iterator[str]:
        """Give one line for each host, in the order of their names."""
        width = max(map(len, self._seen), default=0)
        for host, seen in sorted(self._seen.items()):
            yield f"{clean(host).ljust(min(width, 40))} : {_line(seen)}"


def _line(seen: _Seen) -> str:
    if seen.failure:
        return f"failed: {seen.failure}"
    parts = [", ".join(f"{env} {release}" for env, release in sorted(seen.current.items()))]
    if seen.bytes:
        by = "" if seen.by <= {"push"} else f", by {' and '.join(sorted(seen.by))}"
        parts.append(f"sent {took(round(seen.bytes), seen.sending)}{by}")
    parts += [f"{step} {seconds:.1f} s" for step, seconds in seen.steps.items()]
    if seen.idle:
        parts.append("nothing to do")
    return "; ".join(filter(None, parts))


def _runtime(seen: _Seen, result: Mapping[str, Any]) -> None:
    if result.get("release"):
        seen.current[RUNTIME] = clean(str(result["release"]))


def _preflight(seen: _Seen, result: Mapping[str, Any]) -> None:
    seen.idle = result.get("work") is False
    steps = result.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping) and step.get("current"):
            seen.current[clean(str(step.get("env")))] = clean(str(step["current"]))


def _fetch(seen: _Seen, result: Mapping[str, Any]) -> None:
    seen.bytes += _number(result.get("bytes"))
    seen.sending += _number(result.get("seconds"))
    by = result.get("by")
    seen.by |= {clean(str(name)) for name, size in by.items() if size} if isinstance(by, Mapping) else set()


def _release(seen: _Seen, result: Mapping[str, Any]) -> None:
    current, by_env = result.get("current"), result.get("seconds")
    if isinstance(current, Mapping):
        seen.current |= {clean(str(env)): clean(str(release)) for env, release in current.items()}
    for steps in by_env.values() if isinstance(by_env, Mapping) else ():
        for step, seconds in steps.items() if isinstance(steps, Mapping) else ():
            seen.steps[clean(str(step))] = seen.steps.get(clean(str(step)), 0) + _number(seconds)
    seen.failure = ""  # of a task that was tried again


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


# What each result is read for.
_TAKEN = {
    f"{OURS}{name}": take
    for name, take in {
        "runtime": _runtime,
        "deploy_look": _preflight,
        "preflight": _preflight,
        "fetch": _fetch,
        "release": _release,
    }.items()
}
