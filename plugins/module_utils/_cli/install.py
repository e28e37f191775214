# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that serves itself: the steps that a play takes on it, from a source that is there, by the keys of the host.

Signature and serial, then one look at the host, then what is missing, then install, checks, switch and prune. Nothing
is copied before all that was chosen is signed and fits; nothing is installed before all of it was copied whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import size_text
from ansible_collections.airgap.conda.plugins.module_utils._cli.say import NAME, Bar, warn
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._contract.signature import keygens_with
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Table
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._source import bring
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import recorded
from ansible_collections.airgap.conda.plugins.module_utils._source.signers import require_signers, signers_file
from ansible_collections.airgap.conda.plugins.module_utils._source.source import Source, Verified
from ansible_collections.airgap.conda.plugins.module_utils._source.sources import How, open_source
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import Done, deploy, to_prune
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# What every environment is installed by.


@dataclass(frozen=True)
class Wish:
    """What a person asks for: of ``source`` the environments ``envs`` (none: all, or with ``only_here`` those here).

    ``release`` is for a single environment, empty for the newest. ``ca`` has the authorities that a server is known by.
    """

    source: str
    envs: tuple[str, ...] = ()
    release: str = ""
    keep: int = 2
    allow_downgrade: bool = False
    only_here: bool = False
    ca: str = ""


@dataclass
class Plan:
    """What is to be done on a host, from which releases; ``older`` are those that an update leaves out."""

    source: Source
    steps: list[Step]
    releases: dict[str, Verified]
    keep: int
    older: list[Verified] = field(default_factory=list)

    @property
    def todo(self) -> list[Step]:
        """Return the steps that change something."""
        return [step for step in self.steps if step.action != "none"]

    def size(self, step: Step) -> int:
        """Return how many bytes of parts a step copies."""
        found = self.releases.get(step.env)
        payload = found.manifest.payload([step.format]) if found and step.format else None
        return sum(part.size for part in payload.parts if part.name in step.missing) if payload else 0

    def lines(self) -> list[str]:
        """Return for people what is to be done, a line for each environment."""
        return [
            *(self._line(step) for step in self.steps),
            *(f"{one.manifest.env}: {one.manifest.id} is older than what this host has had" for one in self.older),
        ]

    def _line(self, step: Step) -> str:
        if step.action == "none":
            return f"{step.env}: {step.id} is already current"
        texts = {
            "install": f"install {step.id}, {size_text(self.size(step))} to copy",
            "switch": f"switch to {step.id}, which is on this host",
            "prune": "remove what is not needed any more",
            "kernel": "update the Jupyter kernel",
        }
        going = f"; then remove {', '.join(step.prune)}" if step.prune else ""
        return f"{step.env}: {step.current or '-'} now; {texts[step.action]}{going}"

    def as_result(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "source": self.source.where,
            "changed": bool(self.todo),
            "envs": {step.env: self._result(step) for step in self.steps},
            "older": {one.manifest.env: one.manifest.id for one in self.older},
        }

    def _result(self, step: Step) -> dict[str, Any]:
        found = self.releases.get(step.env)
        return {
            "release": step.id,
            "action": step.action,
            "before": step.current,
            "signer": found.signer if found else "",
            "bytes": self.size(step),
            "removes": step.prune,
        }


def plan(store: Store, wish: Wish) -> Plan:
    """Verify who signed what was chosen, and look at this host; raises one AirgapError for all that is wrong."""
    signers = require_signers(signers_file())
    source = open_source(wish.source, How(wish.ca, _memory(store) if wish.only_here else None))
    keygens = keygens_with(store.release(RUNTIME, "current"))
    found: list[Verified] = []
    faults = Faults()
    for env in _envs(store, source, wish):
        with faults.gathered():
            release = source.choose(env, wish.release)
            known = _known(store, env, release) if wish.only_here else None
            found.append(known or source.signed(env, release, signers, keygens))
    faults.tell("what was chosen of the source")
    older = [one for one in found if wish.only_here and not wish.allow_downgrade and _is_older(store, one)]
    wanted = [one for one in found if one not in older]
    table = Table()
    releases = [one.wanted() for one in wanted]
    steps = inspect(store, releases, wish.keep, wish.allow_downgrade, None, kernels(store), table)
    for text in table.warnings():
        warn(text)
    # What a step removes is only told by preflight when nothing else is to be done.
    steps = [_with_prune(store, step, wish.keep) for step in steps]
    return Plan(source, steps, {one.manifest.env: one for one in wanted}, wish.keep, older)


def _known(store: Store, env: str, release: str) -> Verified | None:
    """Return a release that is current here, as it was verified when it came: an update takes nothing of it.

    So a timer that finds nothing new reads no manifest and starts no ssh-keygen.
    """
    is_current = release == store.current(env) and release in store.releases(env)
    return recorded(store.state(env) / release) if is_current else None


