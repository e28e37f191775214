# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Web servers that are not what they should be: an update from one ends soon, in one short message and nothing else."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from scenes import Share
from tally import Tally
from trust_canary import LIMIT, UNFIT, Canary

from ansible_collections.airgap.conda.plugins.module_utils._cli import main
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._source import server as _server
from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.plugins.module_utils._source.index import INDEX, write_index
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id
from ansible_collections.airgap.conda.tests.unit.tiny_web import Handler, Web, served

# Seconds that an update may take; what is awaited of a server gets less than that here.
DEADLINE, SECONDS = 5.0, 0.2
SHORT = 48
ONE, TWO = release_id(1), release_id(2)
FILES = (INDEX, f"demo/{TWO}/{MANIFEST}", f"demo/{TWO}/{SIGNATURE}", f"demo/{TWO}/env.tar.zst.001")
OK = b"HTTP/1.1 200 OK\r\n"
# Does what it likes with a request for the file whose content is given.
Way = Callable[[Handler, bytes], None]


def _raw(*pieces: bytes) -> Way:
    return lambda handler, _data: handler.raw(*pieces)


def _sized(size: int, data: bytes) -> bytes:
    return OK + f"Content-Length: {size}\r\n\r\n".encode() + data


def _say(status: int, **headers: str) -> Way:
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler, data: handler.say(status, data, fields)


def _for_ever(begin: bytes, piece: bytes, pause: float = 0.0) -> Way:
    """Send pieces until nobody listens any more, for two seconds at most."""

    def way(handler: Handler, _data: bytes) -> None:
        handler.raw(begin)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            handler.wfile.write(piece)
            time.sleep(pause)

    return way


