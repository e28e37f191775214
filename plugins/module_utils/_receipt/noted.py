# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A step on this host, and what is written down of it afterwards: lines of the audit chain, and a receipt.

The step counts, not the paper: what cannot be written is a warning, and a step that did nothing writes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import HOST_CHAIN, Deed, add, deed_of
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import ABSENT, BROKEN, OK, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools
from ansible_collections.airgap.conda.plugins.module_utils._receipt.write import Written, write_receipt
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases

# Takes a text that a user is to read: a module's warn, a line on the error stream.
Tell = Callable[[str], object]
# The environment that is there before anything can write down that it came.
# Errors of somebody who did not want the step, or may not do it: nothing to write down.
NO_STEP = ("not-confirmed", "not-permitted")


@dataclass
class Note:
    """What a step did, said by who does it; ``error`` is what failed of a step that does not raise it.

    ``shows`` asks for a receipt of a step that did nothing, to show that the host is there. ``written`` is its receipt
    afterwards, if there is one.
    """

    store: Releases
    deeds: list[Deed] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    error: AirgapError | None = None
    shows: bool = False
    written: Written | None = None

    def deed(self, what: str, env: str, release: str) -> Deed:
        """Return what is done (one of ``DONE``) with a release that is still on this host."""
        return deed_of(what, env, release, self.store.state(env) / release)

    def did(self, what: str, env: str, release: str) -> None:
        """Note what was done with a release of this host."""
        self.deeds.append(self.deed(what, env, release))

    def deployed(self, step: Step, seconds: Mapping[str, float], pruned: Iterable[str]) -> None:
        """Note what a deploy did of a step of preflight."""
        if "install" in seconds:
            self.did("installed", step.env, step.id)
        if "checks" in seconds:
            self.did("switched", step.env, step.id)
        for name in pruned:
            self.did("pruned", step.env, name)
        self.seconds.update({f"{step.env} {name}": float(number) for name, number in seconds.items()})

    def failed(self, check: str, env: str, error: AirgapError) -> None:
        """Note what is wrong with one environment, where the step goes on with the others."""
        self.error = self.error or error
        self.findings.append(Finding(check, env, BROKEN, **error.fields()))

    def saw_gpu(self, env: str, report: Mapping[str, Any] | None) -> None:
        """Note what is not right with the GPU, as ``verify`` returns it."""
        for item in report["findings"] if report else ():
            if item["verdict"] not in (OK, ABSENT):
                self.findings.append(Finding(**{**item, "subject": env}))


@contextmanager
def noted(
    store: Releases, event: str, tell: Tell, *, dry: bool = False, always: bool = False, tools: Tools | None = None
) -> Iterator[Note]:
    """Write down after the block what it did, or that it failed; nothing when it did nothing, unless ``always``.

    ``event`` is one of ``EVENTS``; ``dry`` is check mode. Who may not write to the store writes nothing down. The time
    of the block and that of the paper are no part of each other.
    """
    note, started = Note(store), time.monotonic()
    try:
        yield note
    except AirgapError as error:
        if error.code not in NO_STEP:
            note.error = error
            _close(note, event, tell, dry, started, tools)
        raise
    if note.deeds or note.error or always or note.shows:
        _close(note, event, tell, dry, started, tools)


def _close(note: Note, event: str, tell: Tell, dry: bool, started: float, tools: Tools | None) -> None:
    state = note.store.root / ".state"
    if dry or not os.access(state, os.W_OK | os.X_OK):
        return
    note.seconds.setdefault("all", round(time.monotonic() - started, 2))
    with _best_effort(tell, "the audit chain", state):
        add(state / HOST_CHAIN, note.deeds, before=_brought_by_sh(note))
    with _best_effort(tell, "a receipt", state):
        note.written = write_receipt(note.store, event, note.error, note.findings, note.seconds, tools)
        if note.written.unsigned:
            tell(f"The receipt of this step is not signed: {note.written.unsigned}")


def _brought_by_sh(note: Note) -> list[Deed]:
    """Return what sh did before there was a Python that could write it down: the first contact, or the kit."""
    current = note.store.current(RUNTIME)
    return [
        note.deed(what, RUNTIME, release)
        for release in note.store.releases(RUNTIME)
        for what in ("installed", *(["switched"] if release == current else []))
    ]


@contextmanager
def _best_effort(tell: Tell, what: str, place: Path) -> Iterator[None]:
    try:
        with os_errors(f"Writing {what}", place):
            yield
    except (AirgapError, ValueError, KeyError) as error:
        tell(f"What was done is not in {what} of this host: {error}")
