# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a host takes to unpack a release, beside GNU tar and zstd, also while it arrives, and to go back.

``./dev bench host [--short]``

Each arm works in processes of its own: once on the disk, as on a host, and once in memory, where nothing but the
programs costs. Fails when unpacking to the disk takes WANTED times as long as tar and zstd, which hash nothing, when a
rollback takes longer than ROLLBACK seconds, or when a release that is unpacked while it arrives is installed after
SENT times as long as sending takes, where that takes at least twice as long as installing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.bench.build import ENVS, SHORT, TIME, lay_out, size_of
from ansible_collections.airgap.conda.tests.bench.frame import (
    CACHE,
    Arm,
    Group,
    Result,
    about,
    in_a_process,
    take_turns,
    timed,
)
from ansible_collections.airgap.conda.tests.bench.program import parser, run
from ansible_collections.airgap.conda.tests.bench.sending import TOGETHER, compare_sending
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, release_id

# How many times as long as GNU tar and zstd; seconds for a rollback, and the files of the releases it is between.
WANTED, ROLLBACK, MANY = 1.5, 2.0, 100_000
# The same for a release that is sent meanwhile; copies of the environment in it; how long it is sent, in installs.
SENT, COPIES, PACES = 1.1, 3, (1, 2)
DEST = "/opt/conda-envs/bench/1-0123abcd"
FORMAT = "tar.zst"
MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own is made there


# --- unpacking -------------------------------------------------------------------------------------------------------


def ours(pack_folder: Path, target: Path) -> None:
    """Unpack as a host does: only what files.json lists, each file hashed while it is written."""
    entries = read_files((pack_folder / FILES).read_bytes(), FILES)
    extract(_parts(pack_folder), FORMAT, entries, target)


def tar_and_zstd(pack_folder: Path, target: Path) -> None:
    """Unpack with two programs that work at the same time."""
    with (
        subprocess.Popen(["cat", *_parts(pack_folder)], stdout=subprocess.PIPE) as parts,
        subprocess.Popen(["zstd", "-q", "-dc"], stdin=parts.stdout, stdout=subprocess.PIPE) as plain,
    ):
        subprocess.run(["tar", "-xf", "-", "-C", str(target)], stdin=plain.stdout, check=True)
    if parts.returncode or plain.returncode:
        raise RuntimeError("zstd failed")


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"env.{FORMAT}*"))


OURS, BASE, ROLLED = "airgap.conda", "GNU tar and zstd", "airgap-envs rollback"
DISK = "to the disk"
ARMS: dict[str, Callable[[Path, Path], None]] = {OURS: ours, BASE: tar_and_zstd}


def run_arm(name: str, pack_folder: Path, target: Path) -> int:
    """Unpack into a new folder and print how long it took."""
    target.mkdir()
    print(json.dumps({TIME: timed(lambda: ARMS[name](pack_folder, target))}))
    return 0


def compare_unpacking(where: str, prefix: Path, folder: Path, rounds: int) -> Group:
    """Let both arms unpack below ``folder``, ``rounds`` times."""
    packed, target = folder / "host-pack", folder / "host-tree"
    pack(PackRequest(prefix, packed, DEST))
    size, files = size_of(prefix)
    print(f"{size / 1e6:.0f} MB, {files} files, below {folder}", flush=True)

    def before(_name: str) -> None:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cat", *_parts(packed)], stdout=subprocess.DEVNULL, check=True)  # from memory in both arms

    def arm(name: str) -> Arm:
        return lambda: in_a_process(__file__, "--arm", name, "--pack", packed, "--target", target)

    arms = take_turns({name: arm(name) for name in ARMS}, rounds, before)
    for path in (target, packed):
        shutil.rmtree(path)
    return Group(f"unpack {where}", BASE, {TIME: "s"}, arms, f"{size / 1e6:.0f} MB, {files} files")


# --- going back ------------------------------------------------------------------------------------------------------


def compare_rollback(count: int, rounds: int) -> Group:
    """Install two releases of ``count`` files; go back and forth with the host's command, without a depot."""
    folder = CACHE / "bench" / "rollback"
    shutil.rmtree(folder, ignore_errors=True)
    store = Store(folder / "opt")
    python = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
    tree = {"bin/python": python, **{f"lib/{n % 1000}/{n}": f"{n}" for n in range(count)}}
    for env, serial, content in (("runtime", 1, {"bin/python": python}), ("demo", 1, tree), ("demo", 2, tree)):
        depot = folder / "depot"
        made = make_release(depot, store.root, serial, env=env, tree=content, checks=Checks(), part_size=1 << 26)
        made.send(store)
        deploy(store, made.step(), made.sha256, 2)
        shutil.rmtree(depot)
    write_command(store)

    def back() -> dict[str, float]:
        wanted = release_id(1) if store.current("demo") == release_id(2) else release_id(2)
        command = [str(store.command), "rollback", "demo", wanted]
        seconds = timed(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
        if store.current("demo") != wanted:
            sys.exit(f"bench: {store.current('demo')} is current, and not {wanted}")
        return {TIME: seconds}

    arms = take_turns({ROLLED: back}, rounds)
    shutil.rmtree(folder)
    return Group("rollback", ROLLED, {TIME: "s"}, arms, f"between releases of {count} files")


def measure(short: bool, rounds: int) -> Result:
    """Compare unpacking on the disk and, where it has room, in memory; and measure rollbacks."""
    result = Result([])
    prefix = lay_out(SHORT if short else ENVS[0]) / "prefix"
    with tempfile.TemporaryDirectory(prefix="airgap-bench-", dir=MEMORY) as memory:
        places = {DISK: prefix.parent}
        room, size = shutil.disk_usage(memory).free, size_of(prefix)[0]
        if room > 2 * size:
            places["in memory"] = Path(memory)
        else:
            said = f"not measured in memory: {MEMORY} has {room / 1e6:.0f} MB, and {2 * size / 1e6:.0f} MB are wanted"
            result.findings.append(said)
        result.groups += [compare_unpacking(where, prefix, place, rounds) for where, place in places.items()]
    copies, paces = (1, (1,)) if short else (COPIES, PACES)
    sent = compare_sending(prefix, prefix.parent / "host-sent", min(rounds, 5), copies, paces)
    result.groups += sent
    for group in sent[1:]:
        took = group.times(TOGETHER, TIME) or 0
        if took > SENT and not short:
            result.failures.append(
                f"{group.title}: {took:.2f} times as long until it is installed; wanted {SENT} at most"
            )
    back = compare_rollback(MANY // 20 if short else MANY, rounds)
    worst = max(back.arms[ROLLED][TIME])
    times = result.groups[0].times(OURS, TIME) or 0
    result.groups.append(back)
    result.findings.append(f"the slowest rollback took {worst:.2f} s")
    if times > WANTED and not short:
        result.failures.append(f"unpack {DISK}: {times:.2f} times as long as {BASE}; wanted {WANTED} at most")
    if worst > ROLLBACK:
        result.failures.append(f"wanted {ROLLBACK} s at most for a rollback")
    return result


def main() -> int:
    options = parser("Measure what a host does.", rounds=7)
    options.add_argument("--arm", choices=list(ARMS), help=argparse.SUPPRESS)
    options.add_argument("--pack", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.arm:
        return run_arm(chosen.arm, chosen.pack, chosen.target)
    facts = partial(about, "zstandard", tar=("tar", "--version"), zstd=("zstd", "--version"))
    return run(chosen, partial(measure, chosen.short), facts)


if __name__ == "__main__":
    sys.exit(main())
