# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller has a host unpack while it is sent, and that it is unpacked there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.action import fetch
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import TREES
from ansible_collections.airgap.conda.plugins.module_utils._source import told as _told
from ansible_collections.airgap.conda.plugins.module_utils._store.ahead import Ahead
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.follow import follow
from ansible_collections.airgap.conda.plugins.plugin_utils._feed import Feed
from ansible_collections.airgap.conda.tests.unit.tiny_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, skip_flushes
from ansible_collections.airgap.conda.tests.unit.tiny_web import served


class Fetch(fetch.ActionModule):
    """The action, on a host that is this process."""

    def __init__(self, check_mode: bool = False, **args: Any) -> None:
        self._task = SimpleNamespace(args=args, check_mode=check_mode)
        self._display = SimpleNamespace(warning=lambda _text: None)
        self._connection = SimpleNamespace(transport="local")
        self.ahead: list[Mapping[str, Any]] = []

    def on_host(self, args: Any) -> dict[str, Any]:
        """Do what the module does."""
        self.ahead += args.get("ahead", [])
        for one in args.get("ahead", []):
            assert follow(Path(args["root"]), one)
        return _told.fetch(args["url"], args["ca"], args["missing"]) if args.get("missing") else {}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    skip_flushes(monkeypatch)
    monkeypatch.setattr(fetch, "LONG", 100)
    made = Host(tmp_path)
    yield made
    Ahead(made.store.root, "demo").end()


def args(host: Host, made: Made, **other: Any) -> dict[str, Any]:
    payload = made.manifest.payloads[-1]
    step = Step("demo", made.manifest.id, "install", host.store.current("demo"), payload.format)
    missing = {"missing": [part.name for part in payload.parts]}
    root = str(host.store.root)
    return {
        "releases": [made.result], "steps": [{**step.to_dict(), **missing}], "root": root, "unpack": True, **other,
    }  # fmt: skip


def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have push put files where they belong at once; returns what it does."""
    done: list[str] = []

    def offer(self: Any, files: Mapping[str, Path]) -> bool:
        for name, path in files.items():
            self.send(name, path, 0)
        return True

    def send(self: Any, name: str, path: Path, _size: int, _tell: Any = None) -> None:
        done.append(name)
        into = Path(self._into)
        into.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(path.read_bytes())

    monkeypatch.setattr(Feed, "offer", offer)
    monkeypatch.setattr(Feed, "send", send)
    return done


@pytest.mark.parametrize("transport", ["push", "http"])
def test_it_is_unpacked_while_it_is_sent(host: Host, monkeypatch: pytest.MonkeyPatch, transport: str) -> None:
    made, done = host.make(1, checks=Checks()), sent(monkeypatch)
    with served(host.folder / "depot") as web:
        action = Fetch(**args(host, made, transport=transport, url=web.url if transport == "http" else ""))
        action.work({"inventory_hostname": "ws1"})
    (told,) = action.ahead
    record = {name: (made.folder / name).stat().st_size for name in (MANIFEST, SIGNATURE, FILES)}
    sums = {"manifest_sha256": made.sha256, "signature_sha256": made.wanted.signature_sha256}
    assert told == {"env": "demo", "release": made.manifest.id, "format": "tar.zst", **sums, "record": record}
    deploy(host.store, made.step(), made.sha256, 2, signature_sha256=made.wanted.signature_sha256)
    assert host.store.current("demo") == made.manifest.id
    assert bool(done) == (transport == "push")
    assert not (host.store.root / ".staging").exists()


def test_only_what_takes_long_is_unpacked_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    old = host.bring(1, checks=Checks())
    sent(monkeypatch)

    def ahead(made: Made, check_mode: bool = False, **other: Any) -> int:
        action = Fetch(check_mode, **{**args(host, made, transport="push"), **other})
        action.work({"inventory_hostname": "ws1"})
        Ahead(host.store.root, "demo").end()
        return len(action.ahead)

    made = host.make(2)
    assert ahead(made) == 1
    assert ahead(made, unpack=False) == 0
    assert ahead(made, check_mode=True) == 0
    (step,) = args(host, made)["steps"]
    assert ahead(made, steps=[{**step, "missing": []}]) == 0  # all was sent before
    assert ahead(host.make(3, part_size=1 << 20)) == 0  # one part
    assert ahead(host.make(4, formats=("squashfs",))) == 0
    assert ahead(host.make(5, base=old)) == 0
    monkeypatch.setattr(fetch, "LONG", made.manifest.payloads[0].size + 1)
    assert ahead(made) == 0
    assert set(TREES) == {"tar.zst", "tar.gz"}
