# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host may ask to be sent: releases that the controller verified, and parts of their payloads.

What a host says is looked up here and nowhere joined to a path: the names that are sent are the controller's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean, take_in
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Part
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step


@dataclass(frozen=True)
class Asked:
    """The ``parts`` of a verified ``release`` that a host is missing, of its payload in ``format``."""

    release: Release
    parts: tuple[Part, ...]
    format: str = ""


def asked(steps: Sequence[Any], releases: Sequence[Release], host: str) -> list[Asked]:
    """Return what a host asks for in ``steps``; raises AirgapError when anything there is not for it to ask."""
    verified = {(release.env, release.id): release for release in releases}
    found: dict[tuple[str, str], Asked] = {}
    for step in steps:
        try:
            whole = Step.from_dict(step, host)
        except AirgapError as error:
            raise _unwelcome(error.wanted, error.found, host) from error
        if whole.action == "install":
            one = _one(whole, verified, host)
            if (one.release.env, one.release.id) in found:
                raise _refused("each release once", str(one.release), host)
            found[one.release.env, one.release.id] = one
    return list(found.values())


def _one(step: Step, verified: Mapping[tuple[str, str], Release], host: str) -> Asked:
    env, release = step.env, step.id
    known = verified.get((env, release))
    if known is None:
        raise _refused(f"one of {_names(f'{env} {release}' for env, release in verified)}", (env, release), host)
    ours = {payload.format: {part.name: part for part in payload.parts} for payload in known.payloads}
    format_name, missing = step.format, step.missing
    # A repair that needs the release's record only asks for no part, and names no format.
    parts = ours.get(format_name, {})
    if format_name != "" and not parts:
        raise _refused(f"a format among {_names(ours)}", format_name, host)
    for name in missing:
        if name not in parts:
            raise _refused(f"parts of {env} {release} in {format_name or 'no format'}", name, host)
    if len(set(missing)) != len(missing):
        raise _refused("each part once", missing, host)
    return Asked(known, tuple(part for name, part in parts.items() if name in missing), format_name)


def _names(values: Any) -> str:
    return ", ".join(values) or "nothing"


def _refused(wanted: str, found: Any, host: str) -> AirgapError:
    return _unwelcome(wanted, clean(repr(take_in(found))), host)


def _unwelcome(wanted: str, found: str, host: str) -> AirgapError:
    return AirgapError(
        "A host asks for what is not for it",
        code="request-refused",
        wanted=f"{wanted}, as preflight and repair answer",
        found=found,
        where=host,
        remedy="find out who answers on this host in place of the modules; nothing was sent",
    )
