# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host of ``./dev bench fanout``: joins the network as its first line of input says, waits for another, works.

The work is to take part in a swarm, or to give or get a file over one plain connection. Prints ``ready``; ``there``
with the machine's clock when all has come; and at the end what the work took, as JSON.
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


def say(*words: object) -> None:
    print(*words, flush=True)


def take_part(work: dict[str, Any]) -> dict[str, Any]:
    """Be a member of a swarm, with the settings of the product or with others that are tried."""
    there = False

    def progress(here: int, _given: int) -> None:
        nonlocal there
        if here == work["size"] and not there:
            there = True
            say("there", time.monotonic())

    usual = settings.session_settings
    settings.session_settings = lambda address, port: {**usual(address, port), **work["settings"]}
    plan = dict(work["plan"], torrent=Path(work["torrent"]).read_bytes(), folder=Path(work["plan"]["folder"]))
    for name in ("peers", "behind"):
        plan[name] = tuple((address, port) for address, port in plan[name])
    return vars(peer.run(peer.Plan(**plan), progress))


def give(work: dict[str, Any]) -> dict[str, Any]:
    """Send a file to the one who comes."""
    with socket.create_server((work["address"], work["port"])) as server:
        say("listening")
        connection, _address = server.accept()
        with connection, Path(work["file"]).open("rb") as file:
            sent = connection.sendfile(file)
    sys.stdin.readline()  # its interface, and what was counted there, go when it does
    return {"sent": sent}


def get(work: dict[str, Any]) -> dict[str, Any]:
    """Get a file."""
    count = 0
    with socket.create_connection((work["address"], work["port"])) as connection:
        while data := connection.recv(1 << 20):
            count += len(data)
    say("there", time.monotonic())
    return {"received": count}


def main() -> None:
    work = json.loads(sys.stdin.readline())
    for program, lines in work["join"].items():
        batch(program, lines)
    if work["work"] == "take_part":
        import libtorrent  # noqa: F401 - loading it is not what is measured
    say("ready")
    sys.stdin.readline()
    found = {"take_part": take_part, "give": give, "get": get}[work["work"]](work)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    memory = next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    say(json.dumps({**found, "processor": usage.ru_utime + usage.ru_stime, "memory": memory}))


if __name__ == "__main__":
    main()
    os._exit(0)
