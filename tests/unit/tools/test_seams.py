# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The seams of docs/guide/development.md: a dummy of each, added by its one line, does its work."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_collections.airgap.conda.plugins.action import fetch
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, OK, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FILE
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._formats import formats
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import (
    Damaged,
    Format,
    Member,
    Source,
    Writer,
)
from ansible_collections.airgap.conda.plugins.module_utils._formats.parts import Parts
from ansible_collections.airgap.conda.plugins.module_utils._gpu import checks
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import look
from ansible_collections.airgap.conda.plugins.module_utils._gpu.seen import Seen
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._report import columns
from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report
from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import parse_host
from ansible_collections.airgap.conda.plugins.module_utils._spec.nodes import parse_yaml
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import read_release_spec
from ansible_collections.airgap.conda.plugins.module_utils._store import repair as _repair
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import faults_of
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard, listen, marked, new_mark
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import role_options
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Key, Missing, Transport
from ansible_collections.airgap.conda.plugins.plugin_utils._transports import TRANSPORTS
from ansible_collections.airgap.conda.tests.unit import tiny_gpu
from ansible_collections.airgap.conda.tests.unit.tiny_bare_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, skip_flushes, snapshot

ROOT = Path(__file__).resolve().parents[3]
TIME = "2026-03-31T12:00:00Z"

# What would be the one new file.
KERNEL = Column(
    "kernel",
    "Linux kernel",
    csv=lambda row: row.value("kernel"),
    page=lambda row: f"Linux {row.value('kernel')}" if row.value("kernel") else "",
    key=lambda row: len(row.value("kernel")),
    read=lambda _link, answer: answer["kernel"] if answer else "",
)


def test_a_column_is_on_the_page_in_the_csv_and_in_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer: dict[str, Any] = {
        "env": "demo",
        "release": "2-1c0ffee5",
        "installed": [],
        "previous": "",
        "gpu": None,
        "kernel": "6.1 <x>",
    }
    links = [{"env": env, "release": "2-1c0ffee5", "since": 1772452800} for env in ("demo", "runtime")]
    asked = ("ws", {"links": links}, {"results": [{"item": "demo", "envs": [answer]}]}, TIME)
    before = host_report(*asked).to_json()
    monkeypatch.setattr(columns, "COLUMNS", [*columns.COLUMNS, KERNEL])

    report = host_report(*asked)
    write_report(tmp_path, ["ws"], {"ws": report}, TIME, False)
    (line,) = csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text()))
    assert (line["kernel"], line["since"]) == ("6.1 <x>", "2026-03-02T12:00:00Z")
    page = (tmp_path / "index.html").read_text()
    assert '<span class="muted" title="Linux kernel: 6.1 &lt;x&gt;">Linux 6.1 &lt;x&gt;</span>' in page
    assert 'data-sort="0 2 29 7"' in page
    assert '"kernel": "6.1 <x>"' in (tmp_path / "report.json").read_text()
    # A page can be made of the files again; one of before the column was there has nothing for it.
    assert parse_host(report.to_json(), "ws", "ws.json", TIME) == report
    assert parse_host(before, "ws", "ws.json", TIME).envs[0].values["kernel"] == ""
    # An answer without it is nonsense of that host, as for any other column.
    del answer["kernel"]
    assert [item.problem for item in host_report(*asked).findings] == ["The host did not answer with a report"]


def cold(seen: Seen) -> Iterator[Finding]:
    """What would be the one new file of a check."""
    for gpu in seen.gpus:
        hot = (gpu.temperature or 0) > 35
        verdict, problem = (BROKEN, "This GPU is hot") if hot else (OK, "")
        yield Finding("cold", gpu.subject, verdict, problem, "35 C", f"{gpu.temperature} C", gpu.where, "cool it")


def test_a_check_is_in_the_result_and_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = tiny_gpu.Host(tmp_path).with_answer("rtx-a4000-535.xml")
    before = look(tools=host.tools).as_result()
    monkeypatch.setattr(checks, "CHECKS", {**checks.CHECKS, "cold": cold})
    after = look(tools=host.tools).as_result()
    assert (before["verdict"], after["verdict"]) == ("ok", "broken")
    assert after["findings"][:-1] == before["findings"]
    assert (after["findings"][-1]["check"], after["findings"][-1]["found"]) == ("cold", "38 C")
    assert [gpu["verdict"] for gpu in after["gpus"]] == ["broken"]


