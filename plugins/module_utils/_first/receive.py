# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take files from the input of a command into a folder of the store, in POSIX shell.

They come as one stream, in pieces: one command each. What arrives lies under a name of this run alone, and gets that of
the file only when it is there whole. It is hashed before it is used.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

# A line that is sent first, and what a host says of it: "yes" when it arrived as it is. Bytes that a terminal takes for
# keys would stop it, or end what runs there: none may be sent before it is known that there is no terminal.
WORD, INPUT = b"airgap.conda\n", "input"
PROBE = """\
if [ -t 0 ]; then
  say input terminal
elif [ "$(timeout -s KILL 30 head -n 1)" = airgap.conda ]; then
  say input yes
else
  say input none
fi
"""
# What a receipt says: how many bytes of this piece there are.
RECEIVED = "received"
# The name of what has not arrived whole begins like this.
ARRIVING = ".arriving-"
# $into is entered once, and all else done there by names without a folder: nobody can exchange what is above it. The
# rest of what is sent is read all the same: a connection that breaks off says nothing of why. $new is made here and
# opened only by who can enter the folder, so no link is followed and no pipe waited for.
RECEIVE = """\
refuse() {
  cat >/dev/null
  echo "$1" >&2
  exit 1
}
umask 022
mkdir -p "$root" || refuse "no folder: $root"
umask 077
mkdir -p "$into" && cd -P "$into" || refuse "no folder: $into"
[ -O . ] || refuse "the folder of another user: $into"
chmod go= . || refuse "cannot be closed to others: $into"
if [ "$offset" = 0 ]; then
  [ ! -p "$new" ] || refuse "a pipe: $into/$new"  # which the next line would wait for
  set -C
  head -c "$count" >"$new" || failed=yes
  set +C
elif [ -f "$new" ] && [ ! -h "$new" ] && [ "$(stat -c %s "$new")" -ge "$offset" ]; then
  truncate -s "$offset" "$new"  # it may be the second try
  head -c "$count" >>"$new" || failed=yes
else
  refuse "what arrived before is gone: $into/$new"
fi
received=$(($(stat -c %s "$new" || echo "$offset") - offset))
say received "$received"
if [ "$failed" ] || [ "$received" != "$count" ]; then
  rm -f "$new"  # a full disk is not kept full by half a part
  refuse "$received of $count bytes arrived in $into"
fi
"""
# name NAME BYTES: the next bytes of what arrived become a file. Where there is only one, it is renamed.
CUT = """\
start=1
name() {
  rm -rf "./$1"
  tail -c +"$start" "$new" | head -c "$2" >"$1" && [ "$(stat -c %s "$1")" = "$2" ] || refuse "no room in $into"
  start=$((start + $2))
}
trap 'rm -f "$new"' EXIT
"""
RENAME = """\
name() {
  rm -rf "./$1"
  mv "$new" "$1" || refuse "cannot be named: $into/$1"
}
"""


def receive_script(root: str, into: str, run: str, offset: int, count: int, files: Mapping[str, int]) -> str:
    """Return the shell that takes ``count`` bytes from its input, as those at ``offset`` of what arrives in ``into``.

    ``into`` is a folder below ``root`` and is made for its owner alone. ``run`` is a word that no other run has.
    ``files`` are there with the last piece: name and bytes of each file of which the stream consists.
    """
    values = {"root": root, "into": into, "new": f"{ARRIVING}{run}", "offset": offset, "count": count, "failed": ""}
    settings = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())
    names = "".join(f"name {shlex.quote(name)} {size}\n" for name, size in files.items())
    return f"{settings}{RECEIVE}{(RENAME if len(files) == 1 else CUT) if files else ''}{names}"
