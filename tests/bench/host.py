# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a host takes to unpack a release, beside GNU tar and zstd, and to go back: ``./dev bench host [--short]``.

The two arms take turns in one run, each in processes of its own, and the median of the rounds counts: once on the disk,
as on a host, and once in memory, where nothing but the programs costs. Prints a table; ``--output FILE`` also writes
JSON. Fails when unpacking to the disk takes WANTED times as long as tar and zstd, which hash nothing, or when a
rollback takes longer than ROLLBACK seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.bench.build import CACHE, ENVS, SHORT, about, lay_out, size_of
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, release_id

# How many times as long as GNU tar and zstd; seconds for a rollback, and the files of the releases it is between.
WANTED, ROLLBACK, MANY = 1.5, 2.0, 100_000
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


OURS, BASE = "airgap.conda", "GNU tar and zstd"
ARMS: dict[str, Callable[[Path, Path], None]] = {OURS: ours, BASE: tar_and_zstd}


def run_arm(name: str, pack_folder: Path, target: Path) -> int:
    """Unpack into a new folder and print how long it took."""
    target.mkdir()
    clock = time.perf_counter()
    ARMS[name](pack_folder, target)
    print(round(time.perf_counter() - clock, 3))
    return 0


def measure_unpacking(prefix: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Let both arms unpack below ``folder``, ``rounds`` times, in another order each time."""
    packed, target = folder / "host-pack", folder / "host-tree"
    pack(PackRequest(prefix, packed, DEST))
    size, files = size_of(prefix)
    print(f"{size / 1e6:.0f} MB, {files} files, below {folder}", flush=True)
    seconds: dict[str, list[float]] = {name: [] for name in ARMS}
    for number in range(rounds):
        for name in list(ARMS)[:: 1 if number % 2 else -1]:
            shutil.rmtree(target, ignore_errors=True)
            subprocess.run(["cat", *_parts(packed)], stdout=subprocess.DEVNULL, check=True)  # from memory in both arms
            os.sync()  # what another arm wrote is not to be written in this one's time
            command = [sys.executable, __file__, "--arm", name, "--pack", str(packed), "--target", str(target)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            seconds[name].append(float(done.stdout))
            print(f"  round {number + 1}: {name}: {seconds[name][-1]:.2f} s", flush=True)
    for path in (target, packed):
        shutil.rmtree(path)
    medians = {name: round(statistics.median(values), 3) for name, values in seconds.items()}
    times = round(medians[OURS] / medians[BASE], 2)
    return {
        "bytes": size,
        "files": files,
        "seconds": seconds,
        "medians": medians,
        "times_as_long": times,
    }


# --- going back ------------------------------------------------------------------------------------------------------


def measure_rollback(count: int, rounds: int) -> dict[str, Any]:
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
    print(f"rollback between releases of {count} files", flush=True)
    seconds = []
    for number in range(rounds):
        wanted = release_id(1 + number % 2)
        clock = time.perf_counter()
        subprocess.run([store.command, "rollback", "demo", wanted], stdout=subprocess.DEVNULL, check=True)
        seconds.append(round(time.perf_counter() - clock, 3))
        if store.current("demo") != wanted:
            sys.exit(f"bench: {store.current('demo')} is current, and not {wanted}")
        print(f"  round {number + 1}: {seconds[-1]:.2f} s", flush=True)
    shutil.rmtree(folder)
    return {"files": count, "seconds": seconds, "median": round(statistics.median(seconds), 3), "worst": max(seconds)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what a host does.")
    parser.add_argument("--short", action="store_true", help="one round with little: does it still work?")
    parser.add_argument("--rounds", type=int, default=7, help="(%(default)s)")
    parser.add_argument("--output", type=Path, help="file for the result in JSON")
    parser.add_argument("--arm", choices=list(ARMS), help=argparse.SUPPRESS)
    parser.add_argument("--pack", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm:
        return run_arm(arguments.arm, arguments.pack, arguments.target)
    rounds = 1 if arguments.short else arguments.rounds
    unpacking = {}
    place = lay_out(SHORT if arguments.short else ENVS[0])
    with tempfile.TemporaryDirectory(prefix="airgap-bench-", dir=MEMORY) as memory:
        places = {"disk": place}
        room, size = shutil.disk_usage(memory).free, size_of(place / "prefix")[0]
        if room > 2 * size:
            places["memory"] = Path(memory)
        else:
            print(f"not measured in memory: {MEMORY} has {room / 1e6:.0f} MB, and {2 * size / 1e6:.0f} MB are wanted")
        for where, folder in places.items():
            unpacking[where] = measure_unpacking(place / "prefix", folder, rounds)
    back = measure_rollback(MANY // 20 if arguments.short else MANY, rounds)
    for where, result in unpacking.items():
        for name, seconds in result["medians"].items():
            print(f"unpack to {where}, {name:20} {seconds:6.2f} s")
        print(f"  {result['times_as_long']} times as long as {BASE}")
    print(f"wanted on the disk: {WANTED} at most")
    print(f"rollback, {back['files']} files {back['median']:10.2f} s, {back['worst']:.2f} s at most")
    if arguments.output:
        result = {"about": about(), "unpacking": unpacking, "rollback": back}
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    slow = unpacking["disk"]["times_as_long"] > WANTED and not arguments.short
    return int(slow or back["worst"] > ROLLBACK)


if __name__ == "__main__":
    sys.exit(main())
