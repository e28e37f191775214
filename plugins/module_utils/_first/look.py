# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a look at a host that may have no Python asks, in POSIX shell."""

from __future__ import annotations

import shlex

# Seconds that the host's Python has to start: a full disk's worth of files.
START_LIMIT = 30
# What the look says.
LOOKED = r"current|works|high_water|machine|glibc|folder|writable|free_kib|mount|user|above_[0-9]{1,3}"
LOOK = """\
say at "$root"
current=$(readlink "$root/runtime/current" 2>/dev/null)
folder=$root
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
say current "$current"
if [ -n "$current" ] && timeout -s KILL "$limit" "$root/runtime/$current/bin/python" -IBc '' \\
  </dev/null >/dev/null 2>&1; then say works yes; fi
say high_water "$(cat "$root/.state/runtime/high-water" 2>/dev/null)"
say machine "$(uname -m)"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
say folder "$folder"
if [ -w "$folder" ] && [ -x "$folder" ]; then say writable yes; fi
say at "df of $folder"
line=$(df -Pk "$folder" | tail -n 1)  # source, blocks, used, free, use%, mount point: both names may have spaces
mount=${line#*% }
line=${line%"% $mount"}
set -f
set -- $line
[ $# -lt 2 ] || shift $(($# - 2))
set +f
say free_kib "$1"
while read -r _ point _ options _; do
  while :; do
    case $point in *\\\\040*) point=${point%%\\\\040*}\\ ${point#*\\\\040} ;; *) break ;; esac
  done
  if [ "$point" = "$mount" ]; then found=$options; fi
done </proc/self/mounts
say mount "$found"
say user "$(id -u)"
number=0
for path in "$root" "$(readlink -f "$folder")"; do
  while :; do
    say at "stat of $path"
    if [ -e "$path" ]; then
      number=$((number + 1))
      say "above_$number" "$(stat -c '%u:%g:%f:%n' "$path")"
    fi
    if [ "$path" = / ]; then break; fi
    path=$(dirname "$path")
  done
done
"""


def look_script(root: str) -> str:
    """Return the shell that says what is on the host, each of ``LOOKED``."""
    return f"root={shlex.quote(root)}\nlimit={START_LIMIT}\n{LOOK}"
