# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take files out of the remote user's temporary folder, as root, in POSIX shell.

That user can exchange anything there at any moment. So nothing is done by name but one read of each file, into a folder
that only root can enter; what counts is the copy. It is hashed there before it is used.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

# take NAME BYTES [AS] copies a file from $tmp into $into. GNU dd neither follows a link nor waits for a pipe. That of
# busybox may when the file is exchanged at that very moment: it ends at its deadline, or what it read has another hash.
TAKE = """\
nofollow=iflag=nofollow,nonblock
dd if=/dev/null of=/dev/null $nofollow 2>/dev/null || nofollow=
take() {
  rm -rf "$into/${3:-$1}"
  if [ -h "$tmp/$1" ] || [ ! -f "$tmp/$1" ]; then
    echo "no regular file: $tmp/$1" >&2
    exit 1
  fi
  # One block more than it should have shows that it has too much.
  if ! timeout -s KILL 600 dd if="$tmp/$1" bs=65536 count=$(($2 / 65536 + 1)) $nofollow \\
    >"$into/${3:-$1}" 2>"$into/.said" 9>&-; then
    echo "could not be read: $(cat "$into/.said")" >&2
    rm -f "$into/${3:-$1}" "$into/.said"  # a full disk is not kept full by half a part
    exit 1
  fi
  rm -f "$into/.said"
}
"""


def take_script(tmp: str, into: str, files: Iterable[tuple[str, int, str]]) -> str:
    """Return the shell that takes ``files`` from ``tmp`` into a folder: the name there, bytes, and the name here."""
    values = {"tmp": tmp, "into": into}
    names = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    takes = "".join(f"take {shlex.quote(name)} {size} {shlex.quote(here)}\n" for name, size, here in files)
    return f'{names}set -e\numask 077\nmkdir -p "$into"\n{TAKE}{takes}'
