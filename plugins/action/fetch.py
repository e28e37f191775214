# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send the parts a host lacks, over the connection that Ansible has anyway.

Nothing is hashed here: the controller verified the depot once, and the host hashes what arrives before it uses it. What
is sent is of that release's payload, whatever the host answers.
"""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._asked import Asked, asked
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction, unheard
from ansible_collections.airgap.conda.plugins.plugin_utils._take import take_script

# What each part is called in the remote user's temporary folder, one after another: it needs room for one.
PART = "env.tar"


class ActionModule(HostAction):
    """Controller side of airgap.conda.fetch."""

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Send what every step of preflight is missing."""
        _result, args = self.validate_argument_spec(
            {
                "releases": {"type": "list", "elements": "dict", "required": True},
                "steps": {"type": "list", "elements": "dict", "required": True},
                "root": {"type": "path", "default": "/opt/conda-envs"},
            }
        )
        host = host_of(task_vars)
        clock, sent = time.monotonic(), 0
        releases = each(Release.from_dict, args["releases"], "releases of airgap.conda.fetch")
        wanted = asked(args["steps"], releases, host)
        files = [name for one in wanted for name in one.parts]
        if not wanted or self._task.check_mode:
            return {"changed": bool(wanted), "parts": files}
        for one in wanted:
            sent += self._send(one, args["root"], host)
        return {"changed": True, "parts": files, "bytes": sent, "seconds": round(time.monotonic() - clock, 2)}

    def _send(self, one: Asked, root: str, host: str) -> int:
        """Send one release's list and missing parts; returns the bytes sent.

        A part goes through the remote user's temporary folder, since that user may not be the one who owns the
        store; one part at a time, so that this folder needs room for one part only.
        """
        incoming = f"{root}/.incoming/{one.env}/{one.release}"
        files = {name: one.folder / name for name in (MANIFEST, SIGNATURE, FILES, *one.parts)}
        sizes = {name: path.stat().st_size for name, path in files.items()}
        try:
            with self.folder_for(max(sizes.values()), host) as remote:
                for group in [[MANIFEST, SIGNATURE, FILES], *([name] for name in one.parts)]:
                    there = {PART if name in one.parts else name: name for name in group}
                    self.put(remote, {there_name: files[name] for there_name, name in there.items()}, host)
                    self._take(remote, incoming, [(at, sizes[name], name) for at, name in there.items()], host)
        except AnsibleError as error:
            raise _not_sent(clean(str(error), MESSAGE), host) from error
        return sum(sizes.values())

    def _take(self, remote: str, incoming: str, files: list[tuple[str, int, str]], host: str) -> None:
        heard = self.ask(take_script(remote, incoming, files))
        if heard.status > 0:
            raise _not_sent(heard.text or f"exit status {heard.status}", f"{incoming} on {host}")
        if heard.status:
            raise unheard("take in what was sent", host, heard, 0)


def _not_sent(found: str, where: str) -> AirgapError:
    return AirgapError(
        "A release could not be sent to the host",
        wanted="room for one part in the remote user's temporary folder, and for the release in the store",
        found=found,
        where=where,
        remedy="mend what the message says, then run again; parts that arrived whole are not sent again",
    )
