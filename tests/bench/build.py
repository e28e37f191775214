# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long packing takes, and how large the archive is, beside conda-pack itself: ``./dev bench build [--short]``.

The arms take turns in one run, each in a process of its own, and the median of the rounds counts. Prints a table;
``--output FILE`` also writes JSON. Fails when packing is not WANTED times as fast as conda-pack's default.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Request, make
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec

CACHE = Path(__file__).resolve().parent.parent.parent / ".cache"
WANTED = 3.0


@dataclass(frozen=True)
class Env:
    """An environment to pack, from the lab's channel and, for ``pip``, from this machine's package index."""

    name: str
    conda: tuple[str, ...]
    glibc: str
    pip: tuple[str, ...] = ()


SHORT = Env("short", ("python=3.9", "numpy", "pandas"), "2.31")
ENVS = (
    Env("science", ("python=3.9", "numpy", "pandas", "scipy", "pyarrow", "zstandard", "tqdm", "pip"), "2.31"),
    Env("torch", ("python=3.11", "numpy", "pip"), "2.36", ("torch==2.13.0",)),
)


# --- the arms: each works in a folder with spec, environment and package cache, and returns a size in bytes -----------


def ours(folder: Path) -> int:
    """All of airgap.conda.pack: tree, archive, list of files, SBOM, what the hosts need, the search for secrets."""
    result = pack(PackRequest(folder / "prefix", folder / "pack", f"/opt/conda-envs/{folder.name}/1-0123abcd"))
    return int(result["payloads"][0]["size"])


def conda_pack_gz(folder: Path) -> int:
    """What conda-pack does when nothing else is said."""
    return _conda_pack(folder, "tar.gz", 1)


def conda_pack_zst(folder: Path) -> int:
    """conda-pack's tar.zst with all the threads it may have."""
    return _conda_pack(folder, "tar.zst", -1)


def _conda_pack(folder: Path, archive: str, threads: int) -> int:
    import conda_pack

    output = folder / f"conda-pack.{archive}"
    conda_pack.pack(prefix=str(folder / "prefix"), output=str(output), format=archive, n_threads=threads)
    return output.stat().st_size


def solve_and_install(folder: Path) -> int:
    """Make the environment once more, from packages that were fetched before."""
    make(request(folder, "again"))
    return 0


OURS, BASE = "airgap.conda.pack tar.zst", "conda-pack tar.gz"
ARMS: dict[str, Callable[[Path], int]] = {
    OURS: ours,
    BASE: conda_pack_gz,
    "conda-pack tar.zst -j -1": conda_pack_zst,
    "solve and install": solve_and_install,
}


def request(folder: Path, prefix: str) -> Request:
    """Return what makes the environment of the spec in ``folder`` at ``folder/prefix``, from the lab's channel."""
    spec = load_spec(folder / "spec" / folder.name)
    channel = (CACHE / "lab" / "channel").as_uri()
    channels = Channels((channel,), "https://conda.anaconda.org", "the bench", only=True)
    return Request(folder / prefix, spec, channels, spec.release.target, folder / "cache")


def run_arm(name: str, folder: Path) -> int:
    """Do the work of one arm, print how long it took, and leave nothing of it."""
    clock = time.perf_counter()
    size = ARMS[name](folder)
    print(json.dumps({"seconds": round(time.perf_counter() - clock, 3), "bytes": size}))
    for path in [*folder.glob("conda-pack.*"), folder / "again.lock"]:
        path.unlink(missing_ok=True)
    for left in ("pack", "again"):
        shutil.rmtree(folder / left, ignore_errors=True)
    return 0


# --- the run ---------------------------------------------------------------------------------------------------------


def lay_out(env: Env) -> Path:
    """Make the environment, unless an earlier run did; return the folder that the arms work in."""
    folder = CACHE / "bench" / env.name
    spec = folder / "spec" / env.name
    spec.mkdir(parents=True, exist_ok=True)
    dependencies: list[Any] = [*env.conda, *([{"pip": list(env.pip)}] if env.pip else [])]
    # JSON is YAML.
    (spec / "environment.yml").write_text(json.dumps({"channels": ["conda-forge"], "dependencies": dependencies}))
    (spec / "release.yml").write_text(json.dumps({"target": {"glibc": env.glibc}}))
    make(request(folder, "prefix"))
    return folder


