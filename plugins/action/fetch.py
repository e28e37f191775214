# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a transport bring the parts that a host lacks.

Nothing is hashed here: the controller verified the depot once, and the host hashes what arrives before it uses it. What
is brought is of that release's payload, whatever the host answers.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._source.address import require_url
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import AnswerAction, host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._asked import Asked, asked
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import ROOT
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import File, Missing, Served, not_sent
from ansible_collections.airgap.conda.plugins.plugin_utils._transports import TRANSPORTS


class ActionModule(AnswerAction):
    """Controller side of airgap.conda.fetch."""

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Bring what every step of preflight is missing."""
        _result, args = self.validate_argument_spec(
            {
                "releases": {"type": "list", "elements": "dict", "required": True},
                "steps": {"type": "list", "elements": "dict", "required": True},
                "root": {"type": "path", "default": ROOT},
                "transport": {"type": "str", "default": "auto", "choices": [*TRANSPORTS]},
                "url": {"type": "str", "default": ""},
                "ca": {"type": "str", "default": ""},
            }
        )
        self.known = task_vars or {}
        host, clock = host_of(task_vars), time.monotonic()
        releases = each(Release.from_dict, args["releases"], "releases of airgap.conda.fetch")
        wanted = asked(args["steps"], releases, host)
        parts = [part.name for one in wanted for part in one.parts]
        if not wanted or self._task.check_mode:
            return {"changed": bool(wanted), "parts": parts}
        served = Served(require_url(args["url"], "deploy_url").geturl(), args["ca"]) if args["url"] else None
        missing = [replace(_missing(one, args["root"]), served=served) for one in wanted]
        arrived = TRANSPORTS[args["transport"]].bring(missing, self, host)
        sizes = {(one.env, one.release, file.name): file.size for one in missing for file in one.files}
        left = [f"{env} {release} {name}" for env, release, name in sizes if (env, release, name) not in arrived]
        if left:
            found = f"{len(left)} of {len(sizes)} files did not arrive: {', '.join(left)}"
            raise not_sent(found, f"{args['root']}/.incoming on {host}")
        seconds = round(time.monotonic() - clock, 2)
        return {"changed": True, "parts": parts, "bytes": sum(sizes.values()), "seconds": seconds}


def _missing(one: Asked, root: str) -> Missing:
    """Return what a transport is told, all of it from what the controller verified."""
    release, folder = one.release, Path(one.release.path)
    sizes = {name: (folder / name).stat().st_size for name in release.record}
    record = tuple(File(name, sizes[name], sha256, folder / name) for name, sha256 in release.record.items())
    parts = tuple(File(part.name, part.size, part.sha256, folder / part.name) for part in one.parts)
    return Missing(release.env, release.id, root, f"{root}/.incoming/{release.env}/{release.id}", record, parts)