def _memory(store: Store) -> Path | None:
    """Return where an update remembers what a server said, so that nothing new costs one request."""
    return store.root / ".state" / ".source" if os.access(store.root / ".state", os.W_OK | os.X_OK) else None


def _with_prune(store: Store, step: Step, keep: int) -> Step:
    return replace(step, prune=to_prune(store, step, keep))


def kernels(store: Store) -> str:
    """Return the folder of Jupyter kernels that the last deploy of any environment here was given; empty for none."""
    return next(filter(None, (kernelspec.recorded(store, env) for env in store.known())), "")


def _is_older(store: Store, one: Verified) -> bool:
    return one.manifest.serial < store.high_water(one.manifest.env)


def _envs(store: Store, source: Source, wish: Wish) -> list[str]:
    """Return the environments that are meant, the runtime first: the others are installed by it."""
    there, here = source.envs(), store.envs()
    envs = list(dict.fromkeys(wish.envs)) or [env for env in there if not wish.only_here or env in here]
    absent = [env for env in envs if wish.only_here and env not in here]
    if absent or not envs:
        raise AirgapError(
            "This source has nothing for an environment of this host"
            if not absent
            else "An update installs nothing new",
            wanted=f"environments that are on this host: {', '.join(here) or 'none'}",
            found=f"{', '.join(absent or there) or 'none'}",
            where=source.where,
            remedy=f"to bring a new environment: {NAME} install {wish.source}",
            code="nothing-to-update",
        )
    return sorted(envs, key=lambda env: env != RUNTIME)


def verify(planned: Plan) -> None:
    """Read all that ``fetch`` would copy, and compare it with what was signed."""
    _each(planned, "Reading", lambda step, one, shown: bring.look(one, step.missing, shown.add))


def fetch(store: Store, planned: Plan) -> None:
    """Copy what this host lacks to where parts arrive; what is there already is not copied again."""

    def one_env(step: Step, one: Verified, shown: Bar) -> None:
        with locked(store.root / ".state", f".incoming-{step.env}", f"the parts of {step.env}"):
            bring.bring(one, step.missing, store.incoming(step.env, step.id), shown.add)

    _each(planned, "Copying", one_env)


def _each(planned: Plan, what: str, work: Callable[[Step, Verified, Bar], object]) -> None:
    """Do something for each release that is to be installed; all that is wrong becomes one error."""
    faults = Faults()
    for step in planned.steps:
        if step.action == "install":
            shown = Bar(f"{what} {step.env} {step.id}", planned.size(step))
            try:
                work(step, planned.releases[step.env], shown)
            except AirgapError as error:
                if error.code != "file-damaged":  # the others would say the same
                    raise
                faults.found.append(error)
            finally:
                shown.end()
    faults.tell("what was read from the source")


def install(store: Store, planned: Plan) -> tuple[dict[str, dict[str, Any]], dict[str, AirgapError]]:
    """Install, check, switch and prune each environment; one that fails stays as it was, and the others go on.

    Returns what was done and what failed, both by environment.
    """
    done, failed = {}, {}
    for step in planned.todo:
        try:
            result = _install_one(store, planned, step)
        except AirgapError as error:
            failed[step.env] = error
        else:
            done[step.env] = {"seconds": result.seconds, "removed": result.pruned, "warnings": result.warnings}
    return done, failed


def _install_one(store: Store, planned: Plan, step: Step) -> Done:
    one = planned.releases.get(step.env)
    sums = (one.release.manifest_sha256, one.release.signature_sha256) if one else ("", "")
    try:
        return deploy(store, step, sums[0], planned.keep, None, sums[1])
    except AirgapError as error:
        if one is None or error.code != "delta-refused":
            raise
        warn(f"{error}; the whole release is copied")
    again = inspect(store, [one.wanted()], planned.keep, True, kernels=step.kernels, deltas=False)[0]
    fetch(store, Plan(planned.source, [again], planned.releases, planned.keep))
    return deploy(store, again, sums[0], planned.keep, None, sums[1])


def done_lines(planned: Plan, done: dict[str, dict[str, Any]]) -> Sequence[str]:
    """Return for people what was done, a line for each environment that did not fail."""
    lines = []
    for step, text in zip(planned.steps, planned.lines()):
        if step.action == "none":
            lines.append(text)
        elif step.env in done:
            removed = done[step.env]["removed"]
            change = f"{step.current or '-'} -> {step.id}" if step.current != step.id else f"{step.id} is current"
            lines.append("; ".join([f"{step.env}: {change}", *([f"removed {', '.join(removed)}"] if removed else [])]))
    return [*lines, *planned.lines()[len(planned.steps) :]]
