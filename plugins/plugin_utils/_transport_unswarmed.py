# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a host gets files without others: http where the depot has a URL, and push for what does not arrive by that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Key, Missing
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_http import Http
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_push import Push


def fetch_or_send(missing: Sequence[Missing], action: HostAction, host: str) -> dict[Key, str]:
    """Bring all of it; return what arrived, and how. What http did not bring, and why, is a warning."""
    if not all(one.served for one in missing):
        return Push().bring(missing, action, host)
    arrived, failure = Http().fetch(missing, action, host)
    left = without(missing, arrived)
    if left:
        why = str(failure) if failure else "it did not say why"
        action._display.warning(f"{host} did not fetch all that it is missing, so it is sent there: {why}")
        arrived.update(Push().bring(left, action, host))
    return arrived


def without(missing: Sequence[Missing], arrived: Collection[Key]) -> list[Missing]:
    """Return what is still missing; the record of a release goes with it, since it is small."""
    left = []
    for one in missing:
        parts = tuple(file for file in one.parts if (one.env, one.release, file.name) not in arrived)
        if any(key not in arrived for key in one.sizes):
            left.append(replace(one, parts=parts))
    return left
