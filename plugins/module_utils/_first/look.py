# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a look at a host that may have no Python asks, in POSIX shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._cli.file import ASKED
from ansible_collections.airgap.conda.plugins.module_utils._cli.say import NAME

# Seconds that the host's Python has to start: a full disk's worth of files.
START_LIMIT = 30
# What a host says, in lines, on which its own command finds all that is wanted; it says nothing else then.
ANSWER = "answer"
# That command runs only if it is the wanted one, in a folder where nobody else could exchange it. A link has mode 777.
ASK = """\
mine() { [ -O "$1" ] && [ "$(stat -c %a "$1")" = 755 ]; }
ask() {
  [ "$(readlink "$root/runtime/current")" = "$runtime" ] || return
  mine "$root/bin" && mine "$command" && [ "$(sha256sum <"$command")" = "$sha256  -" ] || return
  timeout -s KILL "$limit" "$root/runtime/$runtime/bin/python" -IBc "$program" "$command" "$options" </dev/null
}
say at "$command"
if answer=$(ask 2>/dev/null) && [ "$answer" ]; then
  printf '%s\\n' "$answer" | while IFS= read -r line; do say answer "$line"; done
  exit
fi
"""
PROGRAM = f"import sys\nsys.path.insert(0, sys.argv[1])\nfrom {ASKED} import main\nmain(sys.argv[2:])\n"
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


def ask_script(root: str, runtime: str, sha256: str, options: Mapping[str, Any]) -> str:
    """Return the shell that has the command with this ``sha256`` look first, by the Python of the release ``runtime``.

    If that is there and finds all releases in place, the host says each of the lines of its answer, and the shell that
    follows (``look_script``) does not run. ``options`` are those of airgap.conda.preflight.
    """
    values = {
        "root": root,
        "limit": START_LIMIT,
        "command": f"{root}/bin/{NAME}",
        "runtime": runtime,
        "sha256": sha256,
        "program": PROGRAM,
        "options": json.dumps(options),
    }
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items()) + ASK
