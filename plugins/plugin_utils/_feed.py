# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send files as the input of a command, straight into a folder of the store.

So there is no copy in the remote user's temporary folder, which need not have room, and no second user has to be let
into it: the command runs as the one who owns the store.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ansible_collections.airgap.conda.plugins.module_utils._first.receive import (
    INPUT,
    PROBE,
    RECEIVED,
    WORD,
    receive_script,
)
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction, unheard
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import not_sent

# Bytes of one command: what a process of the controller holds in memory for a host.
PIECE = 32 << 20


class Feed:
    """The way into a folder ``into`` of the store at ``root`` on a host."""

    def __init__(self, action: HostAction, host: str, root: str, into: str) -> None:
        self._action, self._host, self._root, self._into = action, host, root, into
        self._run = secrets.token_hex(8)

    def offer(self, files: Mapping[str, Path | bytes]) -> bool:
        """Send small files, all in one command; return False where no input gets to a command as it is.

        A line of plain text finds that out: a sudo that wants a terminal refuses the command, others have it run
        without input, and a terminal would take bytes for keys. Raises AirgapError when the files did not arrive.
        """
        if not self._action.takes_input():
            return False
        try:
            heard = self._action.ask(PROBE, INPUT, data=WORD)
        except AnsibleError as error:
            heard = Heard((), str(error), begun=False, status=-1)
        found = heard.first().get(INPUT) or heard.text
        if found != "yes":
            Display().vv(f"<{self._host}> files go by the temporary folder, since a command got no input: {found}")
            return False
        content = {name: file if isinstance(file, bytes) else file.read_bytes() for name, file in files.items()}
        whole, sizes = b"".join(content.values()), {name: len(data) for name, data in content.items()}
        self._require(self._piece(0, whole, sizes))
        return True

    def send(self, name: str, path: Path, size: int, tell: Callable[[int], object] = lambda _count: None) -> None:
        """Send one large file; raises AirgapError when it did not arrive whole. ``tell`` hears of each piece."""
        with path.open("rb", buffering=0) as stream:
            for offset in range(0, size, PIECE):
                wanted = min(PIECE, size - offset)
                self._require(
                    self._piece(offset, _read(stream, wanted), {name: size} if offset + wanted == size else {})
                )
                tell(wanted)

    def _piece(self, offset: int, data: bytes, files: Mapping[str, int]) -> Heard:
        script = receive_script(self._root, self._into, self._run, offset, len(data), files)
        return self._action.ask(script, RECEIVED, data=data)

    def _require(self, heard: Heard) -> None:
        if heard.status > 0:
            raise not_sent(heard.text or f"exit status {heard.status}", f"{self._into} on {self._host}")
        if heard.status:
            raise unheard("take in what was sent", self._host, heard, 0)


def _read(stream: io.FileIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise not_sent(f"{len(data)} bytes where {count} should be", str(stream.name))
    return data
