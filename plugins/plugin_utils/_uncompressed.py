# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send payloads without having ssh compress them once more.

Ansible's default for ``ssh_args`` has -C, and what is compressed already takes eight times as long to compress as to
encrypt. A connection that lasts keeps what it began with, so payloads get one of their own, to the same host in the
same way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction

ARGS, PATH = "ssh_args", "control_path"
# The one that is meant as a word of its own.
COMPRESS = re.compile(r"(?<!\S)-C(?!\S)")


@contextmanager
def uncompressed(action: HostAction) -> Iterator[None]:
    """Have the commands and transfers of the block go by a connection of ssh's that does not compress.

    Where that is not to be had (a password for one login, a limit of logins) they go by the one there is. So they do
    where the user names the socket of a lasting connection, which may have been opened by hand.
    """
    connection = action._connection
    before = {name: connection.get_option(name) for name in (ARGS, PATH)} if connection.transport == "ssh" else {}
    if not COMPRESS.search(before.get(ARGS) or "") or before[PATH]:
        yield
        return

    def use(options: dict[str, str | None]) -> None:
        for name, value in options.items():
            connection.set_option(name, value)

    # As long as the name that Ansible makes of the same: a path of a socket is short.
    where = repr([connection.get_option(name) for name in ("host", "port", "remote_user")])
    socket = hashlib.sha256(f"uncompressed {where}".encode()).hexdigest()[:10]
    try:
        use({ARGS: COMPRESS.sub("", str(before[ARGS])), PATH: f"%(directory)s/{socket}"})
        if not _answers(action):
            use(before)
        yield
    finally:
        use(before)


def _answers(action: HostAction) -> bool:
    try:
        heard = action.ask("")
        begun, found = heard.begun, heard.text
    except AnsibleError as error:
        begun, found = False, str(error)
    if not begun:
        Display().vv(f"what is sent is compressed once more by ssh, since there was no second connection: {found}")
    return begun
