# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that fetches from a web server: as from a folder, and with one small request when there is nothing new."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli import install, main
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import RINGS, Rings, Said
from ansible_collections.airgap.conda.plugins.module_utils._source import url as _url
from ansible_collections.airgap.conda.plugins.module_utils._source.index import INDEX, Index, write_index
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    again,
    keep,
    make_key,
    make_release,
    release_id,
    skip_flushes,
)
from ansible_collections.airgap.conda.tests.unit.tiny_web import Web, served

pytestmark = pytest.mark.usefixtures("quick_disk")
ONE, TWO = release_id(1), release_id(2)
# One look at the index, and the record of a release.
LOOK = [f"/{INDEX}"]
RECORD = [f"/demo/{TWO}/{MANIFEST}", f"/demo/{TWO}/{SIGNATURE}"]


@dataclass
class Host:
    """A host with release 1 of demo, and a web server with a depot that has release 2 as well."""

    folder: Path
    web: Web
    capture: pytest.CaptureFixture[str]

    @property
    def store(self) -> Store:
        return Store(self.folder / "opt")

    @property
    def depot(self) -> Path:
        return self.folder / "depot"

    @property
    def current(self) -> str:
        return self.store.current("demo")

    def run(self, command: str, *words: str, source: str = "") -> dict[str, Any]:
        """Run a command on the URL; returns its document and, as ``status``, its exit status."""
        self.capture.readouterr()
        status = main.main(self.store.root, [command, source or self.web.url, *words, "--yes", "--json"])
        return {**json.loads(self.capture.readouterr().out), "status": status}

    def code(self, command: str, *words: str, source: str = "") -> str:
        """Return the code of the error of a command, empty for none."""
        return str((self.run(command, *words, source=source)["error"] or {"code": ""})["code"])

    def settle(self) -> None:
        """Let the index be older than a second."""
        os.utime(self.depot / INDEX, (time.time() - 60,) * 2)

    def rewrite(self, **envs: dict[str, Any]) -> None:
        """Write another index than the true one."""
        whole = {"schema": 1, "envs": envs, "rings": {"said": [], "opened": []}}
        (self.depot / INDEX).write_text(json.dumps(whole), encoding="utf-8")


def build(folder: Path, serial: int, key: str = "key") -> None:
    made = make_release(folder / "depot", folder / "opt", serial)
    shutil.rmtree(folder / f"depot/tree-demo-{serial}")
    signature.sign(made.folder / MANIFEST, folder / key)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    _key, signers = make_key(folder)
    make_key(folder, "foreign")
    signers.chmod(0o644)
    with pytest.MonkeyPatch.context() as patch:
        skip_flushes(patch)
        patch.setattr(install, "signers_file", lambda: signers)
        build(folder, 1)
        assert main.main(folder / "opt", ["install", str(folder / "depot"), "--yes"]) == 0
        build(folder, 2)
        write_index(folder / "depot")
    return keep(folder)


@pytest.fixture
def host(original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Host]:
    folder = again(original)
    monkeypatch.setattr(install, "signers_file", lambda: folder / "key.signers")
    with served(folder / "depot") as web:
        made = Host(folder, web, capsys)
        made.settle()
        yield made


@pytest.mark.parametrize("is_plain", [False, True])
def test_an_update_takes_what_is_new_and_then_asks_once(host: Host, is_plain: bool) -> None:
    host.web.is_plain = is_plain
    done = host.run("update")
    assert (done["status"], done["changed"], done["source"], host.current) == (0, True, host.web.url, TWO)
    assert host.web.paths()[:3] == [*LOOK, *RECORD]
    for _turn in range(2):
        done = host.run("update", "--ring", "2")
        assert (done["status"], done["changed"]) == (0, False)
        ((path, headers),) = host.web.asked
        assert [path] == LOOK
        assert "if-modified-since" in headers if is_plain else "if-none-match" in headers
        host.web.asked.clear()


def test_check_and_install_read_it_all_and_remember_nothing(host: Host) -> None:
    assert host.run("check")["envs"]["demo"]["action"] == "install"
    assert host.current == ONE
    assert host.run("install")["changed"]
    assert host.current == TWO
    assert not (host.store.root / ".state/.source").exists()


def test_a_change_within_the_second_of_the_index_is_seen(host: Host) -> None:
    """Python's server tells times in whole seconds."""
    host.web.is_plain = True
    now = int(time.time()) + 1
    os.utime(host.depot / INDEX, (now, now))
    assert host.run("update", "--ring", "2")["waits"]["demo"]["code"] == "ring-waits"
    (host.depot / RINGS).write_bytes(Rings((Said("demo", TWO, 1, 1, 0),)).to_json())
    assert write_index(host.depot)
    os.utime(host.depot / INDEX, (now, now))
    host.run("update", "--ring", "2")
    assert host.current == TWO


