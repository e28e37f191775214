# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several parts at a time from a web server, and what happens when one of them fails."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._source import server as _server
from ansible_collections.airgap.conda.plugins.module_utils._source.server import Patience
from ansible_collections.airgap.conda.plugins.module_utils._source.together import TOGETHER
from ansible_collections.airgap.conda.plugins.module_utils._source.told import fetch
from ansible_collections.airgap.conda.tests.unit.tiny_web import Handler, Web, served

RELEASE = "1-1c0ffee5"
PARTS = {f"env.tar.gz.{number:03}": bytes([number]) * (300_000 + number) for number in range(9)}


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr(_server, "PATIENCE", Patience(seconds=5, tries=3, pause=0.01))
    folder = tmp_path / "depot/demo" / RELEASE
    folder.mkdir(parents=True)
    for name, content in PARTS.items():
        (folder / name).write_bytes(content)
    with served(tmp_path / "depot") as web:
        yield web


def bring(web: Web, tmp_path: Path) -> dict[str, Any]:
    files = [
        {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in PARTS.items()
    ]
    one = {"env": "demo", "release": RELEASE, "incoming": str(tmp_path / "incoming"), "files": files}
    return fetch(web.url, "", [one])


def there(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tmp_path / "incoming").iterdir()}


def test_several_parts_are_on_their_way_at_a_time(web: Web, tmp_path: Path) -> None:
    met, ports = threading.Barrier(TOGETHER, timeout=60), set()

    def answer(handler: Handler) -> bool:
        ports.add(handler.client_address)
        if handler.path.endswith(tuple(list(PARTS)[1 : 1 + TOGETHER])):  # the others begin when the first one came
            met.wait()  # with fewer at a time this one would never be answered
        return False

    web.answers = answer
    found = bring(web, tmp_path)
    assert found["failure"] == {}
    assert sorted(found["arrived"]) == [["demo", RELEASE, name] for name in PARTS]
    assert there(tmp_path) == PARTS
    assert len(ports) == TOGETHER  # and each connection was used again
    assert sorted(web.paths()) == [f"/demo/{RELEASE}/{name}" for name in PARTS]


def test_a_server_that_takes_one_connection_gives_all(web: Web, tmp_path: Path) -> None:
    first: list[Any] = []

    def answer(handler: Handler) -> bool:
        first.append(handler.client_address)
        if handler.client_address != first[0]:
            handler.say(503, b"")
        return handler.client_address != first[0]

    web.answers = answer
    assert bring(web, tmp_path)["failure"] == {}
    assert there(tmp_path) == PARTS


@pytest.mark.parametrize("bad", [0, 1, 3])
def test_a_part_that_is_another_ends_it(web: Web, tmp_path: Path, bad: int) -> None:
    """The first one comes over the first connection, and waits in the middle for the bad one."""
    name, first = list(PARTS)[bad], next(iter(PARTS))
    asked = threading.Event()

    def answer(handler: Handler) -> bool:
        if handler.path.endswith(name):
            asked.set()
        if not handler.path.endswith(first) or not bad:
            return False
        content = PARTS[first]
        handler.raw(b"HTTP/1.1 200 OK\r\n", f"Content-Length: {len(content)}\r\n\r\n".encode(), content[:280_000])
        asked.wait(60)
        handler.raw(content[280_000:])
        return True

    web.answers = answer
    path = web.folder / "demo" / RELEASE / name
    path.write_bytes(b"x" * path.stat().st_size)
    found = bring(web, tmp_path)
    assert asked.is_set()
    assert (found["failure"]["code"], found["failure"]["where"].rpartition("/")[2]) == ("file-damaged", name)
    arrived = {one for _env, _release, one in found["arrived"]}
    assert there(tmp_path) == {one: PARTS[one] for one in arrived}  # whole ones only, and nothing half done
    assert name not in arrived
