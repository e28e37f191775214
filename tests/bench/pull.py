# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a fleet costs that looks for new releases and finds none: ``./dev bench pull [--short]``.

One static web server, Python's own, has a depot. A pull is ``airgap-envs update URL --ring 2 --json`` as a timer starts
it, signatures and receipts included, but for the start of its Python: each worker process does one after another. The
workers share one store, which has all that the depot has. Server and workers share the processors of this machine.

Prints JSON; ``--output FILE`` also writes it. Fails above SECONDS for all pulls, or REQUESTS or BYTES for one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._cli import main
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.plugins.module_utils._source.index import INDEX, write_index
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, make_key, make_release

PULLS, FEW, WORKERS = 5_000, 100, 2
ENVS, RELEASES = ("runtime", "imaging", "modelling"), 3
# What is wanted: seconds for PULLS pulls; requests and bytes, both ways, of a pull.
SECONDS, REQUESTS, BYTES = 60.0, 1.0, 2048
RUNTIME = {**TREE, "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}


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
        import threading

        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        control.send(server.server_port)
        while control.recv():
            used = resource.getrusage(resource.RUSAGE_SELF)
            counts = {name: getattr(Counting, name) for name in ("requests", "received", "sent")}
            control.send({**counts, "cpu": used.ru_utime + used.ru_stime})
        server.shutdown()


def pull(root: Path, url: str) -> dict[str, Any]:
    """Do what the timer of a host does; returns the document."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = main.main(root, ["update", url, "--ring", "2", "--json"])
    found: dict[str, Any] = json.loads(said.getvalue())
    if status or found["changed"] or len(found["envs"]) != len(ENVS):
        raise RuntimeError(said.getvalue())
    return found


def work(root: Path, url: str, count: int, results: Any) -> None:
    """Do some pulls; tell the CPU seconds of all of them, ssh-keygen's included, and the longest one."""
    longest = 0.0
    for _number in range(count):
        clock = time.perf_counter()
        pull(root, url)
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
            made = make_release(depot, root, serial, env=env, tree=RUNTIME if env == "runtime" else TREE)
            shutil.rmtree(depot / f"tree-{env}-{serial}")
            signature.sign(made.folder / MANIFEST, key)
    write_index(depot)
    os.utime(depot / INDEX, (time.time() - 60,) * 2)
    with contextlib.redirect_stdout(io.StringIO()):
        if main.main(root, ["install", str(depot), "--yes"]):
            raise RuntimeError("the host could not be made")
    return depot, root


def measure(folder: Path, pulls: int) -> dict[str, Any]:
    """Return what ``pulls`` pulls took."""
    depot, root = make(folder)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(depot, theirs))
    server.start()
    try:
        url = f"http://127.0.0.1:{ours.recv()}"
        pull(root, url)  # the first look of a host reads the manifests, and shows by a receipt that it is there

        def counts() -> dict[str, float]:
            ours.send(True)
            return dict(ours.recv())

        results: Any = multiprocessing.Queue()
        shares = [pulls // WORKERS + (number < pulls % WORKERS) for number in range(WORKERS)]
        workers = [multiprocessing.Process(target=work, args=(root, url, share, results)) for share in shares]
        before, clock = counts(), time.perf_counter()
        for worker in workers:
            worker.start()
        found = [results.get() for _worker in workers]
        seconds = time.perf_counter() - clock
        for worker in workers:
            worker.join()
        used = {name: value - before[name] for name, value in counts().items()}
        ours.send(False)
    finally:
        server.join(5)
        server.terminate()
    return {
        "pulls": pulls,
        "seconds": round(seconds, 2),
        "requests_a_pull": used["requests"] / pulls,
        "bytes_a_pull": round((used["received"] + used["sent"]) / pulls, 1),
        "index_bytes": (depot / INDEX).stat().st_size,
        "server_cpu_ms_a_pull": round(used["cpu"] / pulls * 1000, 2),
        "host_cpu_ms_a_pull": round(sum(cpu for cpu, _longest in found) / pulls * 1000, 2),
        "longest_pull_s": round(max(longest for _cpu, longest in found), 3),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def faults(found: dict[str, Any]) -> list[str]:
    """Return what is not as wanted; seconds count for a whole run only."""
    wanted = {"requests_a_pull": REQUESTS, "bytes_a_pull": BYTES}
    if found["pulls"] >= PULLS:
        wanted["seconds"] = SECONDS
    return [f"{name}: {found[name]}, and {most} is the most" for name, most in wanted.items() if found[name] > most]


def run(arguments: list[str]) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help=f"{FEW} pulls in place of {PULLS}")
    parser.add_argument("--pulls", type=int, default=0, metavar="N", help="this many")
    parser.add_argument("--output", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.pulls or (FEW if options.short else PULLS))
    text = json.dumps(found, indent=1)
    print(text)
    if options.output:
        options.output.write_text(f"{text}\n", encoding="utf-8")
    wrong = faults(found)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