def test_a_ring_waits_with_one_request_and_takes_it_when_its_turn_has_come(host: Host) -> None:
    for paths in ([*LOOK, *RECORD], LOOK):
        assert host.run("update", "--ring", "2")["waits"]["demo"]["code"] == "ring-waits"
        assert host.web.paths() == paths
    (host.depot / RINGS).write_bytes(Rings((Said("demo", TWO, 1, 1, 0),)).to_json())
    assert write_index(host.depot)
    host.run("update", "--ring", "2")
    assert host.current == TWO


def test_a_depot_without_an_index_is_one_error_and_a_folder_as_ever(host: Host) -> None:
    (host.depot / INDEX).unlink()
    assert host.code("update") == "no-index"
    assert host.code("check", source=str(host.depot)) == ""
    assert write_index(host.depot)
    assert (host.code("update"), host.current) == ("", TWO)


def test_an_index_that_lies_decides_nothing(host: Host) -> None:
    true = json.loads((host.depot / INDEX).read_bytes())["envs"]["demo"]
    assert host.run("update")["changed"]
    host.rewrite(demo={**true, "releases": [ONE]})
    assert host.run("update")["older"] == {"demo": ONE}
    assert host.code("install") == "serial"
    host.rewrite(demo={**true, "releases": [ONE, TWO, release_id(3)]})
    assert host.code("update") == "file-damaged"
    host.rewrite(demo={**true, "manifest": "0" * 64})
    assert host.code("update") == ""
    assert host.current == TWO


def test_an_index_that_lies_makes_a_host_look_at_the_server(host: Host) -> None:
    """It names the manifest of another release, which the host remembers."""
    true = json.loads((host.depot / INDEX).read_bytes())["envs"]["demo"]
    assert host.run("update", "--ring", "2")["waits"]
    build(host.folder, 3)
    host.rewrite(demo={**true, "releases": [ONE, TWO, release_id(3)]})
    assert host.code("update") == ""
    assert host.current == release_id(3)


def test_what_somebody_else_signed_is_not_taken(host: Host) -> None:
    build(host.folder, 3, "foreign")
    write_index(host.depot)
    for source in ("", str(host.depot)):
        assert host.code("update", source=source) == "signature-refused"
    assert host.current == ONE


GOOD = {"releases": [ONE, TWO], "manifest": "0" * 64, "signature": ""}
ENVS: dict[str, dict[str, Any]] = {
    "a name out of the depot": {"../etc": GOOD},
    "a release out of the depot": {"demo": {**GOOD, "releases": ["../1"]}},
    "no release": {"demo": {**GOOD, "releases": []}},
    "the newest first": {"demo": {**GOOD, "releases": [TWO, ONE]}},
    "a hash out of the memory": {"demo": {**GOOD, "manifest": "../x"}},
    "more than there is": {"demo": {**GOOD, "more": 1}},
    "no texts": {"demo": {**GOOD, "releases": [1]}},
}
TEXTS = ["", "[]", '{"schema":2}', "[" * 100_000, '{"schema":1,"envs":{},"rings":{"said":1,"opened":[]}}']


@pytest.mark.parametrize("what", [*ENVS, *range(len(TEXTS))])
def test_an_index_that_is_none_is_refused(what: Any) -> None:
    whole: dict[str, Any] = {"schema": 1, "envs": ENVS.get(what), "rings": {"said": [], "opened": []}}
    with pytest.raises(AirgapError) as caught:
        Index.from_json(json.dumps(whole).encode() if what in ENVS else TEXTS[what].encode(), "there")
    assert caught.value.code == "index-invalid"
    assert Index.from_json(json.dumps({**whole, "envs": {"demo": GOOD}}).encode(), "there").envs["demo"].releases


def test_a_memory_that_was_spoilt_is_none(host: Host) -> None:
    host.run("update", "--ring", "2")
    for path in (host.store.root / ".state/.source").iterdir():
        path.write_bytes(b"{")
    host.web.paths()
    for paths in ([*LOOK, *RECORD], LOOK):
        assert host.run("update", "--ring", "2")["changed"] is False
        assert host.web.paths() == paths


def test_only_what_the_newest_index_names_is_remembered(host: Host) -> None:
    folder = host.store.root / ".state/.source"
    host.run("update")
    assert (folder.stat().st_mode & 0o777, len(list(folder.iterdir()))) == (0o700, 4)
    build(host.folder, 3)
    write_index(host.depot)
    host.run("update")
    assert (host.current, len(list(folder.iterdir()))) == (release_id(3), 4)


def test_the_command_of_a_host_has_what_it_needs_for_a_url(host: Host) -> None:
    write_command(host.store)
    script = f"import sys; sys.path.insert(0, {str(host.store.command)!r}); import {_url.__name__} as url; print(url)"
    done = subprocess.run([sys.executable, "-IBc", script], capture_output=True, text=True, check=True)
    assert str(host.store.command) in done.stdout


def test_a_password_in_a_url_is_refused_and_written_nowhere(host: Host) -> None:
    url = host.web.url.replace("//", "//me:secret-word@")
    assert host.code("update", source=url) == "url-unusable"
    assert host.web.paths() == []
    files = [path for path in host.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"secret-word" in path.read_bytes()]
