# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""files.json: what is refused when it is read, and what a comparison finds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry, write_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import leads_out, read_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import compare_tree
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

SHA = "0" * 64
DIR = {"path": "d", "type": "dir", "mode": 0o755}


def file(path: str, **changes: Any) -> dict[str, Any]:
    return {"path": path, "type": "file", "mode": 0o644, "size": 1, "sha256": SHA, **changes}


def link(path: str, target: Any) -> dict[str, Any]:
    return {"path": path, "type": "link" if target is None else "symlink", "target": target or ""}


def read(items: Any) -> list[FileEntry]:
    return read_files(zstandard.ZstdCompressor().compress(json.dumps(items).encode()), "files.json.zst")


pytestmark = pytest.mark.usefixtures("quick_disk")


def test_a_list_comes_back_as_it_was_written() -> None:
    entries = [
        FileEntry("d", "dir", 0o755),
        FileEntry("d/ä b", "file", 0o644, 3, SHA),
        FileEntry("d/\udcff", "file", 0o755, 0, SHA),  # a name that is not UTF-8
        FileEntry("l", "symlink", target="d/ä b"),
    ]
    assert read_files(write_files(entries), "x") == entries
    assert write_files(entries) == write_files(list(entries))


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([file(path)], id=repr(path))
        for path in (
            "",
            "/etc/x",
            "..",
            "../x",
            "a/../../x",
            "a//b",
            "./a",
            "a/",
            ".",
            "a\0b",
            "a\nb",
            "a\x7f",
            "\ud800",
        )
    ]
    + [
        pytest.param([file("a"), file("a")], id="twice"),
        pytest.param([file("d/a")], id="no directory"),
        pytest.param([file("d/a"), DIR], id="directory after"),
        pytest.param([file("d"), file("d/a")], id="below a file"),
        pytest.param([DIR, link("l", "d"), file("l/a")], id="below a link"),
        pytest.param([file("a", mode=0o4755)], id="setuid"),
        pytest.param([file("a", mode=0o666)], id="writable by all"),
        pytest.param([file("a", mode=-1)], id="negative mode"),
        pytest.param([file("a", mode=True)], id="mode of another type"),
        pytest.param([file("a", mode="420")], id="mode as text"),
        pytest.param([{**DIR, "mode": 0o000}], id="directory nobody can remove"),
        pytest.param([file("a", type="fifo")], id="pipe"),
        pytest.param([file("a", type="char")], id="device"),
        pytest.param([file("a", size=-1)], id="negative size"),
        pytest.param([file("a", size=1.5)], id="size of another type"),
        pytest.param([file("a", sha256="")], id="no hash"),
        pytest.param([file("a", sha256="../etc")], id="a hash that is none"),
        pytest.param([file("a", target="b")], id="file with target"),
        pytest.param([{**DIR, "size": 3}], id="directory with size"),
        pytest.param([link("l", "/etc/passwd")], id="absolute link"),
        pytest.param([link("l", "")], id="empty link"),
        pytest.param([link("l", None)], id="unknown type"),
        pytest.param([link("l", "a\0b")], id="link with NUL"),
        pytest.param([link("l", "..")], id="link out"),
        pytest.param([DIR, link("d/l", "../../x")], id="link out of a directory"),
        pytest.param([DIR, link("d/up", "."), link("l", "d/up/../../x")], id="link out through another"),
        pytest.param([DIR, link("a", "d/b"), link("d/b", "../..")], id="chain out"),
        pytest.param([file("a", more=1)], id="unknown key"),
        pytest.param([{"path": "a"}], id="missing key"),
        pytest.param(["a"], id="no mapping"),
        pytest.param(3, id="no list"),
    ],
)
def test_hostile_lists_are_refused(items: Any) -> None:
    with raised("list-unusable"):
        read(items)


@pytest.mark.parametrize("data", [b"", b"no zstd", zstandard.ZstdCompressor().compress(b"[" * 100_000)])
def test_garbage_is_refused(data: bytes) -> None:
    with raised("list-unusable", found="unreadable list"):
        read_files(data, "x")


