# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What shows, for each host, that a run did there what it was for; a host of which nothing shows it is not right.

What counts is what tasks of this run registered. Ansible drops hosts, tasks and plays for many reasons without calling
it a failure, so that nothing is concluded from a failure that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, clean, fields_of, plain
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import OK, UNKNOWN
from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import now
from ansible_collections.airgap.conda.plugins.plugin_utils._notes import noted
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions

Result = Mapping[str, Any]
# What the playbooks note of the deploy as a whole, as a variable of localhost.
STOPPED = "_deploy_stopped"
# What is registered of a step that the controller does for the hosts.
HERE = ("_repair_depot", "_report_page")
CONTROLLER = "the controller"


@dataclass(frozen=True)
class Known:
    """What is known of a host at the end: what each step registered, all its variables, and the options of the run."""

    host: str
    steps: Mapping[str, Result]
    variables: Result
    options: RunOptions


@dataclass(frozen=True)
class Work:
    """What a playbook is for: the variables that its tasks register, in their order, and what they show at the end.

    ``lacking`` returns what is not shown, or nothing; it is asked only when no step failed, or when the failure of a
    step does not ``decide``.
    """

    name: str
    steps: tuple[str, ...]
    lacking: Callable[[Known], AirgapError | str]
    decide: bool = True

    @property
    def note(self) -> str:
        """The variable in which the playbook keeps what failed."""
        return f"_{self.name}_failure"


