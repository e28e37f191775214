# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``./dev test`` runs: its parts side by side, each as a command of ./dev that a person may type too.

A part that this machine cannot run is named with the reason, and the last line counts it apart; with CI=true it counts
as failed, and so does a part that does not end. What a part prints is shown when it has ended, and kept in
.cache/log/part-NAME.log.
"""

from __future__ import annotations

import argparse
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from machine import ABILITIES

CHECKOUT = Path(__file__).resolve().parents[2]
DEV, LOGS = CHECKOUT / "dev", CHECKOUT / ".cache/log"
# Parts at a time: one more than there are cores, since most of them also wait, for hosts, disks or each other's locks.
LANES = (os.cpu_count() or 1) + 1
# Seconds after which a part has come to a stand: three times what the longest takes on a slow machine.
LIMIT = 3600
# Seconds in which parts that are to end must have ended.
PATIENCE = 60


@dataclass(frozen=True)
class Part:
    """One command of ./dev: what this machine must be able to do for it, and which parts make what it uses."""

    command: str
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    # It compares times: nothing else runs meanwhile.
    alone: bool = False
    # The command in its place with --quick; without one, it is not among those.
    quick: str = ""


CHANNEL, IMAGES = "lab channel", "lab images"
HOSTS = ("root", "containers")
# In the order in which they start when there is room: what others wait for first, then the longest.
PARTS = (
    Part(CHANNEL, quick=CHANNEL),
    Part(IMAGES, HOSTS, quick=IMAGES),
    Part("unit", quick="unit --quick"),
    Part("modules"),
    Part("lint fast", quick="lint fast"),
    Part("molecule schedule", HOSTS, (CHANNEL, IMAGES)),
    Part("faults", ("root", "traces", "mounts")),
    Part("molecule default", HOSTS, (CHANNEL, IMAGES), quick="molecule default"),
    Part("molecule host", HOSTS, (CHANNEL, IMAGES)),
    Part("molecule doctor", (), (CHANNEL,)),
    Part("zoo"),
    Part("molecule build", (), (CHANNEL,)),
    Part("molecule deploy", HOSTS, (CHANNEL, IMAGES)),
    Part("faults --power 5", ("root", "mounts")),
    Part("molecule media", HOSTS, (CHANNEL, IMAGES)),
    Part("molecule kit", HOSTS, (CHANNEL, IMAGES)),
    Part("lint sanity"),
    Part("molecule contact", HOSTS, (CHANNEL, IMAGES)),
    Part("molecule build-container", HOSTS, (CHANNEL, IMAGES)),
    Part("lint ansible"),
    Part("lab test", HOSTS, (IMAGES,)),
    Part("bench build --short", (), (CHANNEL,), alone=True),
    Part("bench host --short", (), (CHANNEL,), alone=True),
)


def processors() -> tuple[float, float]:
    """Return the seconds that this machine's processors have worked, and could have, since it started; else zeros."""
    try:
        words = Path("/proc/stat").read_text(encoding="ascii").split()[1:9]
    except OSError:
        return 0, 0
    user, nice, system, idle, waiting, interrupts, more_interrupts, stolen = (int(word) for word in words)
    worked = user + nice + system + interrupts + more_interrupts + stolen
    tick = os.sysconf("SC_CLK_TCK")
    return worked / tick, (worked + idle + waiting) / tick