WAYS: dict[str, Way] = {
    "empty": lambda handler, _data: handler.say(200, b""),
    "other content": lambda handler, data: handler.say(200, bytes(len(data))),
    "one byte more": lambda handler, data: handler.say(200, data + b"x"),
    "two bytes less": lambda handler, data: handler.say(200, data[:-2]),
    "cut off each time": lambda handler, data: handler.raw(_sized(len(data), data[: len(data) // 2])),
    "4 TB": _raw(_sized(4 << 40, b"x" * 1000)),
    "without an end": _for_ever(OK + b"\r\n", b"x" * 65536),
    "in chunks without an end": _for_ever(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"
    ),
    "in a chunk of less than nothing": _raw(OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 65536),
    "byte by byte": _for_ever(_sized(100_000, b""), b"x", 0.05),
    "a head byte by byte": _for_ever(OK, b"x", 0.05),
    "a head of 100-continue": _for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a head of a megabyte": _raw(OK + b"A: " + b"b" * (1 << 20)),
    "a status of 5,000 characters": _raw(b"HTTP/1.1 404 " + b"\x1b[31m" * 1000 + b"\r\nContent-Length: 0\r\n\r\n"),
    "another protocol": _raw(b"\x00\x01\x02\x03" * 100),
    "packed": _say(200, Content_Encoding="gzip"),
    "an unknown encoding": _say(200, Content_Encoding="\x1b[31m" * 99),
    "a login": _say(401, WWW_Authenticate='Basic realm="x"'),
    "an error": _say(500),
    "as it was": _say(304),
    "a part": _say(206, Content_Range="bytes 0-9/10"),
    "a file of this host": _say(302, Location="file:///etc/passwd"),
    "a redirect to another server": _say(302, Location="http://127.0.0.2:1/x"),
    "a redirect into a path of control characters": _say(302, Location="/\x1b[31m"),
    "a redirect in a circle": lambda handler, data: handler.say(302, data, {"Location": handler.path}),
    "json that nests": lambda handler, _data: handler.say(200, b"[" * 100_000),
    "names out of the store": lambda handler, _data: handler.say(200, _index("../../evil")),
    "a name with control characters": lambda handler, _data: handler.say(200, _index("\x1b[31m")),
}
# What ssh-keygen reads past.
HARMLESS = {("one byte more", FILES[2])}


def _index(name: str) -> bytes:
    listed = {name: {"releases": [TWO], "manifest": "", "signature": ""}}
    return json.dumps({"schema": 1, "envs": listed, "rings": {"said": [], "opened": []}}).encode()


def run(tally: Tally, base: Path, share: Share) -> None:
    """Update a host from each server, and from a right one at the end."""
    place = base / "web"
    canary = Canary(place)
    canary.set()
    with ExitStack() as stack:
        stack.enter_context(patch.object(_signers, "SYSTEM", place / "airgap-conda/allowed_signers"))
        stack.enter_context(patch.dict(os.environ, XDG_CONFIG_HOME=str(place)))
        stack.enter_context(patch.object(_server, "PATIENCE", _server.Patience(SECONDS, 2, 0.01)))
        _run(tally, place, canary, share)
    canary.end()


def _run(tally: Tally, place: Path, canary: Canary, share: Share) -> None:
    key, signers = make_key(place)
    _signers.pin(signers.read_text(encoding="ascii"))
    depot, store = place / "depot", Store(place / "opt")
    for serial in (1, 2):
        made = make_release(depot, store.root, serial)
        shutil.rmtree(depot / f"tree-demo-{serial}")
        signature.sign(made.folder / MANIFEST, key)
        write_index(depot)
        if serial == 1 and _update(store, "install", str(depot))[0]:
            raise RuntimeError("the host could not be made")
    with served(depot) as web:
        every = [(way, file) for way in WAYS for file in FILES if (way, file) not in HARMLESS]
        chosen = every if share.long else random.Random(4).sample(every, SHORT)  # noqa: S311 - always the same
        for way, file in share.of(chosen):
            shutil.rmtree(store.root / ".incoming", ignore_errors=True)
            shutil.rmtree(store.root / ".state/.source", ignore_errors=True)
            tally.case(f"{file.rpartition('/')[2]} is {way}", _case(store, web, canary, way, file))
            tally.counts["hostile answers"] += 1
        web.answers = lambda _handler: False
        status, said, _seconds = _update(store, "update", web.url)
        tally.case("a right server after all of them", [] if (status, store.current("demo")) == (0, TWO) else [said])


def _case(store: Store, web: Web, canary: Canary, way: str, file: str) -> list[str]:
    def answer(handler: Handler) -> bool:
        if handler.path != f"/{file}":
            return False
        WAYS[way](handler, (web.folder / file).read_bytes())
        return True

    web.answers = answer
    try:
        status, said, seconds = _update(store, "update", web.url)
    except Exception:  # noqa: BLE001 - a user would see a traceback
        return [traceback.format_exc()[-1000:]]
    faults = [] if status == 1 else [f"it was taken: {said[:200]}"]
    faults += [f"no end for {seconds:.1f} s"] if seconds > DEADLINE else []
    faults += [f"a message of {len(said)} characters"] if len(said) > LIMIT else []
    faults += [f"unfit in the message: {unfit!r}" for unfit in UNFIT.findall(said)[:1]]
    faults += [] if store.current("demo") == ONE else [f"current is {store.current('demo')}"]
    faults += ["the secret was opened"] if canary.opened() else []
    for path in (store.root / ".incoming").rglob("*"):
        true = web.folder / path.relative_to(store.root / ".incoming")
        if path.is_file() and (not true.is_file() or path.read_bytes() != true.read_bytes()):
            faults.append(f"kept: {path}")
    return [*faults, *canary.appeared()]


def _update(store: Store, command: str, source: str) -> tuple[int, str, float]:
    """Run a command of airgap-envs; returns its exit status, what it said, and how long it took."""
    said, clock = io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = main.main(store.root, [command, source, "--yes"])
    return status, said.getvalue(), time.monotonic() - clock
