# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a release takes to several hosts, next to what is done today: ``./dev bench deploy [--hosts N] [--short]``.

The arms: the plain playbook (plain.yml: copy, unarchive, conda-unpack), ``airgap.conda.deploy`` of an archive and of an
image, and conda-ship's runtimes (ship.yml). Each brings the demo's environment, built from the lab's channel, to wiped
hosts, and is run again when there is nothing to do. For one host alone, the floor is scp, tar and zstd with the bytes
of the same payloads. The settings are Ansible's own, but for as many forks as there are hosts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.tests.bench import ship
from ansible_collections.airgap.conda.tests.bench.fleet import Hosts, started, tool
from ansible_collections.airgap.conda.tests.bench.frame import (
    CACHE,
    CHECKOUT,
    Arm,
    Group,
    Result,
    about,
    take_turns,
    timed,
)
from ansible_collections.airgap.conda.tests.bench.program import parser, run

WORK = CACHE / "bench" / "deploy"
HERE = Path(__file__).resolve().parent
PLAIN, OURS, FLOOR, RUNTIME = "plain playbook", "airgap.conda.deploy", "scp, then tar and zstd", "with its runtime"
OURS_IMAGE = f"{OURS}, image"
# The demo's environment, which comes as an archive, and the same as an image.
TREE, IMAGE = "demo", "demo-image"
FIRST, AGAIN, CREATES = "first run", "second run", "second run, with creates"
UNITS = {
    FIRST: "s",
    AGAIN: "s",
    CREATES: "s",
    f"{FIRST}, sent": "bytes",
    f"{AGAIN}, sent": "bytes",
    f"{FIRST}, controller's processor": "s",
    f"{AGAIN}, controller's processor": "s",
    f"{FIRST}, ssh's processor": "s",
    f"{FIRST}, hosts' processors": "s",
    f"{AGAIN}, hosts' processors": "s",
}
# Ratios that are aimed at.
WANTED = {OURS: {FIRST: 1 / 4, AGAIN: 1 / 15}, OURS_IMAGE: {FIRST: 1 / 8, AGAIN: 1 / 15}}
WANTED_ALONE = 2.5


def build() -> Path:
    """Build the environments as a bastion does; return the archive for the plain playbook."""
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "inventory" / "group_vars").mkdir(parents=True)
    for env in ("runtime", TREE):
        shutil.copytree(CHECKOUT / "envs" / env, WORK / "envs" / env)
    as_image = shutil.copytree(WORK / "envs" / TREE, WORK / "envs" / IMAGE)
    spec = as_image / "environment.yml"
    spec.write_text(spec.read_text(encoding="utf-8").replace(f"name: {TREE}\n", f"name: {IMAGE}\n"), encoding="utf-8")
    with (as_image / "release.yml").open("a", encoding="utf-8") as stream:
        stream.write("formats: [squashfs]\n")
    key = WORK / "signing_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", str(key)], check=True)
    signers = WORK / "allowed_signers"
    signers.write_text(f"bastion {key.with_suffix('.pub').read_text(encoding='ascii')}", encoding="ascii")
    variables = {
        "build_envs": ["runtime", TREE, IMAGE],
        "build_envs_path": str(WORK / "envs"),
        "build_depot": str(WORK / "depot"),
        "build_signing_key": str(key),
        "build_work": str(WORK / "work"),
        "build_channels": [(CACHE / "lab" / "channel").as_uri()],
        "build_target": {"glibc": "2.31"},
        "build_python": sys.executable,
        "deploy_envs": [TREE],
        "deploy_depot": str(WORK / "depot"),
        "deploy_allowed_signers": str(signers),
        "report_path": str(WORK / "report"),
    }
    (WORK / "inventory" / "group_vars" / "all.json").write_text(json.dumps(variables), encoding="utf-8")
    (WORK / "inventory" / "none.json").write_text("{}", encoding="ascii")
    command = [tool("ansible-playbook"), "-i", str(WORK / "inventory"), "airgap.conda.build"]
    with (WORK / "log").open("wb") as log:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=WORK, check=False)
    if done.returncode:
        raise SystemExit(f"bench: airgap.conda.build: exit status {done.returncode}; {WORK / 'log'} has why")
    archive = WORK / "demo.tar.gz"
    prefix = WORK / "work" / TREE / "prefix"
    subprocess.run([tool("conda-pack"), "-q", "-p", str(prefix), "-o", str(archive)], check=True)
    return archive


def payloads() -> dict[str, list[Path]]:
    """Return the parts of the newest release of each environment that a first deploy sends."""
    found = {}
    for env in ("runtime", TREE):
        newest = max((WORK / "depot" / env).iterdir(), key=lambda folder: int(folder.name.split("-")[0]))
        found[env] = sorted(newest.glob("env.tar.zst*")) or sorted(newest.glob("env.tar.gz*"))
    return found


def twice(hosts: Hosts, play: Callable[..., Mapping[str, float]], **more: Callable[[], Mapping[str, float]]) -> Arm:
    """Return the arm that runs a playbook on wiped hosts and once more; ``more`` only count their time."""

    def arm() -> dict[str, float]:
        hosts.wipe()
        measured = {}
        for run_, took in ((FIRST, play()), (AGAIN, play())):
            measured[run_] = took["time"]
            measured[f"{run_}, sent"] = took["sent"]
            measured[f"{run_}, controller's processor"] = took["controller"]
            measured[f"{run_}, hosts' processors"] = took["hosts"]
            if run_ == FIRST:
                measured[f"{run_}, ssh's processor"] = took["ssh"]
        return {**measured, **{name: play_more()["time"] for name, play_more in more.items()}}

    return arm


