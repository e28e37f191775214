# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transport: the controller sends each part over the connection that Ansible has anyway.

A part is the input of a command that writes it into the store. Where a command gets no input (su, or a sudo that wants
a terminal), it goes through the remote user's temporary folder, one part at a time, so that this folder needs room for
one part only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ansible.errors import AnsibleError

from ansible_collections.airgap.conda.plugins.module_utils._first.take import take_script
from ansible_collections.airgap.conda.plugins.plugin_utils._feed import Feed
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction, unheard
from ansible_collections.airgap.conda.plugins.plugin_utils._sent import sent
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import (
    File,
    Key,
    Missing,
    Transport,
    not_sent,
    unpack_ahead,
)
from ansible_collections.airgap.conda.plugins.plugin_utils._uncompressed import uncompressed

# What each part is called in the remote user's temporary folder, one after another: it needs room for one.
PART = "env.tar"


class Push(Transport):
    """Sends from the controller."""

    name = "push"

    def bring(self, missing: Sequence[Missing], action: HostAction, host: str) -> dict[Key, str]:
        """Send all of it, or raise what kept it from that."""
        whole, done = sum(file.size for one in missing for file in one.files), 0

        def tell(size: int) -> None:
            nonlocal done
            done += size
            sent(host, done, whole)

        tell(0)
        with uncompressed(action):
            for one in missing:
                self._send(one, action, host, tell)
        return {key: self.name for one in missing for key in one.sizes}

    def _send(self, one: Missing, action: HostAction, host: str, tell: Callable[[int], None]) -> None:
        feed = Feed(action, host, one.root, one.incoming)
        try:
            if feed.offer({file.name: file.path for file in one.record}):
                tell(sum(file.size for file in one.record))
                unpack_ahead(one, action)
                for part in one.parts:
                    feed.send(part.name, part.path, part.size, tell)
            else:
                self._send_by_folder(one, action, host, tell)
        except AnsibleError as error:
            raise not_sent(str(error), host) from error

    def _send_by_folder(self, one: Missing, action: HostAction, host: str, tell: Callable[[int], None]) -> None:
        unpack_ahead(one, action)
        with action.folder_for(max(file.size for file in one.files), host) as remote:
            for group in [{file.name: file for file in one.record}, *({PART: part} for part in one.parts)]:
                action.put(remote, {there: file.path for there, file in group.items()}, host)
                self._take(remote, one.incoming, group, action, host)
                tell(sum(file.size for file in group.values()))

    def _take(self, remote: str, incoming: str, group: dict[str, File], action: HostAction, host: str) -> None:
        files = [(there, file.size, file.name) for there, file in group.items()]
        heard = action.ask(take_script(remote, incoming, files))
        if heard.status > 0:
            raise not_sent(heard.text or f"exit status {heard.status}", f"{incoming} on {host}")
        if heard.status:
            raise unheard("take in what was sent", host, heard, 0)
