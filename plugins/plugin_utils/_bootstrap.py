# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Python-free first step on a host, as two pieces of POSIX shell: a look, and the install of the runtime.

They need sh, coreutils, tar and gzip, which every Debian and Ubuntu image has. What they write is what
``_store`` writes for any other environment.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import program
from ansible_collections.airgap.conda.plugins.module_utils._contract import files, manifest, record, tree
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    RELEASE_ID,
    SIGNATURE,
    Payload,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._fit.facts import HostFacts, Owned
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import New, judge
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Table
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard
from ansible_collections.airgap.conda.plugins.plugin_utils._take import TAKE

# Owner, group, mode in hex and path of a folder or link.
_ABOVE = re.compile(r"(\d+):(\d+):([0-9a-f]+):(.+)")
# Seconds that the host's Python has to start, and to import or compare what it brings: a full disk's worth of files.
START_LIMIT = 30
INSTALL_LIMIT = 600
# Seconds that all of the look has: a mount whose server is gone never answers.
LOOK_LIMIT = 60
# Formats of payload that sh unpacks with tar and gzip.
FORMATS_OF_SHELL = tuple(name for name, known in FORMATS.items() if known.shell)
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
say free_kib "$(df -Pk "$folder" | sed -n '2s/  */ /gp' | cut -d ' ' -f 4)"
mount=$(df -Pk "$folder" | sed -n '2s/.*% //p')
while read -r _ point _ options _; do
  case $point in *\\\\040*) point=$(printf '%s\n' "$point" | sed 's/\\\\040/ /g') ;; esac
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

INSTALL = """\
set -e
umask 022
prefix=$root/runtime/$release
state=$root/.state/runtime
locks=$root/.state/.locks
staging=$root/.staging/runtime
into=$staging/in
mkdir -p "$state"
umask 077
[ -d "$locks" ] || mkdir "$locks" 2>/dev/null || [ -d "$locks" ]
exec 9>>"$locks/runtime"
chmod 700 "$locks"
chmod 600 "$locks/runtime"
umask 022
if command -v flock >/dev/null && ! flock -n 9; then
  holder=$(cat "$locks/runtime")
  program=$(cat "/proc/$holder/comm" 2>/dev/null || :)
  echo "another run is at work on the runtime: process $holder ($program) holds $locks/runtime" >&2
  exit 1
fi
echo $$ >"$locks/runtime"
rm -f "$state/lock"  # of an earlier version: everybody could hold it
leave() {
  rm -rf "$staging"
  rmdir "$root/.staging" "$root/runtime" 2>/dev/null || :
}
trap leave EXIT
trap 'exit 129' HUP INT TERM  # the connection is gone
# Both kinds of removal go through one rename, so that nothing is ever half there.
discard() {
  if [ -d "$prefix" ]; then mv -T "$prefix" "$staging/old"; fi
  rm -rf "$staging/old" "$state/$release"
}
bounded() {
  timeout -s KILL "$limit" "$@" </dev/null >"$staging/error" 2>&1 9>&- && return
  if [ $? = 137 ]; then echo "$1 did not end within $limit s" >"$staging/error"; fi
  return 1
}
works() {
  bounded "$prefix/bin/python" -IBc "$imports" &&
    bounded "$prefix/bin/python" -IB "$into/compare" "$prefix" "$into"
}
publish() {
  printf '%s' "$2" >"$root/runtime/.$1-new"
  mv -T "$root/runtime/.$1-new" "$root/runtime/$1"
}
rm -rf "$staging"
(umask 077; mkdir -p "$into")
set -- $sizes
while [ $# -gt 0 ]; do
  take "$1" "$2"
  shift 2
done
cd "$into"
if ! printf '%s' "$hashes" | sha256sum -c - >"$staging/hashes" 2>/dev/null; then
  echo "not as it was signed: $(grep -v ': OK$' "$staging/hashes")" >&2
  exit 1
fi
if ! works; then
  tree=$staging/tree
  mkdir "$tree"
  unpack
  discard
  mkdir -p "$root/runtime" "$state/$release"
  for name in "$manifest" "$signature" "$files"; do
    cat "$into/$name" >"$state/$release/$name"
  done
  sync
  mv -T "$tree" "$prefix"
  sync
fi
if ! works; then
  cat "$staging/error" >&2
  discard
  exit 1
fi
before=$(readlink "$root/runtime/current" || echo -)
. "$into/scripts"
publish activate "$activate"
publish activate.csh "$activate_csh"
publish activate.fish "$activate_fish"
ln -sfn "$release" "$root/runtime/.current-new"
mv -T "$root/runtime/.current-new" "$root/runtime/current"
mark=$serial
for known in "$(cat "$state/high-water" 2>/dev/null)" "${before%%-*}"; do
  if [ "$known" -gt "$mark" ] 2>/dev/null; then mark=$known; fi
done
echo "$mark" >"$state/.high-water-new"
mv -T "$state/.high-water-new" "$state/high-water"
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $before -> $release" >>"$state/log"
sync
"""
COMPARE = f"""\
import sys
from pathlib import Path

from {files.__name__} import TOP
from {manifest.__name__} import MANIFEST
from {record.__name__} import read_entries, recorded
from {tree.__name__} import compare_tree

prefix, came = map(Path, sys.argv[1:])
_data, entries = read_entries(came, recorded(came / MANIFEST))
for fault in compare_tree(prefix, (TOP, *entries), owner=prefix.stat().st_uid):
    sys.exit(f"{{prefix / fault.path}} is not as it was signed. Wanted: {{fault.wanted}}. Found: {{fault.found}}.")
"""


