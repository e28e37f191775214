# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a fleet costs that looks for new releases and finds none: ``./dev bench pull [--short]``.

One static web server, Python's own, has a depot. A pull is ``airgap-envs update URL --ring 2 --json`` as a timer starts
it, signatures and receipts included, but for the start of its Python: each worker process does one after another. The
workers share one store, which has all that the depot has. The base is the least that can be asked: one request for the
index, over a connection of its own. Server and workers share the processors of this machine.

Fails above SECONDS for all pulls, or REQUESTS or BYTES for one.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._cli import main as _command
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.plugins.module_utils._source.index import INDEX, write_index
from ansible_collections.airgap.conda.tests.bench import program
from ansible_collections.airgap.conda.tests.bench.frame import Group, Result, about, take_turns
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, make_key, make_release

PULLS, FEW, WORKERS = 5_000, 100, 2
ENVS, RELEASES = (RUNTIME, "imaging", "modelling"), 3
# What is wanted: seconds for PULLS pulls; requests and bytes, both ways, of a pull.
SECONDS, REQUESTS, BYTES = 60.0, 1.0, 2048
PULL, BASE = "airgap-envs update", "one request for the index"
ALL, LONGEST, ASKED, SENT, HOST, SERVER = (
    "all of them", "the longest", "requests of one", "bytes of one", "host's processor", "server's processor"
)  # fmt: skip
UNITS = {ALL: "s", LONGEST: "ms", ASKED: "count", SENT: "B", HOST: "ms", SERVER: "ms"}
PYTHON = {**TREE, "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}


class Counting(SimpleHTTPRequestHandler):
    """Python's static server over connections that stay open; counts what goes both ways."""

    protocol_version = "HTTP/1.1"
    requests = received = sent = 0

    def do_GET(self) -> None:
        """Answer one request."""
        Counting.requests += 1
        Counting.received += len(self.requestline) + 2 + len(bytes(self.headers))
        super().do_GET()

    def flush_headers(self) -> None:
        """Send the head of an answer."""
        Counting.sent += sum(map(len, getattr(self, "_headers_buffer", [])))
        super().flush_headers()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a body."""
        Counting.sent += os.fstat(source.fileno()).st_size
        super().copyfile(source, outputfile)

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Takes many connections at a time."""

    request_queue_size = 128
    daemon_threads = True


def serve(depot: Path, control: Connection) -> None:
    """Serve a depot; answer each message of the one who started this with the counts until then."""
    with Server(("127.0.0.1", 0), partial(Counting, directory=str(depot))) as server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        control.send(server.server_port)
        while control.recv():
            used = resource.getrusage(resource.RUSAGE_SELF)
            counts = {name: getattr(Counting, name) for name in ("requests", "received", "sent")}
            control.send({**counts, "cpu": used.ru_utime + used.ru_stime})
        server.shutdown()


def pull(root: Path, url: str) -> None:
    """Do what the timer of a host does."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = _command.main(root, ["update", url, "--ring", "2", "--json"])
    found: dict[str, Any] = json.loads(said.getvalue())
    if status or found["changed"] or len(found["envs"]) != len(ENVS):
        raise RuntimeError(said.getvalue())


def ask(_root: Path, url: str) -> None:
    """Do nothing but fetch the index."""
    connection = HTTPConnection(url.rpartition("/")[2])
    connection.request("GET", f"/{INDEX}")
    if not connection.getresponse().read():
        raise RuntimeError("there is no index")
    connection.close()


ARMS: dict[str, Callable[[Path, str], None]] = {PULL: pull, BASE: ask}


def work(name: str, root: Path, url: str, count: int, results: Any) -> None:
    """Do an arm several times; tell the CPU seconds of all of them, ssh-keygen's included, and the longest one."""
    longest = 0.0
    for _number in range(count):
        clock = time.perf_counter()
        ARMS[name](root, url)
        longest = max(longest, time.perf_counter() - clock)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    results.put((sum(one.ru_utime + one.ru_stime for one in used), longest))


def make(folder: Path) -> tuple[Path, Path]:
    """Make a depot, and a host that has the newest releases of it; returns both."""
    depot, root = folder / "depot", folder / "opt"
    key, signers = make_key(folder)
    _signers.SYSTEM = folder / "airgap-conda/allowed_signers"
    os.environ["XDG_CONFIG_HOME"] = str(folder)  # for who is not root
    _signers.pin(signers.read_text(encoding="ascii"))
    for env in ENVS:
        for serial in range(1, RELEASES + 1):
            made = make_release(depot, root, serial, env=env, tree=PYTHON if env == RUNTIME else TREE)
            shutil.rmtree(depot / f"tree-{env}-{serial}")
            signature.sign(made.folder / MANIFEST, key)
    write_index(depot)
    os.utime(depot / INDEX, (time.time() - 60,) * 2)
    with contextlib.redirect_stdout(io.StringIO()):
        if _command.main(root, ["install", str(depot), "--yes"]):
            raise RuntimeError("the host could not be made")
    return depot, root


@contextlib.contextmanager
def served(depot: Path) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Serve a depot by a process of its own; gives the URL, and what counts until then."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(depot, theirs))
    server.start()

    def counts() -> dict[str, float]:
        ours.send(True)
        return dict(ours.recv())

    try:
        yield f"http://127.0.0.1:{ours.recv()}", counts
        ours.send(False)
    finally:
        server.join(5)
        server.terminate()


def arm(name: str, root: Path, url: str, counts: Callable[[], dict[str, float]], pulls: int) -> dict[str, float]:
    """Return what ``pulls`` times an arm took."""
    results: Any = multiprocessing.Queue()
    shares = [pulls // WORKERS + (number < pulls % WORKERS) for number in range(WORKERS)]
    workers = [multiprocessing.Process(target=work, args=(name, root, url, share, results)) for share in shares]
    before, clock = counts(), time.perf_counter()
    for worker in workers:
        worker.start()
    found = [results.get() for _worker in workers]
    seconds = time.perf_counter() - clock
    for worker in workers:
        worker.join()
    used = {kind: value - before[kind] for kind, value in counts().items()}
    return {
        ALL: seconds,
        LONGEST: max(longest for _cpu, longest in found),
        ASKED: used["requests"] / pulls,
        SENT: (used["received"] + used["sent"]) / pulls,
        HOST: sum(cpu for cpu, _longest in found) / pulls,
        SERVER: used["cpu"] / pulls,
    }


def measure(pulls: int, rounds: int) -> Result:
    """Let both arms take turns."""
    with tempfile.TemporaryDirectory() as folder:
        depot, root = make(Path(folder))
        with served(depot) as (url, counts):
            pull(root, url)  # the first look of a host reads the manifests, and shows by a receipt that it is there
            arms = take_turns({name: partial(arm, name, root, url, counts, pulls) for name in ARMS}, rounds)
        size = (depot / INDEX).stat().st_size
    group = Group(f"{pulls} hosts, nothing new", BASE, UNITS, arms, f"{WORKERS} at a time, an index of {size} bytes")
    return Result([group], failures=faults(group, pulls))


def faults(group: Group, pulls: int) -> list[str]:
    """Return what is not as wanted; seconds count for a whole run only."""
    wanted = {ASKED: REQUESTS, SENT: BYTES, **({ALL: SECONDS} if pulls >= PULLS else {})}
    found = {name: group.median(PULL, name) or 0 for name in wanted}
    return [
        f"{name}: {found[name]:.6g}, and {most:.6g} is the most" for name, most in wanted.items() if found[name] > most
    ]


def main() -> int:
    parser = program.parser("Measure what hosts cost that look for new releases and find none.", rounds=3)
    parser.add_argument("--pulls", type=int, default=0, metavar="N", help=f"({PULLS}, with --short {FEW})")
    options = parser.parse_args()
    pulls = options.pulls or (FEW if options.short else PULLS)
    return program.run(options, partial(measure, pulls), partial(about, "zstandard"))


if __name__ == "__main__":
    sys.exit(main())
