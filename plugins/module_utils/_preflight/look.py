# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at this host: does a release fit, and what is there to do? Nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME, Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Table
from ansible_collections.airgap.conda.plugins.module_utils._formats.delta import base_of, image_of
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import (
    FORMATS,
    TREES,
    fitting,
    is_image,
    lacking_here,
    taken_here,
    whole_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._gpu.tools import Tools
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import missing_parts
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

if TYPE_CHECKING:
    from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import New


def inspect(
    store: Store,
    releases: Sequence[Release],
    keep: int,
    allow_downgrade: bool,
    formats: Sequence[str] | None = None,
    kernels: str = "",
    table: Table | None = None,
    tools: Tools | None = None,
    deltas: bool = True,
) -> list[Step]:
    """Return what is to be done for each release; raises RefusedError when one of them must not be deployed here.

    ``formats`` are the payload formats that this host can take, best first; without them that is found out, for those
    formats that are wanted. ``kernels`` is the folder of Jupyter kernels: other environments of the store that have to
    change for it get a step as well. What each check found is noted in ``table``; a host where nothing is to be done is
    not looked at. ``tools`` say where the driver is seen. With ``deltas`` a release may be made out of an older one.
    """
    table = table or Table()
    kernelspec.require_absolute(kernels)
    if formats is None:
        formats = _taken(store, releases)
    steps = [_step(store, wanted, keep, formats, deltas) for wanted in releases]
    news = [_new(wanted, step) for wanted, step in zip(releases, steps) if step.action in ("install", "switch")]
    if news:  # what only these need is not loaded for any other: a host has no byte code of it
        from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import judge
        from ansible_collections.airgap.conda.plugins.module_utils._preflight.gather import gather

        pairs = [(new.wanted.env, new.wanted.id) for new in news]
        lacks = lacking_here(_offered(new.wanted for new in news if new.installs))
        facts = replace(gather(store, pairs, formats, tools), lacks=lacks)
        judge(table, facts, news, allow_downgrade)
    table.require()
    steps = [_with_kernel(store, step, wanted.ipykernel, kernels) for wanted, step in zip(releases, steps)]
    return steps + _other_kernels(store, {step.env for step in steps}, kernels)


def _taken(store: Store, releases: Sequence[Release]) -> list[str]:
    """Return the formats that this host can take; images are tried only where there is one to install."""
    new = [wanted for wanted in releases if wanted.id not in store.releases(wanted.env)]
    return taken_here([*TREES, *_offered(new)])


def _offered(releases: Iterable[Release]) -> set[str]:
    return {payload.format for wanted in releases for payload in wanted.payloads}


def _step(store: Store, wanted: Release, keep: int, formats: Sequence[str], deltas: bool) -> Step:
    """Return what is to be done for one release, if it may be."""
    current = store.current(wanted.env)
    installed = wanted.id in store.releases(wanted.env)
    if installed and current == wanted.id:
        prune = store.prunable(wanted.env, keep)
        action = "prune" if prune or store.unfinished(wanted.env) else "none"
        return Step(wanted.env, wanted.id, action, current, prune=prune)
    if installed or (store.unmounted(wanted.env, wanted.id) and store.image(wanted.env, wanted.id).is_file()):
        return Step(wanted.env, wanted.id, "switch", current)
    payload = wanted.payload(fitting(wanted.env, formats))
    if payload is None:
        return Step(wanted.env, wanted.id, "install", current)
    offered = {item.format: item for item in (payload, *(_deltas(store, wanted, payload) if deltas else ()))}
    missing = {name: missing_parts(store.incoming(wanted.env, wanted.id), item) for name, item in offered.items()}
    # What is cheapest to send; the whole payload when that is no more.
    best = min(offered, key=lambda name: _size(offered[name], missing[name]))
    return Step(wanted.env, wanted.id, "install", current, best, missing[best])


def _deltas(store: Store, wanted: Release, payload: Payload) -> list[Payload]:
    """Return the deltas that this host can use in the place of ``payload``."""
    if FORMATS["tar.zst"].lacks():
        return []
    image = payload.format if is_image(payload.format) else ""
    alike = [item for item in wanted.payloads if image_of(item.format) == image]
    return [item for item in alike if store.is_base(wanted.env, base_of(item.format), bool(image))]


def _size(payload: Payload, missing: Collection[str]) -> int:
    return sum(part.size for part in payload.parts if part.name in missing)


def _new(wanted: Release, step: Step) -> New:
    from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import New

    payload = wanted.payload([step.format])
    to_send = _size(payload, step.missing) if payload else 0
    whole = wanted.payload([whole_of(step.format)])
    image = whole.size if whole and is_image(whole.format) else 0
    return New(wanted, step.action == "install", to_send, image)


def _other_kernels(store: Store, envs: set[str], kernels: str) -> list[Step]:
    """Return a step for each environment other than ``envs`` whose Jupyter kernel is not as ``kernels`` says."""
    steps = []
    for env in store.known():
        current = store.current(env)
        step = Step(env, current, "none", current)
        if env not in envs:
            steps.append(_with_kernel(store, step, kernelspec.starts(store, env, current), kernels))
    return [step for step in steps if step.action != "none"]


def _with_kernel(store: Store, step: Step, ipykernel: bool, kernels: str) -> Step:
    """Add to a step what it does to the Jupyter kernel; the runtime has none, since no user works in it."""
    if step.env == RUNTIME:
        return step
    path = kernelspec.kernel_file(kernels, step.env) if kernels and ipykernel else None
    if path:
        from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import write
        from ansible_collections.airgap.conda.plugins.module_utils._preflight.gather import gather_place

        kernelspec.require_free(store, step.env, kernels)
        write(gather_place(path.parent), "The folder of Jupyter kernels")
    action = "kernel" if step.action == "none" and kernelspec.differs(store, step.env, kernels) else step.action
    return replace(step, action=action, kernels=kernels, kernel=str(path or ""))
