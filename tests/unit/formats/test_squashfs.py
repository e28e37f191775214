# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images: the same bytes of the same tree, exactly its files, and what a machine lacks to make or to take one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import MTIME, TOP
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import compare_tree
from ansible_collections.airgap.conda.plugins.module_utils._formats import loop
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Damaged, Source
from ansible_collections.airgap.conda.plugins.module_utils._formats.squashfs import Squashfs
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, check_request
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._spec.nodes import parse_yaml
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import read_release_spec
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_image import no_program, why_not
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, write_tree

ODD = {
    **TREE,
    "lib/" + "n" * 120 + "/" + "m" * 200: "long",
    "lib/ä \\ $x 'q' \"q\" *[a]": "odd",
    "lib/-start": "dash",
    "lib/link": Path("x" * 150),
    "lib/dangling": Path("nowhere/at all"),
    "lib/twin": "data" * 900,
    "lib/large": bytes(range(256)) * 3000,
    "lib/zeros": bytes(600_000),
    "bin/x": "#!/bin/sh\n",
    "empty/er": None,
}


def packed(tmp_path: Path, name: str, part_size: int = 1 << 20) -> tuple[Path, list[object], bytes]:
    """Pack the odd tree; returns the folder with its parts, the entries and all bytes."""
    tree = tmp_path / "tree"
    if not tree.exists():
        write_tree(tree, ODD)
    folder = tmp_path / name
    folder.mkdir()
    entries, (payload,) = write_payloads(tree, folder, ("squashfs",), part_size)
    data = b"".join((folder / part.name).read_bytes() for part in payload.parts)
    assert sorted(path.name for path in folder.iterdir()) == sorted(part.name for part in payload.parts)
    assert payload.size == len(data)
    return folder, list(entries), data


@pytest.mark.skipif(bool(no_program()), reason=f"no image can be made here: {no_program()}")
def test_equal_trees_give_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _folder, _entries, first = packed(tmp_path, "first")
    for path in (tmp_path / "tree").rglob("*"):
        os.utime(path, (5, 5), follow_symlinks=False)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "77")  # which mksquashfs refuses next to options that say the same
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        _folder, _entries, second = packed(tmp_path, "second", part_size=5000)
    finally:
        os.umask(before)
    assert first == second


@pytest.mark.skipif(bool(why_not()), reason=f"no image can be mounted here: {why_not()}")
def test_a_mounted_image_is_as_files_json_says(tmp_path: Path) -> None:
    folder, entries, _data = packed(tmp_path, "parts")
    place = tmp_path / "place"
    place.mkdir()
    subprocess.run(["mount", "-o", "loop,ro,nodev,nosuid", folder / "env.squashfs", place], check=True)
    try:
        assert list(compare_tree(place, (TOP, *entries), owner=0)) == []  # type: ignore[arg-type]
        assert {path.lstat().st_mtime for path in (place, *place.rglob("*"))} == {MTIME}
        assert {path.lstat().st_gid for path in place.rglob("*")} == {0}
    finally:
        subprocess.run(["umount", place], check=True)


def test_release_yml_may_ask_for_it_and_does_not_by_itself() -> None:
    text = "formats: [tar.zst, squashfs]\n"
    assert read_release_spec(parse_yaml(text, "release.yml")).formats == ("tar.zst", "squashfs")
    assert read_release_spec(parse_yaml("{}\n", "release.yml")).formats == ("tar.zst",)


# --- what a machine lacks --------------------------------------------------------------------------------------------


def program(folder: Path, text: str) -> None:
    """Put a mksquashfs first in PATH that does what ``text`` says."""
    (folder / "bin").mkdir()
    (folder / "bin/mksquashfs").write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    (folder / "bin/mksquashfs").chmod(0o755)


@pytest.mark.parametrize("text", ["", "echo 'mksquashfs version 4.4 (2019/08/29)'", "echo something"])
def test_no_usable_program_is_one_error_that_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "prefix/conda-meta").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    if text:
        program(tmp_path, text)
    request = PackRequest(tmp_path / "prefix", tmp_path / "dest", "/opt/x/1", formats=("tar.zst", "squashfs"))
    with raised("format-unwritable", wanted="mksquashfs.*package squashfs-tools", remedy="leave squashfs out"):
        check_request(request)
    check_request(PackRequest(tmp_path / "prefix", tmp_path / "dest", "/opt/x/1"))


@pytest.mark.parametrize("text", ["echo 'no space' >&2; exit 1", "cat >/dev/null; echo 'no space' >&2; exit 1"])
def test_a_program_that_fails_is_quoted_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    program(tmp_path, text)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    write_tree(tmp_path / "t", {"lib/large": bytes(range(256)) * 8000})
    (tmp_path / "out").mkdir()
    handles = len(os.listdir("/proc/self/fd"))
    with raised("image-failed", found="no space"):
        write_payloads(tmp_path / "t", tmp_path / "out", ("squashfs",))
    assert [path.name for path in (tmp_path / "out").iterdir() if "new" in path.name] == []
    assert len(os.listdir("/proc/self/fd")) <= handles + 1


def test_what_a_host_lacks_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert "root" in Squashfs().lacks()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(loop, "BOOTED", tmp_path / "nothing")
    assert "systemd" in Squashfs().lacks()
    monkeypatch.setattr(loop, "BOOTED", tmp_path)
    monkeypatch.setattr(loop, "UNITS", tmp_path / "nothing")
    assert "can be written" in Squashfs().lacks()
    monkeypatch.setattr(loop, "UNITS", tmp_path)
    write_tree(tmp_path, {"bin/unshare": '#!/bin/sh\nshift 4\nexec "$@"\n'})  # a container has no mounts of its own
    path = {"PATH": f"{tmp_path}/bin:{process.ENVIRONMENT['PATH']}"}
    monkeypatch.setattr(process, "ENVIRONMENT", {**process.ENVIRONMENT, **path})
    monkeypatch.setattr(loop, "TRY", "echo 'mount: failed to setup loop device' >&2; exit 32")
    loop.tried.cache_clear()
    assert "(exit status 32: mount: failed to setup loop device)" in Squashfs().lacks()
    loop.tried.cache_clear()


def test_an_image_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="mounted"), Squashfs().members(Source([tmp_path / "x"], [])):
        pass