def test_a_link_is_followed_as_a_kernel_does(tmp_path: Path) -> None:
    links = {
        "a/b/c/up": "../../..",  # the release itself: still inside
        "out": "a/b/c/up/../x",  # looks like a/b/c/x, is one above the release
        "inside": "a/b/../b/./c//file",
        "loop": "loop",
        "ping": "pong",
        "pong": "ping",
        "dangling": "a/nothing/here",
    }
    root = tmp_path / "x/root"
    (root / "a/b/c").mkdir(parents=True)
    for path, target in links.items():
        (root / path).symlink_to(target)
    assert {path for path in links if leads_out(path, links)} == {"out"}
    for path in set(links) - {"loop", "ping", "pong"}:  # the kernel agrees
        real = os.path.realpath(root / path)
        assert (os.path.commonpath([real, root]) != str(root)) == (path == "out"), path


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, list[FileEntry]]:
    folder = write_tree(tmp_path / "t", {"bin/a": "one", "lib/m.py": "two", "lib/l": Path("m.py"), "lib/e": None})
    (tmp_path / "p").mkdir()
    entries, _payloads = write_payloads(folder, tmp_path / "p", ("tar.gz",))
    return folder, entries


def test_an_untouched_tree_has_no_difference(tree: tuple[Path, list[FileEntry]]) -> None:
    assert list(compare_tree(*tree)) == []


def _replace_by_directory(root: Path) -> None:
    (root / "bin/a").unlink()
    (root / "bin/a").mkdir()


def _replace_by_link(root: Path) -> None:
    (root / "lib").rename(root.parent / "lib")
    (root / "lib").symlink_to(root.parent / "lib")


def _relink(root: Path) -> None:
    (root / "lib/l").unlink()
    (root / "lib/l").symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("change", "path", "found"),
    [
        pytest.param(lambda r: (r / "bin/a").write_text("onf"), "bin/a", "other content", id="content"),
        pytest.param(lambda r: (r / "bin/a").write_text("ones"), "bin/a", "4 bytes", id="size"),
        pytest.param(lambda r: (r / "bin/a").chmod(0o4755), "bin/a", "mode 4755", id="setuid"),
        pytest.param(lambda r: (r / "lib").chmod(0o777), "lib", "mode 777", id="directory mode"),
        pytest.param(lambda r: (r / "bin/a").unlink(), "bin/a", "missing", id="missing"),
        pytest.param(lambda r: (r / "lib/e").rmdir(), "lib/e", "missing", id="missing directory"),
        pytest.param(lambda r: (r / "lib/x").write_text(""), "lib/x", "not in the release", id="extra file"),
        pytest.param(lambda r: (r / "lib/y").mkdir(), "lib/y", "not in the release", id="extra directory"),
        pytest.param(lambda r: (r / "z").symlink_to("bin"), "z", "not in the release", id="extra link"),
        pytest.param(_relink, "lib/l", "a link to /etc/passwd", id="link target"),
        pytest.param(_replace_by_directory, "bin/a", "another type", id="type"),
        pytest.param(_replace_by_link, "lib", "another type", id="directory behind a link"),
    ],
)
def test_every_change_is_found(
    tree: tuple[Path, list[FileEntry]], change: Callable[[Path], object], path: str, found: str
) -> None:
    change(tree[0])
    differences = {difference.path: difference for difference in compare_tree(*tree)}
    assert found in f"{differences[path].wanted} {differences[path].found}"
    assert len(differences) == 1


def test_content_is_only_read_on_demand(tree: tuple[Path, list[FileEntry]]) -> None:
    (tree[0] / "bin/a").write_text("onf", encoding="ascii")
    assert list(compare_tree(*tree, content=False)) == []


def test_only_what_python_and_numba_cache_may_be_added(tree: tuple[Path, list[FileEntry]]) -> None:
    root, entries = tree
    write_tree(root, {"lib/__pycache__/m.cpython-39.pyc": "x", "lib/__pycache__/m.f-1.py39.nbi": "x"})
    assert list(compare_tree(root, entries)) == []
    write_tree(root, {"lib/__pycache__/evil.so": "x", "lib/stray.pyc": "x", "bin/__pycache__": "a file"})
    write_tree(root, {"lib/__pycache__/evil.cpython-39.pyc": "of no module of the release"})
    (root / "lib/__pycache__/link.pyc").symlink_to("/etc/passwd")
    found = {difference.path for difference in compare_tree(root, entries)}
    caches = {f"lib/__pycache__/{name}" for name in ("evil.so", "evil.cpython-39.pyc", "link.pyc")}
    assert found == {"lib/stray.pyc", "bin/__pycache__", *caches}


def test_entries_are_what_the_json_says() -> None:
    entry = FileEntry("a", "file", 0o644, 1, SHA)
    assert read([asdict(entry)]) == [entry]


def test_a_list_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_files([FileEntry("a", "dir", 0o755)])
    monkeypatch.setattr(limits, "FILES", 50)
    with raised("list-unusable") as caught:
        read_files(data, "x")
    assert "more than 50 bytes" in caught.value.found