def size_of(prefix: Path) -> tuple[int, int]:
    """Return the bytes and the number of the files below ``prefix``, links not followed."""
    sizes = [os.lstat(Path(folder, name)).st_size for folder, _names, files in os.walk(prefix) for name in files]
    return sum(sizes), len(sizes)


def read_all(prefix: Path) -> None:
    """Read every file, so that no arm is the one that fetches it from the disk."""
    for folder, _names, files in os.walk(prefix):
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                with path.open("rb", buffering=0) as stream:
                    while stream.read(1 << 20):
                        pass


def measure(env: Env, rounds: int) -> dict[str, Any]:
    """Run every arm ``rounds`` times, in another order each time, and return what it took."""
    folder = lay_out(env)
    size, files = size_of(folder / "prefix")
    print(f"{env.name}: {size / 1e6:.0f} MB, {files} files", flush=True)
    arms: dict[str, dict[str, Any]] = {name: {"seconds": [], "bytes": 0} for name in ARMS}
    for number in range(rounds):
        names = list(ARMS)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            os.sync()  # what another arm wrote is not to be written in this one's time
            read_all(folder / "prefix")
            done = in_a_process(name, folder)
            arms[name]["seconds"].append(done["seconds"])
            arms[name]["bytes"] = done["bytes"]
            print(f"  round {number + 1}: {name}: {done['seconds']:.2f} s", flush=True)
    for arm in arms.values():
        arm["median"] = round(statistics.median(arm["seconds"]), 3)
    faster = round(arms[BASE]["median"] / arms[OURS]["median"], 2)
    return {"bytes": size, "files": files, "arms": arms, "times_as_fast": faster}


def in_a_process(name: str, folder: Path) -> dict[str, Any]:
    """Run one arm in a process of its own and return what it printed."""
    command = [sys.executable, __file__, "--arm", name, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {name} failed:\n{done.stdout}{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def table(results: dict[str, Any]) -> str:
    """Return the medians as a table."""
    lines = [f"{'':28}{'seconds':>9}{'MB':>8}"]
    for env, result in results.items():
        lines.append(f"{env}: {result['bytes'] / 1e6:.0f} MB, {result['files']} files")
        for name, arm in result["arms"].items():
            size = f"{arm['bytes'] / 1e6:8.1f}" if arm["bytes"] else ""
            lines.append(f"  {name:26}{arm['median']:9.2f}{size}")
        lines.append(f"  {result['times_as_fast']} times as fast as {BASE}")
    return "\n".join(lines)


def about() -> dict[str, Any]:
    """Return what a reader has to know of the machine and the tools."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "processors": os.cpu_count(),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "python": platform.python_version(),
        **{name: version(name) for name in ("conda-pack", "zstandard", "py-rattler")},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure packing beside conda-pack.")
    parser.add_argument("--short", action="store_true", help="one round with a small environment: does it still work?")
    parser.add_argument("--env", choices=[env.name for env in ENVS], help="only this environment")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--output", type=Path, help="file for the result in JSON")
    parser.add_argument("--arm", choices=list(ARMS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm:
        return run_arm(arguments.arm, arguments.folder)
    rounds = 1 if arguments.short else arguments.rounds
    envs = [SHORT] if arguments.short else [env for env in ENVS if arguments.env in (None, env.name)]
    results = {env.name: measure(env, rounds) for env in envs}
    print(table(results))
    if arguments.output:
        arguments.output.write_text(json.dumps({"about": about(), "envs": results}, indent=1) + "\n")
    slow = [env for env, result in results.items() if result["times_as_fast"] < WANTED]
    if slow and not arguments.short:
        print(f"{', '.join(slow)}: wanted {WANTED} times as fast as {BASE}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
