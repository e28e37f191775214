# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long packing takes, and how large the archive is, beside conda-pack itself: ``./dev bench build [--short]``.

Each arm works in a process of its own. Fails when packing is not WANTED times as fast as conda-pack's default.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Request, make
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.bench.frame import (
    CACHE,
    Arm,
    Group,
    Result,
    about,
    in_a_process,
    take_turns,
)
from ansible_collections.airgap.conda.tests.bench.program import parser, run

WANTED = 3.0
TIME, ARCHIVE = "time", "archive"


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
    print(json.dumps({TIME: time.perf_counter() - clock, **({ARCHIVE: size} if size else {})}))
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


def compare(env: Env, rounds: int) -> Group:
    """Let every arm pack the environment, ``rounds`` times."""
    folder = lay_out(env)
    size, files = size_of(folder / "prefix")
    print(f"{env.name}: {size / 1e6:.0f} MB, {files} files", flush=True)

    def arm(name: str) -> Arm:
        return lambda: in_a_process(__file__, "--arm", name, "--folder", folder)

    arms = take_turns({name: arm(name) for name in ARMS}, rounds, lambda _name: read_all(folder / "prefix"))
    return Group(env.name, BASE, {TIME: "s", ARCHIVE: "bytes"}, arms, f"{size / 1e6:.0f} MB, {files} files")


def measure(envs: Sequence[Env], short: bool, rounds: int) -> Result:
    """Compare the arms for each environment."""
    result = Result([compare(env, rounds) for env in envs])
    for group in result.groups:
        faster = 1 / (group.times(OURS, TIME) or 1)
        result.findings.append(f"{group.title}: {OURS} is {faster:.2f} times as fast as {BASE}")
        if faster < WANTED and not short:
            result.failures.append(f"{group.title}: wanted {WANTED} times as fast as {BASE}")
    return result


def main() -> int:
    options = parser("Measure packing next to conda-pack.")
    options.add_argument("--env", choices=[env.name for env in ENVS], help="only this environment")
    options.add_argument("--arm", choices=list(ARMS), help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.arm:
        return run_arm(chosen.arm, chosen.folder)
    envs = [SHORT] if chosen.short else [env for env in ENVS if chosen.env in (None, env.name)]
    return run(chosen, partial(measure, envs, chosen.short), partial(about, "conda-pack", "zstandard", "py-rattler"))


if __name__ == "__main__":
    sys.exit(main())
