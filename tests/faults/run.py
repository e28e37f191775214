# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""./dev faults: try to break a host in every way that reliability asks for, and count."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".cache/collections"))

import settings_page  # noqa: E402
from scenes import Share, World, make_world  # noqa: E402
from tally import Tally  # noqa: E402

RESULT = CHECKOUT / ".cache/faults/result.json"
# What docs/guide/promises.md points to.
KEPT = CHECKOUT / "tests/faults/results.json"
# Each is a file here with a PROMISE and a function run(world, share).
PARTS = (
    *("kill", "errors", "hostile", "flips", "racers", "in_use", "clock", "hung", "canaries"),
    *("images", "fleet", "pull", "trust", "settings"),
)
# These take longer, or want a virtual machine, and run when they are asked for.
MORE = ("defences", "power", "drives")
# One worker runs these: they are one thing on many hosts, or on one machine.
ALONE = ("images", "fleet", "pull", "power", "drives")
# Where worlds are, in memory: killing a process loses nothing that it wrote, whatever the file system.
MEMORY = Path("/dev/shm")  # noqa: S108 - a tmpfs, the folder below it is ours alone
PATIENCE = 10  # seconds
# Seconds between two looks at whether a worker that has not answered is still there.
LOOK = 1.0
# The variable that tells the process with the parts the folder for its worlds.
FOLDER = "FAULTS_FOLDER"
# The world of each worker: made once, and put back for each part.
WORLDS: dict[int, World] = {}
# The signals that end a run: from a terminal, from timeout, from a terminal that is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Processes and mounts of its own: none is left, not even when this run is killed; and few, since each deploy
# looks at all processes.
APART = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
)


def main() -> int:
    """Run the parts that were asked for and return the exit status."""
    options = _options()
    if options.write:
        keep()
        settings_page.write()
        return 0
    if options.table:
        print(table(read_result(KEPT)), end="")
        return 0
    if os.getpid() == 1 and FOLDER in os.environ:
        return _run_parts(options)
    for number in ENDING[1:]:  # Python raises by itself at the first
        signal.signal(number, _end)
    folder = tempfile.mkdtemp(
        prefix="airgap-faults-", dir=MEMORY if os.access(MEMORY, os.W_OK) else tempfile.gettempdir()
    )
    os.chmod(folder, 0o711)  # noqa: S103 - some parts let other users into a world
    os.environ[FOLDER] = folder
    try:
        if subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0:
            return subprocess.run([*APART, sys.executable, *sys.argv], check=False).returncode
        return _run_parts(options)
    finally:
        _remove(Path(folder))


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _remove(folder: Path) -> None:
    """Remove the worlds; what worked in them may be a moment away from its end."""
    end = time.monotonic() + PATIENCE
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


def _run_parts(options: argparse.Namespace) -> int:
    broken, tables = False, {}
    for name in options.parts:
        before = sum(os.times()[:4])
        tally = run_part(name, Share(0, 1 if name in ALONE else options.workers, options.long))
        print(line(tally, sum(os.times()[:4]) - before), flush=True)
        for fault in tally.faults:
            print(f"    {fault[:1000]}")
        key = f"{name} --long" if options.long else name
        tables[key] = {"date": time.strftime("%Y-%m-%d"), **tally.as_result()}
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        # Read again: another part may have ended meanwhile.
        RESULT.write_text(json.dumps({**read_result(RESULT), key: tables[key]}, indent=1) + "\n", encoding="utf-8")
        broken |= bool(tally.broken) or not tally.tried
    print(f"\n{table(tables)}\n{RESULT.relative_to(CHECKOUT)} has the details.")
    return int(broken)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev faults", description="Try to break a host in many ways, and count.")
    known = (*PARTS, *MORE)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(known)}; default: all but the last three"
    )
    parser.add_argument("--long", action="store_true", help="the big figures: an hour and more")
    parser.add_argument("--defences", action="store_true", help="take every defence away in turn: a test must turn red")
    parser.add_argument("--power", type=int, metavar="N", help="cut the power of a virtual machine N times")
    parser.add_argument(
        "--write", action="store_true", help=f"take the results of the last runs into {KEPT.name}, and settings.md"
    )
    parser.add_argument("--table", action="store_true", help=f"print the table of {KEPT.name}")
    parser.add_argument(
        "--ansible", metavar="PATH", help="ansible-playbook for fleet, trust and settings; default: that of PATH"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="default: %(default)s")
    options = parser.parse_args()
    unknown = sorted({*options.parts} - {*known})
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(known)}")
    if options.ansible:
        os.environ["FAULTS_ANSIBLE"] = options.ansible
    if options.power is not None:
        os.environ["FAULTS_POWER"] = str(options.power)
    asked = [*options.parts, *["defences"] * options.defences, *["power"] * (options.power is not None)]
    options.parts = asked or PARTS
    return options


