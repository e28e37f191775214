# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A delta: what it holds, what it makes of an older release, and that nothing else comes out of a damaged one."""

from __future__ import annotations

import io
import os
import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._formats import delta
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Base, Damaged
from ansible_collections.airgap.conda.plugins.module_utils._pack import delta as _pack
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta import Packed, counterparts, write_delta
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import snapshot, write_tree

NUMBERS = random.Random(16)  # noqa: S311 - the same content every time
OLD = NUMBERS.randbytes(5000)
TREES: tuple[dict[str, Any], dict[str, Any]] = (
    {
        "bin/tool": OLD,
        "lib/libnice.so.1.2": OLD[:3000] + b"old",
        "lib/same": OLD[1000:],
        "lib/moved-from": OLD[2000:],
        "lib/cut": OLD,
        "lib/link": Path("same"),
        "share": None,
        "gone": "gone",
    },
    {
        "bin/tool": OLD[:2500] + b"new" + OLD[2500:],
        "lib/libnice.so.1.3": OLD[:3000] + b"new",
        "lib/same": OLD[1000:],
        "lib/moved-to": OLD[2000:],
        "lib/cut": "",
        "lib/link": Path("libnice.so.1.3"),
        "lib/large": NUMBERS.randbytes(2500),
        "share/small": "small",
        "share/smaller": "s",
        "empty": None,
    },
)
IDS = ("1-00000001", "2-00000002")