def compare_many(hosts: Hosts, archive: Path, rounds: int, findings: list[str], with_ship: bool) -> Group:
    """Bring the environment to all hosts in each way."""
    plain = partial(hosts.play, HERE / "plain.yml", bench_archive=str(archive))
    arms = {
        PLAIN: twice(hosts, plain, **{CREATES: partial(plain, bench_creates=True)}),
        OURS: twice(hosts, partial(hosts.play, "airgap.conda.deploy")),
    }
    lacks = hosts.lacks_mounts()
    if lacks:
        findings.append(f"{OURS_IMAGE} was not measured: the hosts mount no image: {lacks}")
    else:
        arms[OURS_IMAGE] = twice(hosts, partial(hosts.play, "airgap.conda.deploy", deploy_envs=[IMAGE]))
    runtimes = {}
    try:
        if with_ship:
            runtimes = ship.build(CACHE / "bench", WORK / "work" / TREE / "prefix", WORK / "ship")
    except ship.Missing as error:
        findings.append(f"conda-ship was not measured: {error}")
    for layout, files in runtimes.items():
        arms[f"conda-ship, {layout}"] = twice(
            hosts, partial(hosts.play, HERE / "ship.yml", bench_files=[str(file) for file in files])
        )
    values = take_turns(arms, rounds)
    size = archive.stat().st_size
    return Group(
        f"{len(hosts.names)} hosts", PLAIN, UNITS, values, f"archive of the plain playbook: {size / 1e6:.0f} MB"
    )


def compare_alone(hosts: Hosts, rounds: int) -> Group:
    """Bring the environment to one host, with the runtime that the collection needs there."""
    name = hosts.names[0]
    parts = payloads()
    options, where = hosts.ssh(name)

    def floor() -> None:
        for env, files in parts.items():
            folder = f"/opt/floor/{env}"
            subprocess.run(["ssh", *options, where, f"mkdir -p {folder}"], check=True)
            subprocess.run(["scp", *options, *map(str, files), f"{where}:{folder}"], check=True)
            unpack = "zstd -dc" if ".zst" in files[0].name else "gzip -dc"
            script = f"cd {folder} && cat env.tar.* | {unpack} | tar -x && rm env.tar.*"
            subprocess.run(["ssh", *options, where, script], check=True)

    def scp() -> dict[str, float]:
        hosts.wipe()
        sent = hosts.sent()
        return {FIRST: timed(floor), f"{FIRST}, sent": hosts.sent() - sent}

    def ours() -> dict[str, float]:
        hosts.wipe()
        took = hosts.play("airgap.conda.deploy", "--limit", name)
        return {FIRST: took["time"], f"{FIRST}, sent": took["sent"]}

    values = take_turns({FLOOR: scp, f"{OURS}, {RUNTIME}": ours}, rounds)
    size = sum(part.stat().st_size for files in parts.values() for part in files)
    units = {FIRST: "s", f"{FIRST}, sent": "bytes"}
    return Group("one host alone", FLOOR, units, values, f"payloads: {size / 1e6:.0f} MB")


def measure(count: int, short: bool, with_ship: bool, rounds: int) -> Result:
    """Build, start the hosts, compare, remove the hosts."""
    archive = build()
    result = Result([])
    with started(count, WORK) as hosts:
        many = compare_many(hosts, archive, rounds, result.findings, with_ship)
        alone = compare_alone(hosts, rounds)
    result.groups += [many, alone]
    for arm, aims in WANTED.items():
        for name, wanted in aims.items() if arm in many.arms else ():
            _judge(result, many, arm, name, wanted, short)
    _judge(result, alone, f"{OURS}, {RUNTIME}", FIRST, WANTED_ALONE, short)
    return result


def _judge(result: Result, group: Group, arm: str, name: str, wanted: float, short: bool) -> None:
    times = group.times(arm, name)
    if times is not None and times > wanted and not short:
        said = f"{group.title}, {name}: {arm} takes {times:.3f} times as long as {group.base}; aimed at: {wanted:.3f}"
        result.failures.append(said)


def facts() -> dict[str, Any]:
    """Return what a reader has to know."""
    programs = {"podman": ("podman", "--version"), "ssh": ("ssh", "-V"), "zstd": ("zstd", "--version")}
    return {**about("ansible-core", "conda-pack", "zstandard", **programs), "conda-ship": ship.VERSION}


def main() -> int:
    options = parser("Measure how a release gets to hosts.")
    options.add_argument("--hosts", type=int, help="(8; 2 with --short)")
    options.add_argument("--no-ship", action="store_true", help="leave conda-ship out")
    chosen: argparse.Namespace = options.parse_args()
    count = (2 if chosen.short else 8) if chosen.hosts is None else chosen.hosts
    if count < 1:
        options.error(f"--hosts {count}: wanted 1 or more")
    return run(chosen, partial(measure, count, chosen.short, not chosen.no_ship), facts)


if __name__ == "__main__":
    sys.exit(main())
