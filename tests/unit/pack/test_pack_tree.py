# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tree that is packed: links to what stays as it is, new files for the rest, and no more disk than that."""

from __future__ import annotations

import json
import os
import py_compile
import random
import shutil
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._pack import tree as _pack_tree
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.plugins.module_utils._pack.tree import LinkTree, make_tree
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import snapshot, write_tree

pytest.importorskip("conda_pack")

DEST = "/opt/conda-envs/demo/1-1c0ffee5"
PLACEHOLDER = "/placeholder" * 10
SITE = "lib/python3.9/site-packages"
PYC = f"{SITE}/__pycache__/m.{sys.implementation.cache_tag}.pyc"


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Make an environment: one conda package with its prefix in a binary file, and what pip left."""
    prefix, cached = tmp_path / "prefix", tmp_path / "pkgs/tool-1-0"
    binary = b"\x7fnot text\xff" + PLACEHOLDER.encode() + b"\0end\0"
    fitting = str(prefix).encode().ljust(len(PLACEHOLDER), b"\0")
    write_tree(cached, {"bin/tool": binary, "lib/plain": "plain"})
    path = {"_path": "bin/tool", "path_type": "hardlink", "prefix_placeholder": PLACEHOLDER, "file_mode": "binary"}
    paths = [path, {"_path": "lib/plain", "path_type": "hardlink"}]
    write_tree(cached, {"info/paths.json": json.dumps({"paths": paths, "paths_version": 1})})
    record = {"name": "tool", "version": "1", "url": "", "files": ["bin/tool", "lib/plain"],
              "link": {"source": str(cached), "type": 1}}  # fmt: skip
    write_tree(prefix, {"bin/tool": binary.replace(PLACEHOLDER.encode(), fitting), "lib/plain": "plain"})
    write_tree(prefix, {"conda-meta/tool-1-0.json": json.dumps(record), "conda-meta/history": ""})
    noise = random.Random(1).randbytes(3 << 20)  # noqa: S311 - what does not compress, the same every time
    write_tree(prefix, {f"{SITE}/m.py": "VALUE = 42\n", f"{SITE}/big.so": noise})
    write_tree(prefix, {"bin/script": f"#!{prefix}/bin/python\nprint(1)\n"})
    os.utime(prefix / SITE / "m.py", (1, 1))
    py_compile.compile(str(prefix / SITE / "m.py"))
    return prefix


def test_what_stays_as_it_is_is_linked(tmp_path: Path, prefix: Path) -> None:
    before = snapshot(prefix)
    tree = tmp_path / "tree"
    make_tree(prefix, tree, DEST)
    for name in ("lib/plain", f"{SITE}/m.py", f"{SITE}/big.so", PYC):
        assert os.path.samefile(tree / name, prefix / name), name
    assert (tree / "bin/script").read_text(encoding="ascii") == f"#!{DEST}/bin/python\nprint(1)\n"
    assert (tree / "bin/tool").read_bytes().startswith(b"\x7fnot text\xff" + DEST.encode() + b"\0")
    assert snapshot(prefix) == before
    assert {path.name for path in tree.iterdir()} == {"bin", "conda-meta", "lib"}  # and no stray file


def test_byte_code_of_what_pip_installed_travels(tmp_path: Path, prefix: Path) -> None:
    pack(PackRequest(prefix, tmp_path / "pack", DEST))
    entries = read_files((tmp_path / "pack" / FILES).read_bytes(), "x")
    assert PYC in {entry.path for entry in entries}


def test_a_file_that_stands_in_the_tree_is_replaced_and_its_original_is_not_touched(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "prefix", {"a": "one", "b": "two"})
    tree = LinkTree(tmp_path / "tree")
    tree.add(str(source / "a"), "x")
    tree.add_bytes(str(source / "b"), b"other", "x")
    assert (tmp_path / "tree/x").read_bytes() == b"other"
    tree.add(str(source / "b"), "x")
    assert (tmp_path / "tree/x").read_bytes() == b"two"
    assert (source / "a").read_text(encoding="ascii") == "one"


@pytest.mark.parametrize("length", range(6))
def test_a_text_that_is_longer_than_what_is_looked_at_at_a_time(
    tmp_path: Path, prefix: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """The prefix, and a letter of two bytes, wherever they are cut; and a file that is no text further on."""
    monkeypatch.setattr(_pack_tree, "READ", len(str(prefix)) + 3)
    text = f"{'ä' * length}{'.' * length}{prefix}/bin/python {'ä' * length}{prefix}\n"
    binary = f"{'.' * 300}".encode() + b"\xff" + str(prefix).encode()
    write_tree(prefix, {"share/text": text, "share/binary": binary})
    make_tree(prefix, tmp_path / "tree", DEST)
    assert (tmp_path / "tree/share/text").read_text(encoding="utf-8") == text.replace(str(prefix), DEST)
    assert os.path.samefile(tmp_path / "tree/share/binary", prefix / "share/binary")


def test_links_and_the_right_to_execute_are_kept(tmp_path: Path, prefix: Path) -> None:
    write_tree(prefix, {"bin/one": "1", "lib/up": Path("../bin/one"), "lib/folder": Path("../bin")})
    (prefix / "bin/one").chmod(0o700)
    (prefix / "bin/script").chmod(0o555)
    os.link(prefix / "bin/one", prefix / "bin/two")
    pack(PackRequest(prefix, tmp_path / "pack", DEST))
    entries = read_files((tmp_path / "pack" / FILES).read_bytes(), "x")
    (tmp_path / "out").mkdir()
    extract([tmp_path / "pack/env.tar.zst"], "tar.zst", entries, tmp_path / "out")
    out = {name: tmp_path / "out" / name for name in ("bin/one", "bin/two", "bin/script", "lib/plain")}
    assert [os.readlink(tmp_path / "out/lib" / name) for name in ("up", "folder")] == ["../bin/one", "../bin"]
    assert [path.stat().st_mode & 0o7777 for path in out.values()] == [0o755, 0o755, 0o755, 0o644]
    assert out["bin/one"].read_text(encoding="ascii") == out["bin/two"].read_text(encoding="ascii") == "1"


def test_another_file_system_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_args: object, **_options: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    source = write_tree(tmp_path / "prefix", {"a": "one", "link": Path("a")})
    monkeypatch.setattr(os, "link", no_link)
    tree = LinkTree(tmp_path / "tree")
    tree.add(str(source / "a"), "lib/a")
    tree.add(str(source / "link"), "lib/link")
    assert (tmp_path / "tree/lib/a").read_text(encoding="ascii") == "one"
    assert os.readlink(tmp_path / "tree/lib/link") == "a"


def test_what_was_built_is_packed_and_not_what_the_cache_has(tmp_path: Path, prefix: Path) -> None:
    (prefix / "lib/plain").unlink()
    (prefix / "lib/plain").write_text("pip was here", encoding="ascii")
    make_tree(prefix, tmp_path / "tree", DEST)
    assert (tmp_path / "tree/lib/plain").read_text(encoding="ascii") == "pip was here"


def test_what_the_doctor_let_pass_is_packed(tmp_path: Path, prefix: Path) -> None:
    def refused(found: str, allow: str, name: str) -> None:
        with raised("pack-failed") as caught:
            make_tree(prefix, tmp_path / f"no-{name}", DEST, ["mixed-channels"])
        assert found in caught.value.found
        make_tree(prefix, tmp_path / name, DEST, [allow])

    (prefix / "lib/plain").unlink()
    refused("tool 1: lib/plain", "pip-replaced-conda-files", "replaced")
    refused("tool 1: lib/plain", "conda-files-changed", "changed")
    assert not (tmp_path / "changed/lib/plain").exists()
    (prefix / "lib/plain").write_text("plain", encoding="ascii")
    shutil.rmtree(tmp_path / "pkgs")
    refused("without entries in the package cache", "package-cache-missing", "cache")


def test_what_conda_pack_says_is_told_without_passwords(tmp_path: Path, prefix: Path) -> None:
    record = {"name": "other", "version": "1", "url": "https://me:geheim@host.example/c", "files": [], "link": {}}
    write_tree(prefix, {"conda-meta/other-1-0.json": json.dumps(record)})
    with raised("pack-failed", found="without entries in the package cache") as caught:
        make_tree(prefix, tmp_path / "tree", DEST)
    assert "other='1' https://***@host.example/c" in caught.value.found


def test_an_editable_install_that_the_doctor_let_pass_is_packed(tmp_path: Path, prefix: Path) -> None:
    info = {"url": "file:///srv/project", "dir_info": {"editable": True}}
    record = {
        "name": "python",
        "version": "3.9.2",
        "url": "",
        "files": [],
        "link": {"source": str(tmp_path), "type": 1},
    }
    write_tree(tmp_path, {"info/paths.json": json.dumps({"paths": [], "paths_version": 1})})
    write_tree(prefix, {"conda-meta/python-3.9.2-0.json": json.dumps(record)})
    write_tree(prefix, {f"{SITE}/p-1.dist-info/direct_url.json": json.dumps(info)})
    with raised("pack-failed", found="editable"):
        make_tree(prefix, tmp_path / "no", DEST)
    make_tree(prefix, tmp_path / "tree", DEST, ["editable-install"])
    assert (tmp_path / "tree" / SITE / "p-1.dist-info/direct_url.json").is_file()


def test_a_path_that_does_not_fit_is_an_error_that_names_the_file(tmp_path: Path, prefix: Path) -> None:
    with raised("rewrite-failed") as caught:
        make_tree(prefix, tmp_path / "tree", "/long" * 40)
    assert caught.value.where.endswith("/bin/tool")


def test_it_takes_the_disk_of_the_payload_and_of_the_files_that_change(tmp_path: Path, prefix: Path) -> None:
    """The promise is the payload plus one tree; with links the tree is next to nothing."""
    peak = 0

    class Watch(Progress):
        def say(self, text: str) -> None:  # noqa: ARG002 - only the moment counts
            nonlocal peak
            peak = max(peak, disk(tmp_path) - before)

    before = disk(tmp_path)
    result = pack(PackRequest(prefix, tmp_path / "pack", DEST), progress=Watch())
    payload = sum(item["size"] for item in result["payloads"])
    assert payload > 3 << 20
    assert 0 < peak <= payload + (1 << 20)
    assert disk(tmp_path) - before <= payload + (256 << 10)


def disk(folder: Path) -> int:
    """Return the bytes that the files below ``folder`` take, each counted once however many names it has."""
    sizes: dict[int, int] = {}

    def walk(place: Path) -> None:
        with os.scandir(place) as found:
            for entry in found:
                status = entry.stat(follow_symlinks=False)
                sizes[status.st_ino] = status.st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    walk(Path(entry.path))

    walk(folder)
    return sum(sizes.values())


def test_conda_packs_own_list_of_names_to_leave_out_is_not_for_packages(tmp_path: Path) -> None:
    """It leaves out pkgs, envs and what else lies in conda's own prefix, and then says that pip deleted it."""
    names = ["envs/x", "pkgs/x", "users/x", ".index/x", "conda-bld/x", "backup.txt~", "share/kept~"]
    prefix, cached = tmp_path / "prefix", tmp_path / "pkgs/tool-1-0"
    paths = [{"_path": name, "path_type": "hardlink"} for name in names]
    write_tree(cached, {**dict.fromkeys(names, "x"), "info/paths.json": json.dumps({"paths": paths})})
    record = {"name": "tool", "version": "1", "url": "", "files": names, "link": {"source": str(cached), "type": 1}}
    write_tree(prefix, {**dict.fromkeys(names, "x"), "conda-meta/tool-1-0.json": json.dumps(record)})
    write_tree(prefix, {"envs/of-others/conda-meta/history": ""})
    make_tree(prefix, tmp_path / "tree", DEST)
    assert [name for name in names if not (tmp_path / "tree" / name).is_file()] == []
    assert not (tmp_path / "tree/envs/of-others").exists()


@pytest.mark.parametrize("conda", [False, True])
def test_the_scripts_of_a_package_are_not_replaced_by_conda_packs(tmp_path: Path, conda: bool) -> None:
    names = ["bin/activate", "bin/deactivate"]
    prefix, cached = tmp_path / "prefix", tmp_path / "pkgs/tool-1-0"
    paths = [{"_path": name, "path_type": "hardlink"} for name in names]
    write_tree(cached, {**dict.fromkeys(names, "own"), "info/paths.json": json.dumps({"paths": paths})})
    link = {"source": str(cached), "type": 1}
    record = {"name": "conda" if conda else "tool", "version": "1", "url": "", "files": names, "link": link}
    write_tree(prefix, {**dict.fromkeys(names, "own"), "conda-meta/tool-1-0.json": json.dumps(record)})
    make_tree(prefix, tmp_path / "tree", DEST)
    assert {(tmp_path / "tree" / name).read_text() for name in names} == {"own"}