@dataclass(frozen=True)
class Pair:
    """Two releases in a folder, each as a tree and as packed, and a delta between them."""

    folder: Path
    packed: tuple[Packed, Packed]
    payload: Payload

    @property
    def parts(self) -> list[Path]:
        return [self.packed[1].folder / part.name for part in self.payload.parts]

    @property
    def base(self) -> Base:
        return Base(self.folder / "tree0", self.packed[0].entries)

    @property
    def entries(self) -> list[FileEntry]:
        return list(self.packed[1].entries)

    def extract(self, target: Path) -> None:
        target.mkdir()
        extract(self.parts, self.payload.format, self.entries, target, base=self.base)


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Windows are small, so that files have several."""
    for module in (delta, _pack):
        monkeypatch.setattr(module, "WINDOW", 1024)
    monkeypatch.setattr(delta, "REACH", 2048)
    monkeypatch.setattr(_pack, "SMALL", 100)
    packed = []
    for number, tree in enumerate(TREES):
        folder = tmp_path / str(number)
        folder.mkdir()
        entries, (payload,) = write_payloads(write_tree(tmp_path / f"tree{number}", tree), folder, ("tar.zst",))
        packed.append(Packed(IDS[number], folder, payload, entries))
    return Pair(tmp_path, (packed[0], packed[1]), write_delta(packed[1], packed[0], packed[1].folder, 700))


def test_it_makes_the_new_release_to_the_last_byte(pair: Pair) -> None:
    pair.extract(pair.folder / "made")
    assert snapshot(pair.folder / "made") == snapshot(pair.folder / "tree1")
    assert (pair.payload.format, len(pair.parts) > 3) == ("delta-1-00000001", True)


def test_it_holds_what_changed_and_no_more(pair: Pair) -> None:
    # 2500 bytes are new; of the others it has what differs.
    assert 2500 < pair.payload.size < 3300
    assert sorted(path.name for path in pair.packed[1].folder.iterdir()) == [
        *(part.name for part in pair.payload.parts), "env.tar.zst"
    ]  # fmt: skip


def test_the_same_releases_make_the_same_delta(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert write_delta(pair.packed[1], pair.packed[0], tmp_path / "again", 700) == pair.payload


def test_a_file_that_is_made_otherwise_is_passed_over(pair: Pair, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()

    def have(entry: FileEntry, place: str) -> bool:
        if entry.path in ("bin/tool", "share/small"):
            shutil.copy(tmp_path / "tree1" / entry.path, place)
            return True
        return False

    extract(pair.parts, pair.payload.format, pair.entries, made, have, pair.base)
    assert snapshot(made) == snapshot(tmp_path / "tree1")


@pytest.mark.parametrize("how", ["content", "shorter", "gone", "pipe", "link", "folder"])
@pytest.mark.parametrize("name", ["bin/tool", "lib/same"])
def test_a_base_that_is_not_as_it_was_makes_nothing(pair: Pair, tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / "tree0" / name
    data = path.read_bytes()
    path.unlink()
    if how == "content":
        path.write_bytes(data[:100] + b"?" + data[101:])
    elif how == "shorter":
        path.write_bytes(data[:200])
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "link":
        path.symlink_to(tmp_path / "tree1/bin/tool")
    elif how == "folder":
        path.mkdir()
    with raised("payload-damaged"):
        pair.extract(tmp_path / "made")


def test_without_a_base_nothing_is_made(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    with raised("payload-damaged", found="without the release"):
        extract(pair.parts, pair.payload.format, pair.entries, tmp_path / "made")


def test_a_delta_that_was_changed_makes_the_release_or_nothing(pair: Pair, tmp_path: Path) -> None:
    whole = b"".join(path.read_bytes() for path in pair.parts)
    wanted = snapshot(tmp_path / "tree1")
    part, rest = pair.parts[0], pair.parts[1:]
    for path in rest:
        path.unlink()
    changes = [whole[: NUMBERS.randrange(len(whole))] for _cut in range(20)]
    for _flip in range(150):
        at = NUMBERS.randrange(len(whole))
        changes.append(whole[:at] + bytes([whole[at] ^ 1 << NUMBERS.randrange(8)]) + whole[at + 1 :])
    refused, accepted = 0, []
    for number, data in enumerate(changes):
        part.write_bytes(data)
        made = tmp_path / f"made{number}"
        made.mkdir()
        try:
            extract([part], pair.payload.format, pair.entries, made, base=pair.base)
        except AirgapError as error:
            refused += error.code == "payload-damaged"
        else:
            accepted.append(snapshot(made))
        shutil.rmtree(made)
    assert all(found == wanted for found in accepted)
    assert len(accepted) < len(changes) * 0.1
    assert refused + len(accepted) == len(changes)


@pytest.mark.parametrize(
    "group",
    [
        delta.Group((("a", 3),), "", (delta.Frame(3, 3, 0, 5),)),  # a range of nothing
        delta.Group((("a", 3),), "x", (delta.Frame(3, 3, 0, 1 << 40),)),
        delta.Group((("a", 3),), "x", (delta.Frame(3, 3, -1, 5),)),
        delta.Group((("a", 3),), "", (delta.Frame(1 << 40, 3, 0, 0),)),
        delta.Group((("a", 1 << 40),), "", (delta.Frame(3, 1 << 40, 0, 0),)),
        delta.Group((("a", -3), ("b", 6)), "", (delta.Frame(3, 3, 0, 0),)),
        delta.Group((("a", 4),), "", (delta.Frame(3, 3, 0, 0),)),
    ],
    ids=["range", "reach", "before", "packed", "plain", "negative", "sum"],
)
def test_an_index_that_nobody_writes_is_refused_before_anything_is_read(tmp_path: Path, group: delta.Group) -> None:
    part = tmp_path / "part"
    part.write_bytes(delta.write_index([group]) + b"xyz")
    with pytest.raises(Damaged, match="index"), open(part, "rb") as stream:
        delta.read_index(stream)


@pytest.mark.parametrize("lengths", [(1 << 31, 5), (5, 1 << 31), (5, 5)])
def test_lengths_that_cannot_be_are_refused(lengths: tuple[int, int]) -> None:
    with pytest.raises(Damaged):
        delta.read_index(io.BytesIO(delta.MAGIC + delta.LENGTHS.pack(*lengths) + b"12345"))


def test_an_index_that_is_too_long_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = delta.write_index([delta.Group((("a" * 2000, 0),), "", ())])
    assert len(delta.read_index(io.BytesIO(whole))) == 1
    monkeypatch.setattr(delta, "INDEX", 2000)
    with pytest.raises(Damaged, match="begin as a delta"):
        delta.read_index(io.BytesIO(whole))


def test_a_payload_that_cannot_be_read_makes_no_delta(pair: Pair) -> None:
    older, newer = pair.packed
    wrong = [replace(entry, sha256="0" * 64) if entry.path == "bin/tool" else entry for entry in newer.entries]
    with pytest.raises(Damaged, match="bin/tool"):
        write_delta(replace(newer, entries=wrong), older, older.folder, 700)
    assert [path.name for path in older.folder.iterdir()] == ["env.tar.zst"]


@pytest.mark.parametrize(
    ("path", "others", "found"),
    [
        ("lib/libopenblasp-r0-01191904.3.27.so", ["lib/libopenblasp-r0-24bff013.3.26.so", "lib/other.so"], 0),
        ("lib/a-1.1/x.py", ["lib/a-1.0/y.py", "lib/a-1.0/x.py"], 1),
        ("bin/python3.11", ["bin/python3.9", "bin/python3"], 0),
        ("lib/new.py", ["lib/old.py"], None),
    ],
)
def test_the_counterpart_of_a_file(path: str, others: list[str], found: int | None) -> None:
    sizes = {name: 100 - number for number, name in enumerate(others)}
    base = [FileEntry(name, "file", size=size) for name, size in sizes.items()]
    wanted = {} if found is None else {path: others[found]}
    assert counterparts([FileEntry(path, "file", size=100)], base) == wanted


def test_a_frame_reaches_what_lies_around_the_same_place() -> None:
    reach, window = delta.REACH, delta.WINDOW
    assert delta.reach(10**9, 10**9, reach) == (0, reach)
    assert delta.reach(0, 10**9, 10**9) == (0, reach)
    start, length = delta.reach(500_000_000, 10**9, 10**9)
    assert length == reach
    assert start <= 500_000_000 - window // 2
    assert start + reach >= 500_000_000 + window + window // 2
    assert delta.reach(10**9 - 1, 10**9, 10**9) == (10**9 - reach, reach)


@pytest.mark.parametrize(
    ("name", "base"), [("delta-1-00000001", IDS[0]), ("delta-x", ""), ("tar.zst", ""), ("1-00000001", "")]
)
def test_the_name_tells_the_base(name: str, base: str) -> None:
    assert delta.base_of(name) == base
