# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the credentials of channels and indexes out of everything that is shown, written or packed."""

from __future__ import annotations

import re

# scheme://user:password@host and conda's own https://host/t/<TOKEN>/channel.
_USER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/@\s'\"]+(?::[^/\s'\"]*)?@")
_TOKEN = re.compile(r"(?<=/t/)[^/\s'\"]+(?=/)")


def mask_credentials(text: str) -> str:
    """Return ``text`` with each user, password and channel token in it shown as ``***``."""
    return _TOKEN.sub("***", _USER.sub(r"\g<scheme>***@", text))


def without_credentials(url: str) -> str:
    """Return ``url`` without user, password and channel token: the address anyone may read."""
    return re.sub(r"/t/[^/\s]+(?=/)", "", _USER.sub(r"\g<scheme>", url), count=1)
