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
from ansible.plugins.action import ActionBase

from ansible_collections.airgap.conda.plugins.module_utils._answer import MESSAGE, clean
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._release import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._asked import Asked, asked
from ansible_collections.airgap.conda.plugins.plugin_utils._take import take_script

# What each part is called in the remote user's temporary folder, one after another: it needs room for one.
PART = "env.tar"


class ActionModule(ActionBase):
    """Controller side of airgap.conda.fetch."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send what every step of preflight is missing."""
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec(
            {
                "releases": {"type": "list", "elements": "dict", "required": True},
                "steps": {"type": "list", "elements": "dict", "required": True},
                "root": {"type": "path", "default": "/opt/conda-envs"},
            }
        )
        host = host_of(task_vars)
        clock, sent = time.monotonic(), 0
        try:
            wanted = asked(args["steps"], args["releases"], host)
            files = [name for one in wanted for name in one.parts]
            if not wanted or self._task.check_mode:
                return {"changed": bool(wanted), "parts": files}
            for one in wanted:
                sent += self._send(one, args["root"], host)
        except AirgapError as error:
            return {"failed": True, "msg": str(error), **error.as_result()}
        return {"changed": True, "parts": files, "bytes": sent, "seconds": round(time.monotonic() - clock, 2)}

    def _send(self, one: Asked, root: str, host: str) -> int:
        """Send one release's list and missing parts; returns the bytes sent.

        A part goes through the remote user's temporary folder, since that user may not be the one who owns the
        store; one part at a time, so that this folder needs room for one part only.
        """
        incoming = f"{root}/.incoming/{one.env}/{one.release}"
        sent = 0
        remote = self._make_tmp_path()
        try:
            for group in [[MANIFEST, SIGNATURE, FILES], *([name] for name in one.parts)]:
                files = []
                for name in group:
                    path, there = one.folder / name, PART if name in one.parts else name
                    self._transfer_file(str(path), self._connection._shell.join_path(remote, there))
                    files.append((there, path.stat().st_size, name))
                self._sh(take_script(remote, incoming, files), host, incoming)
                sent += sum(size for _there, size, _name in files)
        except AnsibleError as error:
            raise _not_sent(clean(str(error), MESSAGE), host) from error
        finally:
            self._remove_tmp_path(remote)
        return sent

    def _sh(self, script: str, host: str, incoming: str) -> None:
        done = self._low_level_execute_command(script, executable="/bin/sh")
        if done["rc"] != 0:
            output = clean(f"{done.get('stderr', '')} {done.get('stdout', '')}", MESSAGE)
            raise _not_sent(output, f"{incoming} on {host}")


def _not_sent(found: str, where: str) -> AirgapError:
    return AirgapError(
        "A release could not be sent to the host",
        wanted="room for one part in the remote user's temporary folder, and for the release in the store",
        found=found,
        where=where,
        remedy="mend what the message says, then run again; parts that arrived whole are not sent again",
    )
