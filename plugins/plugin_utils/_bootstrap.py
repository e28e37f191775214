# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Python-free first step on a host, as two pieces of POSIX shell: a look, and the install of the runtime.

They need sh, coreutils, tar and gzip, which every Debian and Ubuntu image has. What they write is what
``_store`` writes for any other environment.
"""

from __future__ import annotations

import shlex
from typing import Any, Mapping

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._preflight import MARGIN, PER_FILE, PLATFORMS
from ansible_collections.airgap.conda.plugins.module_utils._release import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._requirements import version_key

LOOK = """\
current=$(readlink "$root/runtime/current")
folder=$root
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
echo "current=$current"
[ -n "$current" ] && "$root/runtime/$current/bin/python" -c '' >/dev/null 2>&1 && echo works=yes
echo "high_water=$(cat "$root/.state/runtime/high-water" 2>/dev/null)"
echo "machine=$(uname -m)"
echo "glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null)"
echo "folder=$folder"
[ -w "$folder" ] && echo writable=yes
echo "free_kib=$(df -Pk "$folder" | sed -n '2s/  */ /gp' | cut -d ' ' -f 4)"
"""

INSTALL = """\
set -e
umask 022
prefix=$root/runtime/$release
state=$root/.state/runtime
staging=$root/.staging/runtime
mkdir -p "$root/runtime" "$state/$release"
exec 9>"$state/lock"
if command -v flock >/dev/null; then
  flock -n 9 || { echo "another run is at work on the runtime" >&2; exit 1; }
fi
rm -rf "$staging"
trap 'rm -rf "$staging"' EXIT
(umask 077; mkdir -p "$root/.staging" "$staging")
cd "$tmp"
printf '%s' "$hashes" | sha256sum -c - >/dev/null
if [ ! -d "$prefix" ]; then
  mkdir "$staging/tree"
  cat $parts | tar -xzpf - -C "$staging/tree" --no-same-owner
  cp "$manifest" "$signature" "$files" "$state/$release/"
  sync
  mv -T "$staging/tree" "$prefix"
fi
if ! "$prefix/bin/python" -B -c "$imports" 2>"$staging/error"; then
  cat "$staging/error" >&2
  rm -rf "$prefix" "$state/$release"
  exit 1
fi
cp activate "$root/runtime/.activate-new"
chmod 644 "$root/runtime/.activate-new"
mv -T "$root/runtime/.activate-new" "$root/runtime/activate"
ln -sfn "$release" "$root/runtime/.current-new"
mv -T "$root/runtime/.current-new" "$root/runtime/current"
high_water=$(cat "$state/high-water" 2>/dev/null || echo 0)
[ "$high_water" -ge "$serial" ] || echo "$serial" >"$state/high-water"
sync
"""


def look_script(root: str) -> str:
    """Return the shell that prints what is on the host, one ``name=value`` a line."""
    return f"root={shlex.quote(root)}\n{LOOK}"


def install_script(root: str, tmp: str, release: Mapping[str, Any]) -> str:
    """Return the shell that installs the runtime ``release`` from the files in ``tmp`` and switches to it."""
    parts = [part for payload in release["payloads"] if payload["format"] == "tar.gz" for part in payload["parts"]]
    hashes = [(release["manifest_sha256"], MANIFEST), (release["files_sha256"], FILES)]
    hashes += [(part["sha256"], part["name"]) for part in parts]
    values = {
        "root": root,
        "tmp": tmp,
        "release": release["id"],
        "serial": str(release["serial"]),
        "hashes": "".join(f"{sha256}  {name}\n" for sha256, name in hashes),
        "parts": " ".join(part["name"] for part in parts),
        "manifest": MANIFEST,
        "signature": SIGNATURE,
        "files": FILES,
        "imports": "\n".join(f"import {name}" for name in release["imports"]),
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + INSTALL


def parse_look(output: str) -> dict[str, str]:
    """Turn the output of the look into a dict; lines that are not ``name=value`` (a banner) are skipped."""
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line and line.split("=", 1)[0].isidentifier())


def is_done(seen: Mapping[str, str], release: Mapping[str, Any]) -> bool:
    """Tell whether ``release`` is current on the host and its Python starts."""
    return seen.get("current") == release["id"] and seen.get("works") == "yes"


def check_host(seen: Mapping[str, str], release: Mapping[str, Any], host: str, allow_downgrade: bool) -> None:
    """Raise AirgapError when the runtime cannot run or be written on the host; nothing was sent yet."""
    name = f"{release['env']} {release['id']}"
    machine = PLATFORMS.get(seen.get("machine", ""), seen.get("machine", "unknown"))
    if machine != release["platform"]:
        raise AirgapError(
            f"{name} does not run on this host",
            wanted=f"a release for {machine}",
            found=release["platform"],
            where=host,
            remedy=f"build it for the platform {machine}",
        )
    glibc = seen.get("glibc", "").replace("glibc ", "") or "0"
    if version_key(glibc) < version_key(release["glibc"]):
        raise AirgapError(
            f"{name} does not run on this host",
            wanted=f"glibc {release['glibc']} or newer on the host (needed by {release['glibc_file']})",
            found=f"glibc {glibc}",
            where=host,
            remedy=f'set target.glibc to "{glibc}" in release.yml of {release["env"]} and build again',
        )
    if seen.get("writable") != "yes":
        raise AirgapError(
            "The store cannot be written on this host",
            wanted="a directory that the remote user may write",
            found="no permission to write, or a file system mounted read-only",
            where=f"{seen.get('folder')} on {host}",
            remedy="use become: true, mount it writable, or choose another root",
        )
    size = next(payload["size"] for payload in release["payloads"] if payload["format"] == "tar.gz")
    need = size + release["bytes"] + release["files"] * PER_FILE + MARGIN
    free = int(seen.get("free_kib") or 0) << 10
    if free < need:
        raise AirgapError(
            f"There is not enough room for {name}",
            wanted=f"{need >> 20} MiB free",
            found=f"{free >> 20} MiB free",
            where=f"{seen.get('folder')} on {host}",
            remedy="free space there, or choose another root",
        )
    high_water = int(seen.get("high_water") or 0)
    if release["serial"] < high_water and not allow_downgrade:
        raise AirgapError(
            f"An older release of {release['env']} was offered than this host has had",
            wanted=f"serial {high_water} or higher",
            found=f"serial {release['serial']} ({release['id']})",
            where=host,
            remedy="bring the newest release to the depot; to go back on purpose, set runtime_allow_downgrade: true",
        )
