# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host of ``./dev bench fanout``: joins the network as its first line of input says, waits for a second line, works.

The work is to take part in a swarm, or to send or get one file over a plain connection. Prints ``ready``, and at the
end what came of it as JSON; ``at`` is the time of the machine's clock at which all was there.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._swarm import peer, settings
from ansible_collections.airgap.conda.tests.bench.wires import batch


def take_part(work: dict[str, Any]) -> dict[str, Any]:
    """Be a member of a swarm."""
    complete: list[float] = []

    begun = time.monotonic()
    log = open(os.environ["S2LOG"] + work["plan"]["address"], "w") if os.environ.get("S2LOG") else None

    def progress(done: int, _given: int) -> None:
        if log:
            print(round(time.monotonic() - begun, 2), done, file=log, flush=True)
        if done == work["size"] and not complete:
            complete.append(time.monotonic())
            Path(work["plan"]["folder"], "done").touch()

    tried = work["settings"]
    if tried:
        usual = settings.session_settings

        def changed(address: str, port: int) -> dict[str, Any]:
            return {**usual(address, port), **tried}

        settings.session_settings = changed
    plan = dict(work["plan"], torrent=Path(work["torrent"]).read_bytes(), folder=Path(work["plan"]["folder"]))
    for name in ("peers", "behind"):
        plan[name] = tuple((address, port) for address, port in plan[name])
    outcome = peer.run(peer.Plan(**plan), progress)
    return {**vars(outcome), "at": complete[0] if complete else None}


def give(work: dict[str, Any]) -> dict[str, Any]:
    """Send a file to whoever comes."""
    with socket.create_server((work["address"], work["port"])) as server:
        print("listening", flush=True)
        connection, _peer = server.accept()
        with connection, Path(work["file"]).open("rb") as file:
            connection.sendfile(file)
    return {"at": time.monotonic()}


def get(work: dict[str, Any]) -> dict[str, Any]:
    """Get a file, and count it."""
    count = 0
    with socket.create_connection((work["address"], work["port"])) as connection:
        while data := connection.recv(1 << 20):
            count += len(data)
    return {"at": time.monotonic(), "received": count}


def main() -> int:
    work = json.loads(sys.stdin.readline())
    for program, lines in work["join"].items():
        batch(program, lines)
    if work["work"] == "take_part":
        peer.available()
        __import__("libtorrent")
    print("ready", flush=True)
    sys.stdin.readline()
    found = {"take_part": take_part, "give": give, "get": get}[work["work"]](work)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    memory = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({**found, "cpu": usage.ru_utime + usage.ru_stime, "memory": memory}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