class FolderWriter(Writer):
    """Each file is a part of its own; names, directories and links are those of files.json."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._begun = False

    def directory(self, path: str, mode: int) -> None:
        """Leave it to files.json."""

    def link(self, path: str, target: str) -> None:
        """Leave it to files.json."""

    def file(self, path: str, mode: int, size: int) -> None:  # noqa: ARG002
        """Begin another part."""
        if self._begun:
            self._parts.cut()
        self._begun = True

    def content(self, data: memoryview) -> None:
        """Write it as it is."""
        self._parts.write(data)

    def end(self) -> None:
        """Do nothing."""


class Folder(Format):
    """What would be the one new file of a format: files as they are, no archive, no order, no names."""

    name = "folder"
    missing = ""

    def lacks(self) -> str:
        """Return what the test says."""
        return self.missing

    @contextmanager
    def writer(self, parts: Parts) -> Iterator[Writer]:
        """Return what writes it."""
        yield FolderWriter(parts)

    @contextmanager
    def members(self, source: Source) -> Iterator[Iterator[Member]]:
        """Give the last file first: nobody reads them as one stream."""
        files = [entry for entry in source.entries if entry.type == FILE]
        if len(files) != len(source.parts):
            raise Damaged(f"{len(source.parts)} parts for {len(files)} files")
        others = (Member(entry.path, False, entry.size, ()) for entry in source.entries if entry.type != FILE)
        pairs = [*zip(files, source.parts, strict=True)][::-1]
        found = (Member(entry.path, True, len(data), [memoryview(data)]) for entry, data in _read(pairs))
        yield itertools.chain(found, others)


def _read(pairs: Any) -> Iterator[Any]:
    return ((entry, path.read_bytes()) for entry, path in pairs)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Add the format, in the way of the guide."""
    skip_flushes(monkeypatch)
    monkeypatch.setattr(_repair, "flush_file_system", lambda _folder: None)
    made = Folder()
    monkeypatch.setitem(formats.FORMATS, made.name, made)
    return made


def test_a_format_is_asked_for_packed_chosen_unpacked_and_repaired_from(tmp_path: Path, folder: Folder) -> None:
    assert read_release_spec(parse_yaml("formats: [folder]\n", "release.yml")).formats == ("folder",)

    store = Store(tmp_path / "opt")
    made = make_release(tmp_path / "depot", store.root, formats=("folder", "tar.gz"), part_size=1 << 20)
    ours, tar = made.manifest.payloads
    assert (ours.format, tar.format) == ("folder", "tar.gz")
    assert len(ours.parts) == sum(entry.type == FILE for entry in read_files((made.folder / FILES).read_bytes(), FILES))
    # What a host lacks, it is not sent; what it has is best first.
    folder.missing = "a kernel that mounts folders"
    assert formats.taken_here() == ["tar.zst", "tar.gz"]
    assert inspect(store, [made.wanted], 2, False, formats.taken_here())[0].format == "tar.gz"
    only = make_release(tmp_path / "only", store.root, formats=("folder",), part_size=1 << 20)
    with raised("payload", found=r"^folder \(this host lacks a kernel that mounts folders\)$", remedy="a kernel that"):
        inspect(store, [only.wanted], 2, False, formats.taken_here())
    folder.missing = ""
    (step,) = inspect(store, [made.wanted], 2, False, ["folder", *formats.taken_here()])
    assert (step.format, step.missing) == ("folder", [part.name for part in ours.parts])

    trees = []
    for name in ("tar.gz", "folder"):
        made.send(store)
        with store.lock("demo"):
            store.install("demo", made.manifest.id, made.sha256, name)
            trees.append(snapshot(store.release("demo", made.manifest.id)))
            if name == "tar.gz":
                store.remove("demo", made.manifest.id)
            else:
                store.switch("demo", made.manifest.id)
    assert trees[0] == trees[1]

    (store.release("demo", made.manifest.id) / "lib/data.txt").write_text("other")
    made.send(store)
    assert repair(store, "demo", ["folder"], made.wanted).left == []
    assert faults_of(store, "demo", made.manifest.id) == []


def test_a_format_whose_parts_make_no_payload_is_refused_whole(tmp_path: Path, folder: Folder) -> None:
    store = Store(tmp_path / "opt")
    made = make_release(tmp_path / "depot", store.root, formats=(folder.name,), part_size=100)
    made.send(store)
    with raised("payload-damaged") as caught, store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "folder")
    assert "parts for" in caught.value.found
    assert store.releases("demo") == []


