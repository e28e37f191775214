# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the credentials of channels and indexes out of everything that is shown, written or packed."""

from __future__ import annotations

import re

# scheme://user:password@host and conda's own https://host/t/<TOKEN>/channel.
# A password may contain a / that was not written as %2F; text that looks like a port and a path is not a password.
_USER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/@:\s'\"]+(?::(?:[^/\s'\"]*|(?!\d{1,5}/)[^@\s'\"]*))?@")
_TOKEN = re.compile(r"(?<=/t/)[^/\s'\"]+(?=/)")


def mask_credentials(text: str) -> str:
    """Return ``text`` with each user, password and channel token in it shown as ``***``."""
    return _TOKEN.sub("***", _USER.sub(r"\g<scheme>***@", text))


def without_credentials(url: str) -> str:
    """Return ``url`` without user, password and channel token: the address anyone may read."""
    if is_local(url):
        return url
    return re.sub(r"/t/[^/\s]+(?=/)", "", _USER.sub(r"\g<scheme>", url), count=1)


def is_local(url: str) -> bool:
    """Tell whether ``url`` is a path or a file URL: nothing in it is a credential, also where it looks like one."""
    return url.startswith(("file:", "/", "~"))


def secrets_in(url: str) -> set[str]:
    """Return the user, password and channel token in ``url``, each verbatim."""
    if is_local(url):
        return set()
    users = {match.group()[len(match["scheme"]) : -1] for match in _USER.finditer(url)}
    return users | {user.partition(":")[2] for user in users if ":" in user} | set(_TOKEN.findall(url))