def outcomes(
    hosts: Iterable[str], hostvars: Mapping[str, Result], work: str, options: RunOptions
) -> dict[str, dict[str, Any] | int]:
    """Return the hosts that are not right with their messages, and the share of those that answered and failed."""
    wrong: dict[str, Any] = {}
    failed = answered = 0
    for host in hosts:
        known = hostvars[host]
        error, tried = outcome(host, known, hostvars, work, options)
        if error:
            wrong[host] = {"short": f"{host}: {error.short()}", **error.as_result()}
        answered += tried
        failed += tried and error is not None
    return {"wrong": wrong, "failed_percent": 100 * failed // answered if answered else 0}


def outcome(
    host: str, known: Result, hostvars: Mapping[str, Result], work: str, options: RunOptions
) -> tuple[AirgapError | None, bool]:
    """Return what is wrong with a host, if anything is, and whether the work was tried on it, which it answered."""
    # What would be deployed cannot be verified or reported yet.
    works = WORKS[work][:1] if options.check else WORKS[work]
    tried = False
    for of in works:
        error, answered = _outcome(host, known, hostvars, of, options)
        tried = tried or answered
        if error:
            return error, tried
    return None, tried


def _outcome(
    host: str, known: Result, hostvars: Mapping[str, Result], of: Work, options: RunOptions
) -> tuple[AirgapError | None, bool]:
    forged = sorted({*of.steps, of.note} & set(_mapping(known.get("ansible_facts"))))
    if forged:
        return _forged(host, forged[0]), True
    steps = {name: _mapping(known.get(name)) for name in of.steps}
    note = noted(known.get(of.note))
    lost = [name for name, step in steps.items() if step.get("unreachable")]
    if lost and of.decide:
        if lost[0] in HERE:
            return _unreachable("The controller cannot run a step", steps[lost[0]], CONTROLLER, of.name), True
        # Nothing was tried on a host that is off from the start, so it says nothing about the releases.
        first = lost[0] == next(name for name in of.steps if name not in HERE)
        problem = "The host cannot be reached" if first else f"The host stopped answering during the {of.name}"
        return _unreachable(problem, steps[lost[0]], host, of.name), not first
    failed = [step for step in (note, *steps.values()) if step.get("failed")]
    if failed and of.decide:
        # What the controller refuses for one host, by its settings or its depot, says nothing about the others.
        asked = any(steps[name] and steps[name].get("asked", True) for name in of.steps if name not in HERE)
        return _failure(failed[0], host, of.name, options), asked
    lacking = of.lacking(Known(host, steps, known, options))
    if not lacking:
        return None, True
    if isinstance(lacking, AirgapError):
        return lacking, True
    tried = any(steps.values())
    return _not_shown(host, of.name, lacking if tried else "", _mapping(hostvars.get("localhost")), options), tried


def _mapping(value: Any) -> Result:
    return value if isinstance(value, Mapping) else {}


def shows(result: Any) -> bool:
    """Tell whether a task ran and ended well: what it registered when it was skipped shows nothing."""
    return bool(_mapping(result)) and not any(result.get(name) for name in ("failed", "unreachable", "skipped"))


def _deploy(at: Known) -> AirgapError | str:
    look, release = at.steps["_deploy_preflight"], at.steps["_deploy_release"]
    if at.options.check and shows(look) and look.get("changed") and look.get("interpreter") == "":
        return ""  # the runtime would be installed, and nothing can be looked at without it
    if not shows(look) or not isinstance(look.get("work"), bool) or not isinstance(look.get("steps"), list):
        return "it was not looked what is to be done"
    found = {str(step.get("env")): step.get("id") for step in map(_mapping, look["steps"])}
    if not isinstance(look.get("releases"), list):
        return "it is not known which releases are wanted"
    wanted = {item["env"]: item["id"] for item in look["releases"]}
    left = [env for env, name in wanted.items() if found.get(env) != name]
    if left or not look["work"]:
        return f"{left[0]} was not looked at" if left else ""
    current = release.get("current")
    if not shows(release) or not isinstance(current, Mapping):
        return "the releases were not installed and switched"
    left = [env for env, name in wanted.items() if current.get(env) != name]
    return f"of {left[0]} it is not said that it is current" if left else ""


def _verify(at: Known) -> AirgapError | str:
    found = at.steps["_verify_result"].get("envs")
    if not shows(at.steps["_verify_result"]) or not isinstance(found, list) or not found:
        return "no current release was verified"
    verified = {str(item.get("env")) for item in map(_mapping, found) if item.get("release")}
    wanted = at.variables.get("verify_envs") or at.variables.get("deploy_envs") or []
    names = wanted.split(",") if isinstance(wanted, str) else map(str, wanted)
    left = [name for name in map(str.strip, names) if name not in verified]
    return f"{clean(left[0])} was not verified" if left else ""


def _rollback(at: Known) -> AirgapError | str:
    result = at.steps["_rollback_result"]
    return "" if shows(result) and result.get("current") else "no older release is said to be current"


def _remove(at: Known) -> AirgapError | str:
    result = at.steps["_remove_result"]
    return "" if shows(result) and isinstance(result.get("removed"), list) else "nothing is said to be removed"


def _repair(at: Known) -> AirgapError | str:
    first, last = at.steps["_repair_local"], at.steps["_repair_sent"]
    if not shows(first) or not isinstance(first.get("steps"), list):
        return "it was not looked what is damaged"
    return "" if not first["steps"] or shows(last) else "what is damaged was not sent again"


def _report(at: Known) -> AirgapError | str:
    page = at.steps["_report_page"]
    if page.get("failed"):
        return _failure(page, CONTROLLER, "report", at.options)
    return _reported(at, (UNKNOWN,)) or ("" if page.get("page") else "the page was not written")


def _fleet(at: Known) -> AirgapError | str:
    return _report(at) or _reported(at, ())


def _reported(at: Known, verdicts: tuple[str, ...]) -> AirgapError | str:
    """Return the worst finding of the host's report, if its verdict is one of ``verdicts``, or, without, is not ok."""
    seen, verified = at.steps["_report_seen"], at.steps["_report_verified"]
    if not seen:
        return "the host was not asked"
    report = host_report(at.host, seen, verified, now())
    verdict = report.verdict()
    if verdict == OK or (verdicts and verdict not in verdicts):
        return ""
    return next(finding for finding in report.findings if finding.verdict == verdict).as_error()


DEPLOYED = ("_deploy_preflight", "_deploy_fetch", "_deploy_swarm", "_deploy_release")
DEPLOY = Work("deploy", DEPLOYED, _deploy)
VERIFY = Work("verify", ("_verify_result",), _verify)
REPORT = ("_report_seen", "_report_verified", "_report_page")
# What is to be shown for each playbook, one after another.
WORKS = {
    "deploy": (DEPLOY,),
    "site": (DEPLOY, VERIFY),
    "refresh": (DEPLOY, Work("refresh", REPORT, _fleet, decide=False)),
    "verify": (VERIFY,),
    "rollback": (Work("rollback", ("_rollback_result",), _rollback),),
    "remove": (Work("remove", ("_remove_result",), _remove),),
    "repair": (Work("repair", ("_repair_local", "_repair_depot", "_repair_sent"), _repair),),
    "report": (Work("report", REPORT, _report, decide=False),),
}


def _forged(host: str, name: str) -> AirgapError:
    return AirgapError(
        "A fact of a host has the name of a result",
        code="fact-forged",
        wanted="results of this run only",
        found=clean(name),
        where=f"the facts of {host}, of this run or from the fact cache",
        remedy="find out why that host answers with such facts",
    )


def _unreachable(problem: str, result: Result, host: str, work: str) -> AirgapError:
    found = clean(str(result.get("msg", "")), MESSAGE)
    remedy = f"switch it on and look at its network, then {_again(work)}"
    return AirgapError(
        problem, code="host-unreachable", wanted="a host that answers", found=found, where=host, remedy=remedy
    )


def _not_shown(host: str, work: str, lacking: str, localhost: Result, options: RunOptions) -> AirgapError:
    """Tell why nothing shows that the host is right, as far as it is known."""
    stopped = localhost.get(STOPPED)
    if not lacking and work == "deploy" and isinstance(stopped, int) and stopped > 0:
        return AirgapError(
            "The deploy was not tried on this host",
            code="not-tried",
            wanted="every host to have the releases",
            found=f"too many hosts before it on which the deploy failed: {stopped} % of those that answered",
            where=host,
            remedy="fix what failed there, then deploy again",
        )
    found = lacking or "no step was tried on this host"
    if options.partial:
        found = f"{found}; {options.partial} left steps out"
    return AirgapError(
        f"Nothing in this run shows that the {work} went well on this host",
        code="not-shown",
        wanted="every step to run, and to end well",
        found=found,
        where=host,
        remedy=f"{_again(work)} without {options.partial}" if options.partial else f"{_again(work)}, for this host",
    )


def _again(work: str) -> str:
    return f"run airgap.conda.{work} again"


def _failure(result: Result, host: str, work: str, options: RunOptions) -> AirgapError:
    """Return the parts of what failed; a failure of Ansible's own has a text only."""
    fields = fields_of(result)
    if fields:
        return AirgapError(**fields)
    found = " ".join(plain(str(result.get("msg", "")), MESSAGE).split()) or "no message"
    return AirgapError(
        f"A step of the {work} failed",
        code="step-failed",
        wanted="every step to pass",
        found=f"{found} ({options.partial} left steps out)" if options.partial else found,
        where=host,
        remedy=f"look at the run's output, then {_again(work)}",
    )