def test_a_format_that_a_host_does_not_know_is_passed_over_and_refused_where_it_is_asked_for(
    tmp_path: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "opt")
    made = make_release(tmp_path / "depot", store.root, formats=(folder.name, "tar.gz"), part_size=1 << 20)
    monkeypatch.delitem(formats.FORMATS, folder.name)
    assert inspect(store, [made.wanted], 2, False, formats.taken_here())[0].format == "tar.gz"
    made.send(store)
    with raised("format-unknown") as caught, store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "folder")
    assert (caught.value.found, store.releases("demo")) == ("folder", [])


class Pull(Transport):
    """What would be the one new file of a transport: the host fetches, by hash, from where the controller is not."""

    name = "pull"

    def __init__(self, server: Path) -> None:
        self.server = server

    def bring(self, missing: Sequence[Missing], action: HostAction, host: str) -> dict[Key, str]:
        """Have the host fetch all releases in one go; look up what it says arrived."""
        assert host == "ws"
        lines, known = ["umask 077"], {}
        for one in missing:
            lines.append(f"mkdir -p {shlex.quote(one.incoming)}")
            for number, file in enumerate(one.files):
                known[str(number)] = (one.env, one.release, file.name)
                to = shlex.quote(f"{one.incoming}/{file.name}")
                lines.append(f"cp {shlex.quote(str(self.server))}/{file.sha256} {to} && say arrived {number}")
        heard = action.ask("\n".join(lines), "arrived")
        return {known[text]: self.name for text in heard.of("arrived") if text in known}


class Fetch(fetch.ActionModule):
    """The action, with the shell of a host in place of a connection; nothing can be put there."""

    def __init__(self, host: Host, **args: Any) -> None:
        self._task = SimpleNamespace(args=args, check_mode=False)
        self._host = host

    def ask(self, script: str, names: str = "", *_more: Any, **_others: Any) -> Heard:
        """Run a script."""
        mark = new_mark()
        return listen(self._host.sh(marked(script, mark)).stdout, mark, names)


def test_a_transport_brings_what_is_missing_and_the_controller_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    skip_flushes(monkeypatch)
    host = Host(tmp_path)
    made = make_release(tmp_path / "depot", host.root)
    server = tmp_path / "server"
    server.mkdir()
    for path in made.folder.iterdir():
        (server / hashlib.sha256(path.read_bytes()).hexdigest()).write_bytes(path.read_bytes())
    monkeypatch.setitem(TRANSPORTS, "pull", Pull(server))

    parts = [part.name for part in made.manifest.payloads[0].parts]
    step = {**made.step().to_dict(), "missing": parts[1:]}
    args = {"releases": [made.result], "steps": [step], "root": str(host.root), "transport": "pull"}
    done = Fetch(host, **args).work({"inventory_hostname": "ws"})
    assert (done["changed"], done["parts"]) == (True, parts[1:])
    incoming = host.store.incoming("demo", made.manifest.id)
    assert sorted(path.name for path in incoming.iterdir()) == sorted([MANIFEST, SIGNATURE, FILES, *parts[1:]])
    assert done["bytes"] == sum(path.stat().st_size for path in incoming.iterdir())

    (server / made.manifest.payloads[0].parts[0].sha256).unlink()
    with raised("send-failed") as caught:
        Fetch(host, **{**args, "steps": [{**step, "missing": parts}]}).work({"inventory_hostname": "ws"})
    assert caught.value.found == f"1 of {len(parts) + 3} files did not arrive: demo {made.manifest.id} {parts[0]}"
    with pytest.raises(AnsibleError, match="pigeon"):
        Fetch(host, **{**args, "transport": "pigeon"}).work({})


def test_the_guide_names_lists_that_there_are() -> None:
    text = (ROOT / "docs/guide/development.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w ]+) \|.*\| `([A-Z]+)` in `([\w/]+\.py)`", text, re.MULTILINE)
    assert [name for _kind, name, _file in rows] == ["COLUMNS", "CHECKS", "FORMATS", "TRANSPORTS", "FINDERS"]
    for kind, name, file in rows:
        (path,) = (ROOT / "plugins").glob(f"*/{file.removeprefix('plugin_utils/')}")
        assert f"\n{name}: " in path.read_text(encoding="utf-8"), kind


def test_the_setting_knows_all_transports() -> None:
    assert role_options("deploy")["deploy_transport"]["choices"] == list(TRANSPORTS)
