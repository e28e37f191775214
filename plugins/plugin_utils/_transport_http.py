# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transport: the host fetches from a web server that has the depot, by the Python of its runtime.

The controller says which files, with their hashes; the host keeps a file when it is that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import fields_of
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._sent import sent
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Key, Missing, Transport, not_sent


class Http(Transport):
    """Has the host fetch."""

    name = "http"

    def bring(self, missing: Sequence[Missing], action: HostAction, host: str) -> dict[Key, str]:
        """Have the host fetch all of it, or raise what kept it from that."""
        arrived, failure = self.fetch(missing, action, host)
        if failure:
            raise failure
        return arrived

    def fetch(
        self, missing: Sequence[Missing], action: HostAction, host: str
    ) -> tuple[dict[Key, str], AirgapError | None]:
        """Have the host fetch; return what arrived, and what kept the rest from that."""
        served = missing[0].served
        if served is None:
            raise AirgapError(
                "It is not known where hosts can fetch releases",
                wanted="deploy_url, the URL of the depot on a web server",
                found="nothing",
                where=f"deploy_transport: {self.name}",
                remedy="set deploy_url, or deploy_transport: push",
                code="no-url",
            )
        # The options that the module must have are for the controller.
        args = {"releases": [], "steps": [], "url": served.url, "ca": served.ca}
        sizes = {key: size for one in missing for key, size in one.sizes.items()}
        sent(host, 0, sum(sizes.values()))
        ahead = [told for one in missing for told in one.ahead]
        told_all = {"root": missing[0].root, "ahead": ahead, "missing": [_told(one) for one in missing]}
        answer = action.on_host({**args, **told_all})
        told = [name for name in answer.get("arrived", []) if isinstance(name, list)]
        arrived = {name: self.name for name in sizes if list(name) in told}
        sent(host, sum(sizes[name] for name in arrived), sum(sizes.values()))
        failure = fields_of(answer.get("failure") or (answer if answer.get("failed") else None))
        if failure:
            return arrived, AirgapError(**failure)
        if answer.get("failed"):
            return {}, not_sent(str(answer.get("msg") or "no answer"), host)
        return arrived, None


def _told(one: Missing) -> Mapping[str, Any]:
    files = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in one.files]
    return {"env": one.env, "release": one.release, "incoming": one.incoming, "files": files}
