# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands of ``airgap-envs`` that change what is on a host: install, check, update, prune, remove."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._cli import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._cli import update as _waiting
from ansible_collections.airgap.conda.plugins.module_utils._cli.say import (
    confirm,
    require_env,
    require_writable,
    say,
    warn,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._pull.policy import Policy, wait_for_window
from ansible_collections.airgap.conda.plugins.module_utils._pull.window import parse_windows
from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import Note
from ansible_collections.airgap.conda.plugins.module_utils._receipt.write import is_due
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy, to_prune
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall

# Seconds after which a host that fetches for itself shows that it is there, when there was nothing to do.
SHOWS = 24 * 3600.0
# Does a command, puts what it found and did into the dictionary and into the note, and raises AirgapError.
Command = Callable[[Store, argparse.Namespace, dict[str, Any], Note], None]


def _planned(store: Store, options: argparse.Namespace, found: dict[str, Any], only_here: bool) -> _install.Plan:
    release = getattr(options, "release", "")
    envs = tuple(options.env)
    wish = _install.Wish(options.source, envs, release, options.keep, options.allow_downgrade, only_here, options.ca)
    planned = _install.plan(store, wish)
    found.update(planned.as_result())
    return planned


def _check(store: Store, options: argparse.Namespace, found: dict[str, Any], _note: Note) -> None:
    planned = _planned(store, options, found, only_here=False)
    _install.verify(planned)
    _tell(options, planned.lines())


def _carry_out(
    store: Store, options: argparse.Namespace, found: dict[str, Any], note: Note, planned: _install.Plan
) -> dict[str, AirgapError]:
    """Do what is planned, and tell what was done; returns what failed, by environment."""
    found["changed"] = False
    _install.fetch(store, planned)
    done, failed = _install.install(store, planned)
    found["changed"] = bool(done)
    for step in planned.steps:
        if step.env not in done:
            continue
        result = done[step.env]
        found["envs"][step.env].update(result)
        note.deployed(step, result["seconds"], result["removed"])
        for text in result["warnings"]:
            warn(text)
    for env, error in failed.items():
        note.failed("install", env, error)
    _tell(options, _install.done_lines(planned, done))
    return failed


def _require_none(failed: Mapping[str, AirgapError]) -> None:
    """Raise one AirgapError for all that failed, if anything did."""
    faults = Faults()
    faults.found += failed.values()
    faults.tell("what was installed")


def _install_new(store: Store, options: argparse.Namespace, found: dict[str, Any], note: Note) -> None:
    planned = _planned(store, options, found, only_here=False)
    if planned.todo and not options.yes and not confirm(planned.lines(), options.called):
        found["changed"] = False
        raise _declined(options.called)
    _require_none(_carry_out(store, options, found, note, planned))


def _update(store: Store, options: argparse.Namespace, found: dict[str, Any], note: Note) -> None:
    policy = Policy(options.ring, options.after_days, parse_windows(options.window), options.despite_gpu)
    now = datetime.now().astimezone()
    note.shows = policy.ring > 0 and is_due(store, SHOWS)
    closed = wait_for_window(policy, now)
    found["waits"] = {"": asdict(closed)} if closed else {}
    if closed:
        _tell(options, [f"nothing is updated now: {closed.reason}"])
        return
    planned = _planned(store, options, found, only_here=True)
    waits = _waiting.hold_back(store, planned, policy, now, options.allow_downgrade)
    found["waits"] = {env: asdict(wait) for env, wait in waits.items()}
    tried = _waiting.taken(planned)
    failed = _carry_out(store, options, found, note, planned)
    _tell(options, _waiting.lines(waits))
    _waiting.remember(store, policy, tried, failed, now)
    _require_none(failed)


def _prune(store: Store, options: argparse.Namespace, found: dict[str, Any], note: Note) -> None:
    if options.env is not None:
        require_env(store, options.env)
    found["removed"] = {}
    for env in [options.env] if options.env else store.envs():
        current = store.current(env)
        step = Step(env, current, "prune", current, kernels=kernelspec.recorded(store, env))
        concerns: list[str] = []
        going = to_prune(store, step, options.keep, concerns)
        if going or store.unfinished(env):
            require_writable(store, env, "prune")
            done = deploy(store, step, "", options.keep)
            going, concerns = done.pruned, done.warnings
            note.deployed(step, done.seconds, going)
        found["removed"][env] = going
        found["changed"] = found["changed"] or bool(going)
        for text in concerns:
            warn(text)
        _tell(options, [f"{env}: removed {', '.join(going)}" if going else f"{env}: nothing to remove"])


def _remove(store: Store, options: argparse.Namespace, found: dict[str, Any], note: Note) -> None:
    env, release = options.env, options.release
    concerns: list[str] = []
    going = uninstall(store, env, release, True, concerns)
    if env not in store.known():
        require_env(store, env)
    found["removed"] = {env: []}
    what = f"{env} {release}".strip()
    if not going and not store.unfinished(env):
        _tell(options, [f"{what}: not on this host"])
        return
    require_writable(store, env, f"remove {what}")
    if not options.yes and not confirm([f"{env}: remove {', '.join(going) or 'what is left of it'}"], "remove"):
        raise _declined("remove")
    deeds = {name: note.deed("removed", env, name) for name in going}
    going = uninstall(store, env, release, False)
    note.deeds += [deeds[name] for name in going if name in deeds]
    found["removed"][env], found["changed"] = going, bool(going)
    for text in concerns:
        warn(text)
    _tell(options, [f"{env}: removed {', '.join(going) or 'what was left of it'}"])


def _tell(options: argparse.Namespace, lines: Any) -> None:
    for line in () if options.json else lines:
        say(line)


def _declined(command: str) -> AirgapError:
    return AirgapError(
        "Nothing was changed",
        wanted="yes as the answer",
        found="another answer",
        where="the terminal",
        remedy=f"run {command} again when it is wanted",
        code="not-confirmed",
    )


COMMANDS: dict[str, Command] = {
    "install": _install_new,
    "check": _check,
    "update": _update,
    "prune": _prune,
    "remove": _remove,
}
