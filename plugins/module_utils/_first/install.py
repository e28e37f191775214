# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Python-free first step on a host: the install of the runtime, in POSIX shell.

It needs sh, coreutils, tar and gzip, which every Debian and Ubuntu image has. What it writes is what ``_store`` writes
for any other environment. Two run it: the controller on a host, and a person from a drive (``_kit``).
"""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import program
from ansible_collections.airgap.conda.plugins.module_utils._contract import files, manifest, record, tree
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    RUNTIME,
    SIGNATURE,
    Payload,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._first.take import TAKE
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS

# Seconds to import or compare what the runtime brings: a full disk's worth of files.
INSTALL_LIMIT = 600
# Formats of payload that sh unpacks with tar and gzip.
FORMATS_OF_SHELL = tuple(name for name, known in FORMATS.items() if known.shell)
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
  rm -rf "$staging" ${arrived:+"$arrived"}
  rmdir "$root/.staging" "$root/.incoming" "$root/runtime" 2>/dev/null || :
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
  bring "$1" "$2"
  shift 2
done
cd "$into"
if ! printf '%s' "$hashes" | sha256sum -c - >"$staging/hashes" 2>/dev/null; then
  changed=$(while read -r line; do case $line in *': OK') ;; *) echo "$line" ;; esac; done <"$staging/hashes")
  echo "not as it was signed: $changed" >&2
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


def programs(root: str) -> dict[str, bytes]:
    """Return name -> content of what the install needs in addition to the release's files, hashed like them.

    ``compare`` is the program by which a runtime compares itself with its list of files, ``scripts`` the texts to
    activate it, as variables of sh: the command that installs has to be one word of at most 8 KiB for csh.
    """
    scripts = activate_files(RUNTIME, Path(root) / RUNTIME)
    text = "".join(f"{name.replace('.', '_')}={shlex.quote(script)}\n" for name, script in scripts.items())
    return {"compare": program("", COMPARE, record.__name__, tree.__name__), "scripts": text.encode("utf-8")}


def install_script(root: str, tmp: str, release: Release) -> str:
    """Return the shell that installs the runtime ``release`` from the files in ``tmp`` and switches to it.

    Those are what the depot has of the release, and ``programs``. Whoever else can write in ``tmp`` gets the install
    refused, and no more.
    """
    return f'tmp={shlex.quote(tmp)}\n{settings(root, release)}{TAKE}bring() {{ take "$@"; }}\n{INSTALL}'


def install_arrived(root: str, release: Release) -> str:
    """Return the shell that installs it from its ``incoming`` folder, which is its owner's alone and goes."""
    where = f"tmp={shlex.quote(incoming(root, release))}\n{settings(root, release)}arrived=$root/.incoming/runtime\n"
    return f'{where}bring() {{ mv -T "$tmp/$1" "$into/$1"; }}\n{INSTALL}'


def incoming(root: str, release: Release) -> str:
    """Return the folder of a store where the runtime ``release`` arrives."""
    return f"{root}/.incoming/{RUNTIME}/{release.id}"


def settings(root: str, release: Release) -> str:
    """Return the shell that ``INSTALL`` expects before it: variables and ``unpack``.

    It does not define ``bring NAME BYTES``, which takes one of the files from wherever it is. ``arrived`` is a folder
    that goes with the staging.
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
        "arrived": "",
    }
    unpack = f"unpack() {{\n  {FORMATS[payload.format].shell}\n}}\n"
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + unpack


def payload_of(release: Release) -> Payload:
    """Return the payload that a host without Python can unpack; ``check_host`` refuses a release that has none."""
    payload = release.payload(FORMATS_OF_SHELL)
    if payload is None:
        raise LookupError(f"{release} has no payload for sh")
    return payload