@dataclass
class Run:
    """One run of several parts. ``result`` says of each that has ended: ok, FAILED, or why it cannot run here."""

    parts: tuple[Part, ...]
    strict: bool
    started: float = field(default_factory=time.monotonic)
    processors: tuple[float, float] = field(default_factory=processors)
    seconds: dict[str, float] = field(default_factory=dict)
    # Seconds of processors that a part and what it waited for took; what runs in containers is not among them.
    work: dict[str, float] = field(default_factory=dict)
    result: dict[str, str] = field(default_factory=dict)
    stopped: bool = False
    processes: set[subprocess.Popen[bytes]] = field(default_factory=set)

    def stop(self, _number: int, _frame: object) -> None:
        """Start nothing more, and end what runs."""
        self.stopped = True
        self._end(*self.processes)

    def _end(self, *processes: subprocess.Popen[bytes]) -> None:
        """End parts as by Ctrl-C, so that they clear away; by force after a while."""
        self._signal(signal.SIGINT, processes)
        _after(PATIENCE, self._signal, signal.SIGKILL, processes)

    def _signal(self, number: signal.Signals, processes: Iterable[subprocess.Popen[bytes]]) -> None:
        for process in self.processes.intersection(processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def _end_late(self, part: Part, process: subprocess.Popen[bytes]) -> None:
        """End a part that takes too long; what runs at that moment says where it stands, and is added to its output."""
        with log_of(part).open("ab") as log, suppress(OSError):
            log.write(f"\nended after {LIMIT} s; what runs on this machine:\n".encode())
            log.flush()
            subprocess.run(["ps", "-ww", "-eo", "pid,ppid,stat,etime,args", "--forest"], stdout=log, check=False)
        self._end(process)

    def go(self) -> int:
        """Run all parts; returns the exit status."""
        ended: queue.Queue[tuple[Part, int, float]] = queue.Queue()
        waiting, running = self._possible(), list[Part]()
        while waiting or running:
            for part in list(waiting):
                if self._may_start(part, waiting, running):
                    waiting.remove(part)
                    running.append(part)
                    threading.Thread(target=self._work, args=(part, ended)).start()
            part, status, seconds = ended.get()
            running.remove(part)
            self._note(part, status, seconds)
            waiting = [late for late in waiting if not self._is_lost(late)]
            if self.stopped:
                self.result.update((late.command, "stopped before it began") for late in waiting)
                waiting.clear()
        return self._summary()

    def _possible(self) -> list[Part]:
        possible = []
        for part in self.parts:
            missing = next((said for need in part.needs if (said := ABILITIES[need]())), "")
            if missing:
                self.result[part.command] = f"cannot run here: {missing}"
                self._say(f"{part.command}: cannot run here: {missing}")
            else:
                possible.append(part)
        return possible

    def _may_start(self, part: Part, waiting: list[Part], running: list[Part]) -> bool:
        if any(self.result.get(name) != "ok" for name in part.after):
            return False
        if part.alone or any(other.alone for other in running):
            return not running and all(other.alone for other in waiting)
        return len(running) < LANES

    def _is_lost(self, part: Part) -> bool:
        """Note a part that will not run, since one that makes what it uses has failed."""
        lost = next((name for name in part.after if self.result.get(name) == "FAILED"), "")
        if lost:
            self.result[part.command] = "FAILED"
            self._say(f"{part.command}: not tried, since '{lost}' failed")
        return bool(lost)

    def _work(self, part: Part, ended: queue.Queue[tuple[Part, int, float]]) -> None:
        began = time.monotonic()
        with log_of(part).open("ab") as log:  # to append, so that _end_late may write there too
            log.truncate(0)
            command = [str(DEV), *part.command.split()]
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            ) as process:
                self.processes.add(process)
                if self.stopped:  # after it was started, and before it was known here
                    self._end(process)
                limit = _after(LIMIT, self._end_late, part, process)
                _pid, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                limit.cancel()
            self.processes.discard(process)
        self.work[part.command] = used.ru_utime + used.ru_stime
        ended.put((part, process.returncode, time.monotonic() - began))

    def _note(self, part: Part, status: int, seconds: float) -> None:
        self.seconds[part.command] = seconds
        self.result[part.command] = "FAILED" if status else "ok"
        print(f"\n== {part.command}\n{log_of(part).read_text(encoding='utf-8', errors='replace')}", flush=True)
        self._say(f"{part.command}: {self.result[part.command]} after {seconds:.0f} s")

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.started:4.0f} s] {text}", flush=True)

    def _summary(self) -> int:
        """Print a line for each part and one for all; returns the exit status."""
        print("\n== summary")
        for part in self.parts:
            took = ""
            if part.command in self.seconds:
                took = f"{self.seconds[part.command]:5.0f} s, {self.work[part.command]:4.0f} of a processor"
            print(f"    {part.command:26} {took:>28}  {self.result[part.command]}")
        counts = {how: [name for name, said in self.result.items() if said == how] for how in ("ok", "FAILED")}
        apart = [name for name in self.result if name not in counts["ok"] + counts["FAILED"]]
        said = [f"{len(counts['ok'])} parts passed"]
        said += [f"{len(counts['FAILED'])} failed: {', '.join(counts['FAILED'])}"] if counts["FAILED"] else []
        how = "were stopped" if self.stopped else "cannot run here"
        said += [f"{len(apart)} {how}: {', '.join(apart)}"] if apart else []
        worked, there = (now - then for now, then in zip(processors(), self.processors, strict=True))
        if there > 0:
            print(f"the processors worked {worked:.0f} s, in containers as well: {worked / there:.0%} of the time")
        print(f"{'; '.join(said)} ({time.monotonic() - self.started:.0f} s)")
        return int(bool(counts["FAILED"]) or self.stopped or (self.strict and bool(apart)))


def _after(seconds: float, what: Callable[..., object], *arguments: object) -> threading.Timer:
    """Start a timer that nobody waits for."""
    timer = threading.Timer(seconds, what, arguments)
    timer.daemon = True
    timer.start()
    return timer


def log_of(part: Part) -> Path:
    """Return where a part's output is kept."""
    return LOGS / f"part-{part.command.replace(' ', '-')}.log"


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="./dev test", description="Run everything, or with --quick what a change needs."
    )
    parser.add_argument("--quick", action="store_true", help="fast lint, unit tests that are not slow, one scenario")
    options = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    chosen = tuple(replace(part, command=part.quick) for part in PARTS if part.quick) if options.quick else PARTS
    run = Run(chosen, strict=os.environ.get("CI") == "true")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, run.stop)
    return run.go()


if __name__ == "__main__":
    sys.exit(main())
