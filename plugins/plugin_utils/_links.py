# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which releases are current on a host, asked with nothing but a shell: the host may have no Python that works."""

from __future__ import annotations

import re
import shlex
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import NAMED
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard

LIMIT = 60
SAID = "link"
# For each environment its name, the target of its link, and since when that is there, in seconds since 1970.
LINKS = """\
say at "$root"
if [ -e "$root" ] || [ -h "$root" ]; then
  cd "$root" && ls >/dev/null || exit 1
  for link in */current; do
    say at "$root/$link"
    if [ -h "$link" ]; then say link "$(stat -c %Y "$link") $(readlink "$link") ${link%/current}"; fi
  done
fi
"""
_LINK = re.compile(r"(\d{1,11}) ([\w.+-]{1,64}) ([\w.+-]{1,64})", re.ASCII)
_FOLDER = re.compile(r"\S* \S* (.{1,255})")
_ODD = re.compile(r"[^\w.+-]", re.ASCII)


def links_script(root: str) -> str:
    """Return the shell that says ``SAID`` for each environment of the store at ``root``."""
    return f"root={shlex.quote(root)}\n{LINKS}"


def parse_links(heard: Heard) -> dict[str, Any]:
    """Return the links as the module ``current`` documents them, no more than ``NAMED``.

    Each environment has a name there, also one whose link is none of ours; a question mark replaces a character that
    no name has.
    """
    said = list(heard.of(SAID))
    names = [_ODD.sub("?", match[1])[:64] for match in map(_FOLDER.fullmatch, said) if match]
    links = [
        {"env": match[3], "release": match[2], "since": int(match[1])} for match in map(_LINK.fullmatch, said) if match
    ]
    return {"envs": list(dict.fromkeys(names))[:NAMED], "links": links[:NAMED]}
