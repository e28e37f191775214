# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an environment to a pack, with the real conda-pack."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import compare_tree
from ansible_collections.airgap.conda.plugins.module_utils._pack import pack as _pack
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, check_request, pack, packed
from ansible_collections.airgap.conda.plugins.module_utils._pack.sbom import SBOM
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.tests.unit.tiny_elf import make_elf
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_pack import (
    DEST_PREFIX,
    RELEASE,
    make_request,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import snapshot, write_tree

pytest.importorskip("conda_pack")


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def request_(tmp_path: Path) -> PackRequest:
    return make_request(tmp_path)


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_pack_holds_the_environment_for_its_place_on_the_hosts(tmp_path: Path, request_: PackRequest) -> None:
    before = snapshot(request_.prefix)
    result = pack(request_)
    assert packed(request_.dest) == json.loads(json.dumps(result))
    entries = read_files((request_.dest / FILES).read_bytes(), "x")
    (tmp_path / "out").mkdir()
    extract([request_.dest / "env.tar.zst"], "tar.zst", entries, tmp_path / "out")
    assert (tmp_path / "out/bin/tool").read_text(encoding="ascii") == f"#!{DEST_PREFIX}/bin/sh\nexec tool\n"
    assert list(compare_tree(tmp_path / "out", entries)) == []
    assert {"share/pip.txt", "lib/link", "conda-meta/tool-1-0.json"} <= {entry.path for entry in entries}
    assert not [entry.path for entry in entries if entry.path.startswith("tmp")]  # conda-pack's stray file
    assert (result["files"], result["bytes"]) == (len(entries), sum(entry.size for entry in entries))
    assert snapshot(request_.prefix) == before  # hard links to it are only read
    assert left_over(tmp_path) == []


def test_a_second_pack_has_the_same_bytes(tmp_path: Path, request_: PackRequest) -> None:
    first = pack(request_)
    second = pack(replace(request_, dest=tmp_path / "again"))
    assert first["payloads"] == second["payloads"]
    assert first["files_sha256"] == second["files_sha256"]


def _touch(prefix: Path) -> None:
    os.utime(prefix / "lib/tool.txt", (1, 1))


def _relink(prefix: Path) -> None:
    (prefix / "lib/link").unlink()
    (prefix / "lib/link").symlink_to("../bin")


@pytest.mark.parametrize(
    "change",
    [
        _touch,
        _relink,
        lambda prefix: (prefix / "lib/tool.txt").chmod(0o755),
        lambda prefix: (prefix / "new").write_text("x"),
        lambda prefix: (prefix / "new").mkdir(),
        lambda prefix: (prefix / "share/pip.txt").unlink(),
    ],
)
def test_every_change_of_the_environment_is_seen(request_: PackRequest, change: Callable[[Path], object]) -> None:
    before = request_.fingerprint()
    list(request_.prefix.rglob("*"))
    assert request_.fingerprint() == before
    change(request_.prefix)
    assert request_.fingerprint() != before


def test_every_change_of_the_request_is_seen(request_: PackRequest) -> None:
    others = [
        replace(request_, dest_prefix="/srv/demo/1-1c0ffee5"),
        replace(request_, formats=("tar.zst",)),
        replace(request_, part_size=5),
        replace(request_, credentials=("canary-7f3a9c",)),  # who has other secrets has to be searched again
    ]
    assert len({item.fingerprint() for item in [request_, *others]}) == 5


@pytest.mark.parametrize("name", ["env.tar.zst", FILES, SBOM, "pack.json"])
def test_a_pack_that_is_not_whole_is_none(request_: PackRequest, name: str) -> None:
    pack(request_)
    if name == FILES:
        (request_.dest / name).unlink()
    else:
        (request_.dest / name).write_bytes((request_.dest / name).read_bytes()[:-3])
    assert packed(request_.dest) == {}


def test_a_dest_with_something_else_is_not_replaced(tmp_path: Path, request_: PackRequest) -> None:
    write_tree(request_.dest, {"precious": "x"})
    for dest in (request_.dest, request_.prefix, request_.prefix / "inside", request_.prefix / "bin/tool"):
        with raised("pack-folder-taken"):
            pack(replace(request_, dest=dest))
    assert (request_.dest / "precious").is_file()
    (request_.dest / "precious").unlink()
    pack(request_)  # an empty one is fine
    pack(request_)  # and an earlier pack
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"formats": ()}, "format-unknown"),
        ({"formats": ("zip",)}, "format-unknown"),
        ({"part_size": 0}, "part-too-small"),
        ({"dest_prefix": "relative"}, "path-not-plain"),
        ({"dest_prefix": "/opt/with space"}, "path-not-plain"),
        ({"dest_prefix": "/opt/$HOME"}, "path-not-plain"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(request_: PackRequest, change: dict[str, Any], code: str) -> None:
    with raised(code):
        check_request(replace(request_, **change))


def test_a_folder_that_is_no_environment_is_refused(tmp_path: Path, request_: PackRequest) -> None:
    for prefix, found in ((tmp_path / "no", "no such folder"), (tmp_path, "a folder without conda-meta")):
        with raised("prefix-missing") as caught:
            check_request(replace(request_, prefix=prefix))
        assert caught.value.found == found


def test_a_pack_tells_what_is_in_it(request_: PackRequest) -> None:
    write_tree(request_.prefix, {"lib/new.so": make_elf(["GLIBC_2.34"], {"dlopen": "GLIBC_2.34"})})
    result = pack(request_)
    needs = result["requirements"]
    assert (needs["glibc"], needs["glibc_file"], needs["glibc_symbol"]) == ("2.34", "lib/new.so", "dlopen")
    sbom = json.loads((request_.dest / SBOM).read_text(encoding="utf-8"))
    assert [item["name"] for item in sbom["components"]] == ["tool"]
    assert (sbom["metadata"]["component"]["name"], sbom["metadata"]["component"]["version"]) == ("demo", RELEASE)


def unpacked(folder: Path, request: PackRequest) -> Path:
    entries = read_files((request.dest / FILES).read_bytes(), "x")
    folder.mkdir()
    extract([request.dest / "env.tar.zst"], "tar.zst", entries, folder)
    return folder


def test_what_tools_wrote_down_of_credentials_is_not_packed(tmp_path: Path, request_: PackRequest) -> None:
    path = request_.prefix / "conda-meta/history"
    path.write_text("# cmd: conda create -c https://me:geheim@host.example/t/tok-1234/main\n", encoding="ascii")
    write_tree(request_.prefix, {".condarc": "channels: [https://me:geheim@host.example/main]\n"})
    before = snapshot(request_.prefix)
    result = pack(replace(request_, credentials=("geheim", "tok-1234")))
    assert result["leaks"] == []
    out = unpacked(tmp_path / "out", request_)
    assert "https://host.example/main" in (out / "conda-meta/history").read_text(encoding="ascii")
    assert (out / ".condarc").read_text(encoding="ascii") == "channels: [https://host.example/main]\n"
    assert snapshot(request_.prefix) == before


def test_what_is_left_of_secrets_is_told_and_not_repeated(request_: PackRequest) -> None:
    (request_.prefix / "share/link").symlink_to("canary-7f3a9c")
    write_tree(request_.prefix, {"share/state": "x=canary-7f3a9c", "share/key": "-----BEGIN PRIVATE " + "KEY-----"})
    result = pack(replace(request_, credentials=("canary-7f3a9c",)))
    assert {leak["path"] for leak in result["leaks"]} == {"share/state", "share/key", "share/link"}
    assert "canary" not in (request_.dest / "pack.json").read_text(encoding="utf-8")
    assert "canary" not in repr(replace(request_, credentials=("canary-7f3a9c",)))


def _overwrite(folder: Path) -> None:
    (folder / "prefix/lib/tool.txt").unlink()


def _clean(folder: Path) -> None:
    shutil.rmtree(folder / "pkgs")


@pytest.mark.parametrize(
    ("damage", "says"), [(_overwrite, "tool 1: lib/tool.txt"), (_clean, "without entries in the package cache")]
)
def test_what_conda_pack_finds_is_an_error_that_names_it(
    tmp_path: Path, request_: PackRequest, damage: Callable[[Path], None], says: str
) -> None:
    pack(request_)
    before = snapshot(request_.dest)
    damage(tmp_path)
    with raised("pack-failed") as caught:
        pack(request_)
    assert says in caught.value.found
    assert snapshot(request_.dest) == before
    assert left_over(tmp_path) == []


def test_a_full_disk_leaves_the_old_pack(
    tmp_path: Path, request_: PackRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(request_)
    before = snapshot(request_.dest)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_pack, "write_payloads", full)
    with raised("system-error", problem="Packing") as caught:
        pack(request_)
    assert "free space" in caught.value.remedy
    assert snapshot(request_.dest) == before
    assert left_over(tmp_path) == []
