# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transport: http where the depot has a URL, and push for all else, also for what did not arrive by http."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Missing, Transport
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_http import Http
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_push import Push


class Auto(Transport):
    """Chooses."""

    name = "auto"

    def bring(self, missing: Sequence[Missing], action: HostAction, host: str) -> set[tuple[str, str, str]]:
        """Bring all of it; what http did not bring, and why, is a warning."""
        if not all(one.served for one in missing):
            return Push().bring(missing, action, host)
        arrived, failure = Http().fetch(missing, action, host)
        left = [_left(one, arrived) for one in missing]
        left = [one for one in left if one.parts or not arrived.issuperset(_names(one))]
        if left:
            why = str(failure) if failure else "it did not say why"
            action._display.warning(f"{host} did not fetch all that it is missing, so it is sent there: {why}")
            arrived |= Push().bring(left, action, host)
        return arrived


def _names(one: Missing) -> set[tuple[str, str, str]]:
    return {(one.env, one.release, file.name) for file in one.files}


def _left(one: Missing, arrived: set[tuple[str, str, str]]) -> Missing:
    """Return what is still missing of a release; its record goes with it, since it is small."""
    return replace(one, parts=tuple(file for file in one.parts if (one.env, one.release, file.name) not in arrived))