def look_script(root: str) -> str:
    """Return the shell that says what is on the host, each of ``LOOKED``."""
    return f"root={shlex.quote(root)}\nlimit={START_LIMIT}\n{LOOK}"


def programs(root: str) -> dict[str, bytes]:
    """Return name -> content of what the install needs in addition to the release's files, hashed like them.

    ``compare`` is the program by which a runtime compares itself with its list of files, ``scripts`` the texts to
    activate it, as variables of sh: the command that installs has to be one word of at most 8 KiB for csh.
    """
    scripts = activate_files("runtime", Path(root) / "runtime")
    text = "".join(f"{name.replace('.', '_')}={shlex.quote(script)}\n" for name, script in scripts.items())
    return {"compare": program("", COMPARE, record.__name__, tree.__name__), "scripts": text.encode("utf-8")}


def install_script(root: str, tmp: str, release: Release) -> str:
    """Return the shell that installs the runtime ``release`` from the files in ``tmp`` and switches to it.

    Those are what the depot has of the release, and ``programs``. Whoever else can write in ``tmp`` gets the install
    refused, and no more.
    """
    payload = payload_of(release)
    hashes = release.sums(payload)
    sizes = {part.name: part.size for part in payload.parts}
    for name in release.record:
        sizes[name] = Path(release.path, name).stat().st_size
    for name, content in programs(root).items():
        hashes[name], sizes[name] = hashlib.sha256(content).hexdigest(), len(content)
    values = {
        "root": root,
        "tmp": tmp,
        "limit": str(INSTALL_LIMIT),
        "release": release.id,
        "serial": str(release.serial),
        "sizes": " ".join(f"{name} {size}" for name, size in sizes.items()),
        "hashes": "".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items()),
        "parts": " ".join(part.name for part in payload.parts),
        "manifest": MANIFEST,
        "signature": SIGNATURE,
        "files": FILES,
        "imports": "\n".join(f"import {name}" for name in release.imports),
    }
    unpack = f"unpack() {{\n  {FORMATS[payload.format].shell}\n}}\n"
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + TAKE + unpack + INSTALL


def parse_look(heard: Heard) -> dict[str, str]:
    """Turn what the look said into a dict.

    A current release that is no release's name is none: its name becomes the path of a Python.
    """
    seen = heard.first()
    return seen if RELEASE_ID.fullmatch(seen.get("current", "")) else {**seen, "current": "", "works": ""}


def python_of(root: str, release: str) -> str:
    """Return the path of the Python of a runtime on a host."""
    return f"{root}/runtime/{release}/bin/python"


def require_runtime(seen: Mapping[str, str], host: str) -> dict[str, str]:
    """Return the release and the interpreter of the host's runtime; raises AirgapError where none works."""
    root, current = seen.get("root", ""), seen.get("current", "")
    if seen.get("works") != "yes":
        raise AirgapError(
            "This host has no runtime that works",
            wanted="a host that a deploy has reached",
            found=f"runtime {current}, whose Python does not start" if current else "no runtime",
            where=f"{root}/runtime on {host}",
            remedy="run airgap.conda.deploy for this host",
        )
    return {"release": current, "interpreter": python_of(root, current)}


def is_done(seen: Mapping[str, str], release: Release) -> bool:
    """Tell whether ``release`` is current on the host and its Python starts."""
    return seen.get("current") == release.id and seen.get("works") == "yes"


def payload_of(release: Release) -> Payload:
    """Return the payload that a host without Python can unpack; ``check_host`` refuses a release that has none."""
    payload = release.payload(FORMATS_OF_SHELL)
    if payload is None:
        raise LookupError(f"{release} has no payload for sh")
    return payload


def check_host(seen: Mapping[str, str], release: Release, host: str, allow_downgrade: bool) -> list[str]:
    """Raise RefusedError when the runtime cannot run or be written on the host; return what to warn of.

    Nothing was sent yet.
    """
    table, payload = Table(), release.payload(FORMATS_OF_SHELL)
    new = New(release, installs=True, to_send=payload.size if payload else 0)
    judge(table, facts_of(seen, host), [new], allow_downgrade)
    table.require()
    return table.warnings()


def facts_of(seen: Mapping[str, str], host: str) -> HostFacts:
    """Return what the look told. What it tells of every host and did not of this one counts as the worst."""
    owned = (_ABOVE.fullmatch(value) for name, value in seen.items() if name.startswith("above_"))
    folders = {Owned(match[4], int(match[1]), int(match[2]), int(match[3], 16)) for match in owned if match}
    options = seen.get("mount", "")
    return HostFacts(
        name=host,
        root=seen.get("root", ""),
        folder=seen.get("folder", ""),
        high_water={"runtime": max(_number(seen, "high_water"), serial_of(seen.get("current", "")))},
        formats=FORMATS_OF_SHELL,
        machine=seen.get("machine") or "unknown",
        glibc=seen.get("glibc", "").removeprefix("glibc "),
        user=_number(seen, "user"),
        writable=seen.get("writable") == "yes",
        mount_options=frozenset(options.split(",")) if options else None,
        # The look goes upwards, and twice where there is a link.
        owned=tuple(sorted(folders, key=lambda folder: len(folder.path))),
        free_bytes=_number(seen, "free_kib") << 10,
    )


def _number(seen: Mapping[str, str], name: str) -> int:
    text = seen.get(name, "")
    return int(text) if text.isdecimal() and text.isascii() else 0