def line(tally: Tally, work: float) -> str:
    """Return one line on a part; ``work`` are the seconds of processors that it took."""
    seconds = time.monotonic() - tally.started
    took = f"{seconds:6.0f} s, {work:4.0f} of a processor"
    return f"{tally.name:10} {tally.tried:8} tried {tally.broken:6} broken {took}   {tally.promise}"


def run_part(name: str, whole: Share) -> Tally:
    """Run one part, shared by several processes."""
    module = import_module(name)
    total = Tally(name, module.PROMISE)
    shares = [Share(number, whole.workers, whole.long) for number in range(whole.workers)]
    for share in shares:
        if share.number not in WORLDS:
            WORLDS[share.number] = _make_world(share.number)
    try:
        for process, reader in [_start(module, share) for share in shares]:
            part = _said(process, reader)
            if isinstance(part, str):
                total.case(name, part)
            else:
                total.add(part)
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.kill()
        raise
    finally:
        for worker in multiprocessing.active_children():
            worker.join()
    return total


def _start(module: Any, share: Share) -> tuple[ForkProcess, Connection]:
    """Start a worker; returns it, and where its result arrives."""
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(module, share, writer))
    # A signal waits until the worker is known: just after a fork, what its handler raises is lost, or the worker is.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    writer.close()
    return process, reader


def _said(process: ForkProcess, reader: Connection) -> Tally | str:
    """Return what a worker found; that it was killed before it could say so is a fault."""
    with suppress(EOFError):
        while process.is_alive() or reader.poll():
            if reader.poll(LOOK):
                found: Tally | str = reader.recv()
                return found
    process.join()
    return f"a worker ended without a result, exit status {process.exitcode}"


def _make_world(number: int) -> World:
    """Make the world of a worker, and keep beside it how it was made."""
    world = make_world(str(number), Path(os.environ[FOLDER]))
    shutil.copytree(world.base, _kept(world), symlinks=True)
    tempfile.tempdir = None
    return world


def _kept(world: World) -> Path:
    return world.base.with_name("kept")


def _work(module: Any, share: Share, writer: Connection) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    world = WORLDS[share.number]
    try:
        shutil.rmtree(world.base)
        shutil.copytree(_kept(world), world.base, symlinks=True)
        tempfile.tempdir = str(world.tmp)
        writer.send(module.run(world, share))
    except Exception:  # noqa: BLE001 - a part that cannot run is a fault
        writer.send(traceback.format_exc())


def read_result(path: Path) -> dict[str, Any]:
    """Return what runs found, by part."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def table(result: dict[str, Any]) -> str:
    """Return the figures as a table of Markdown."""
    rows = [(name, part["promise"], f"{part['tried']:,}", str(part["broken"])) for name, part in result.items()]
    lines = [("part", "what was tested", "cases", "broken"), ("---", "---", "---:", "---:"), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def keep() -> None:
    """Put the results of the last runs in the place of those that are kept, part by part."""
    found = {**read_result(KEPT), **read_result(RESULT)}
    names = [f"{name}{form}" for name in (*PARTS, *MORE) for form in ("", " --long")]
    result = {name: {**found[name], "seconds": round(found[name]["seconds"])} for name in names if name in found}
    KEPT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
