# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what Ansible registered of a host to its report; whatever was registered, there is one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import NAMED, clean, fields_of
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import FIELDS
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, DEGRADED, UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._report.columns import read_values
from ansible_collections.airgap.conda.plugins.module_utils._report.host import (
    HostReport,
    Installed,
)

_NAME_OF = re.compile(r"[\w.+-]{1,64}")
_ODD = re.compile(r"[^\w.+-]")
# Characters of a name.
_NAME = 64
_DEPLOY = "run airgap.conda.deploy for this host"
_LOOK = "run airgap.conda.verify for this host alone, with -vvv; it shows all that the host answers"


def host_report(host: str, seen: Any, verified: Any, time: str) -> HostReport:
    """Return the report of a host that was asked at ``time``.

    ``seen`` is what airgap.conda.current_info registered, ``verified`` the registered loop of airgap.conda.verify
    over environments. An empty ``seen`` is a host that was not asked, and so is what was never registered by a task.
    """
    seen, verified = (value if isinstance(value, Mapping) else {} for value in (seen, verified))
    links = _links(seen)
    whole = _whole_host(host, seen, links)
    if whole:
        return HostReport(host, time, not seen.get("unreachable"), (), (whole,))
    if RUNTIME not in links:
        envs_there = tuple(_linked(links[env]) for env in sorted(links))
        return HostReport(host, time, True, envs_there, tuple(_without_runtime(host, seen, links)))
    envs, findings = {env: _linked(link) for env, link in links.items()}, []
    for result in _results(verified):
        env = _env_of(result)
        found, troubles = _one_env(env, result, host, links.get(env, {}))
        if found:
            envs[env] = found
        findings += troubles
    asked = {_env_of(result) for result in _results(verified)}
    if not asked:
        findings.append(_garbage("", "nothing", host))
    shown = tuple(envs[env] for env in sorted(envs) if env in asked)
    return HostReport(host, time, True, shown, tuple(findings[:NAMED]))


def with_failure(report: HostReport, failure: Mapping[str, Any] | None) -> HostReport:
    """Return the report with what failed on the host before; the releases that it has may still be right."""
    if not failure or not report.reachable:
        return report
    texts = [clean(str(failure.get(name, ""))) for name in (*FIELDS, "code")]
    return replace(report, findings=(*report.findings, Finding("run", "", DEGRADED, *texts)))


def _env_of(result: Mapping[str, Any]) -> str:
    return clean(str(result.get("item")), _NAME)


def _links(seen: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the links to current releases by environment, without those that are nonsense."""
    found: dict[str, Mapping[str, Any]] = {}
    links = seen.get("links")
    for link in links[:NAMED] if isinstance(links, (list, tuple)) else ():
        if not isinstance(link, Mapping):
            continue
        with suppress(KeyError, TypeError, ValueError):
            known = _linked(link)
            if _NAME_OF.fullmatch(known.env) and _NAME_OF.fullmatch(known.release):
                found[known.env] = link
    return found


def _linked(link: Mapping[str, Any]) -> Installed:
    """Return what a link alone says of its environment; raises KeyError, TypeError or ValueError for nonsense."""
    return Installed(str(link["env"]), str(link["release"]), values=read_values(link, {}))


def _whole_host(host: str, seen: Mapping[str, Any], links: Mapping[str, Any]) -> Finding | None:
    """Return what keeps the host from saying what it has."""
    if not seen:
        problem, found = "The host was not asked in this run", "a step before the report failed for it"
        return Finding(
            "asked", "", UNKNOWN, problem, "an answer", found, host, "look at the run's output, then run it again"
        )
    if seen.get("unreachable"):
        found = clean(str(seen.get("msg", "")))
        remedy = "switch it on, look at its network and SSH, or take it out of the inventory"
        return Finding("reached", "", UNKNOWN, "The host cannot be reached", "a host that answers", found, host, remedy)
    if links:
        return None
    if not _root(seen) or seen.get("failed"):
        return _garbage("", _text_of(seen), host)
    problem, where = "No environment is deployed on this host", clean(f"{host}:{_root(seen)}")
    return Finding("deployed", "", BROKEN, problem, "environments with a current release", "none", where, _DEPLOY)


def _without_runtime(host: str, seen: Mapping[str, Any], envs: Iterable[str]) -> Iterator[Finding]:
    """Yield what is wrong on a host whose environments nothing can verify."""
    where = clean(f"{host}:{_root(seen)}")
    problem = "The runtime is not on this host"
    yield Finding("runtime", RUNTIME, BROKEN, problem, "a current release of runtime", "none", where, _DEPLOY)
    for env in sorted(envs):
        problem = f"Nothing is known of {env} on this host"
        yield Finding("runtime", env, UNKNOWN, problem, "a runtime to verify it with", "none", where, _DEPLOY)


def _root(seen: Mapping[str, Any]) -> str:
    return str(seen.get("root", ""))


def _results(verified: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    results = verified.get("results")
    return [item for item in results[:NAMED] if isinstance(item, Mapping)] if isinstance(results, Sequence) else []


def _one_env(
    env: str, result: Mapping[str, Any], host: str, link: Mapping[str, Any]
) -> tuple[Installed | None, list[Finding]]:
    """Return what the answer about one environment says, and what is wrong there."""
    if result.get("unreachable"):
        found = clean(str(result.get("msg", "")))
        problem, remedy = "The host stopped answering", "look at the host and its network, then run this again"
        return None, [Finding("verify", env, UNKNOWN, problem, "an answer from verify", found, host, remedy)]
    if result.get("refused"):
        return None, [_garbage(env, clean(str(result.get("found", ""))), host)]
    fields = fields_of(result)
    if result.get("failed") and fields:
        texts = {name: clean(text) for name, text in fields.items()}
        return None, [Finding("verify", env, BROKEN, **texts)]
    try:
        (answer,) = result["envs"]
        installed = tuple(_name(release) for release in answer["installed"][:NAMED])
        values = read_values(link, answer)
        known = Installed(env, _name(answer["release"]), _name(answer["previous"]), installed, values)
        # It passed what its release requires, so nothing here is worse than degraded.
        worrying = [
            item
            for item in (answer["gpu"] or {"findings": []})["findings"][:NAMED]
            if item["verdict"] not in ("ok", "absent")
        ]
        return known, [_of_gpu(env, item) for item in worrying]
    except (KeyError, TypeError, ValueError):
        return None, [_garbage(env, _text_of(result), host)]


def _of_gpu(env: str, item: Mapping[str, Any]) -> Finding:
    texts = [clean(str(item.get(name, ""))) for name in (*FIELDS, "code")]
    return Finding(clean(str(item["check"]), _NAME), env, DEGRADED, *texts)


def _name(value: Any) -> str:
    """Return the name of a release, or the empty text for none; raises ValueError for what is no name."""
    if not isinstance(value, str) or value != _ODD.sub("", value)[:_NAME]:
        raise ValueError
    return value


def _garbage(env: str, found: str, host: str) -> Finding:
    problem = "The host did not answer with a report"
    return Finding("answer", env, UNKNOWN, problem, "the answer of airgap.conda.verify", found, host, _LOOK)


def _text_of(result: Mapping[str, Any]) -> str:
    texts = (str(result.get(name, "")) for name in ("msg", "module_stderr", "module_stdout", "stderr", "stdout"))
    return clean(" ".join(texts)) or "an empty answer"
