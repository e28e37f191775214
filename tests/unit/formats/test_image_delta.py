# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A delta between images: small where blocks only moved, and never anything but bytes that are hashed afterwards."""

from __future__ import annotations

import io
import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._formats import delta
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Damaged, Source
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import is_image, is_known, members, whole_of
from ansible_collections.airgap.conda.plugins.module_utils._formats.parts import Parts
from ansible_collections.airgap.conda.plugins.module_utils._formats.tar import chained
from ansible_collections.airgap.conda.plugins.module_utils._pack import delta as _pack
from ansible_collections.airgap.conda.plugins.module_utils._pack import delta_image as _image
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta import Packed

NUMBERS = random.Random(16)  # noqa: S311 - the same content every time
# What zstd made of the blocks of an image; one of these is new.
BLOCKS = [b"\x28\xb5\x2f\xfd" + NUMBERS.randbytes(996) for _block in range(60)]
MORE = [b"\x28\xb5\x2f\xfd" + NUMBERS.randbytes(996) for _block in range(12)]
IDS = ("1-00000001", "2-00000002")


@dataclass(frozen=True)
class Pair:
    """Two releases in folders, each with an image, and the delta between them."""

    packed: tuple[Packed, Packed]
    payload: Payload

    @property
    def parts(self) -> list[Path]:
        return [self.packed[1].folder / part.name for part in self.payload.parts]

    @property
    def image(self) -> bytes:
        return b"".join((self.packed[1].folder / part.name).read_bytes() for part in self.packed[1].payload.parts)

    @property
    def base(self) -> Path:
        return self.packed[0].folder / "env.squashfs"

    def made(self, data: bytes | None = None, size: int | None = None) -> bytes:
        """Make the image out of the parts, or of ``data``."""
        with chained(self.parts) as stream:
            given = stream if data is None else io.BytesIO(data)
            whole = self.packed[1].payload.size if size is None else size
            return b"".join(delta.image_blocks(given, self.base, whole))


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (delta, _pack):
        monkeypatch.setattr(module, "WINDOW", 8000)
    monkeypatch.setattr(delta, "REACH", 16_000)
    monkeypatch.setattr(_image, "_BLOCK", 1000)


def pair(folder: Path, older: list[bytes], newer: list[bytes]) -> Pair:
    packed = []
    for release, blocks, part_size in zip(IDS, (older, newer), (1 << 20, 20_000), strict=True):
        (folder / release).mkdir()
        parts = Parts(folder / release, "env.squashfs", part_size)
        parts.write(b"".join([*blocks, b"table of " + release.encode()]))
        packed.append(Packed(release, folder / release, parts.finish("squashfs"), ()))
    made = _image.write_image_delta(packed[1], packed[0], packed[1].folder, 700)
    return Pair((packed[0], packed[1]), made)


def test_it_makes_the_new_image_to_the_last_byte_and_holds_what_changed(tmp_path: Path) -> None:
    two = pair(tmp_path, BLOCKS, [*BLOCKS[:7], MORE[0], *BLOCKS[8:]])
    assert two.made() == two.image
    assert (two.payload.format, len(two.parts) > 1) == ("delta-1-00000001.squashfs", True)
    assert 996 < two.payload.size < 1600
    assert {path.name for path in two.packed[1].folder.iterdir()} == {
        part.name for payload in (two.payload, two.packed[1].payload) for part in payload.parts
    }


@pytest.mark.parametrize("at", [0, 20, 60])
@pytest.mark.parametrize("more", [True, False])
def test_what_only_moved_is_not_in_it_however_far(tmp_path: Path, at: int, more: bool) -> None:
    others = [*BLOCKS[:at], *MORE, *BLOCKS[at:]]
    two = pair(tmp_path, *((BLOCKS, others) if more else (others, BLOCKS)))
    assert two.made() == two.image
    assert two.payload.size < (12_000 if more else 0) + 5000


def test_the_same_images_make_the_same_delta(tmp_path: Path) -> None:
    two = pair(tmp_path, BLOCKS, MORE)
    (tmp_path / "again").mkdir()
    assert _image.write_image_delta(two.packed[1], two.packed[0], tmp_path / "again", 700) == two.payload


@pytest.mark.parametrize("how", ["shorter", "gone", "link", "folder", "pipe"])
def test_an_older_image_that_cannot_be_read_is_named(tmp_path: Path, how: str) -> None:
    two = pair(tmp_path, BLOCKS, [*BLOCKS[:7], MORE[0], *BLOCKS[8:]])
    data = two.base.read_bytes()
    two.base.unlink()
    if how == "shorter":
        two.base.write_bytes(data[:100])
    elif how == "link":
        (tmp_path / "x").write_bytes(data)
        two.base.symlink_to(tmp_path / "x")
    elif how == "folder":
        two.base.mkdir()
    elif how == "pipe":
        os.mkfifo(two.base)
    with pytest.raises(Damaged):
        two.made()


def test_a_delta_that_was_changed_gives_no_more_bytes_than_the_image_has(tmp_path: Path) -> None:
    two = pair(tmp_path, BLOCKS, [*BLOCKS[:7], MORE[0], *BLOCKS[8:]])
    whole = b"".join(path.read_bytes() for path in two.parts)
    for _flip in range(200):
        at = NUMBERS.randrange(len(whole))
        data = whole[:at] + bytes([whole[at] ^ 1 << NUMBERS.randrange(8)]) + whole[at + 1 :]
        try:
            made = two.made(data if _flip % 4 else data[:at])
        except Damaged:
            continue
        assert len(made) == len(two.image)


def test_an_image_of_another_size_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    two = pair(tmp_path, BLOCKS, BLOCKS[1:])
    with pytest.raises(Damaged, match="another size"):
        two.made(size=two.packed[1].payload.size - 1)


def test_nothing_is_read_but_the_older_image(tmp_path: Path) -> None:
    secret = NUMBERS.randbytes(1000)
    (tmp_path / "secret").write_bytes(secret)
    (tmp_path / "base").write_bytes(b"public" * 200)
    frame = delta.pack_frame(secret, secret)
    assert len(frame) < 100
    group = delta.Group((("image", 1000),), str(tmp_path / "secret"), (delta.Frame(len(frame), 1000, 0, 1000),))
    stream = io.BytesIO(delta.write_index([group]) + frame)
    assert b"".join(delta.image_blocks(stream, tmp_path / "base", 1000)) == (b"public" * 200)[:1000]


def test_an_image_that_the_depot_does_not_have_whole_makes_no_delta(tmp_path: Path) -> None:
    two = pair(tmp_path, BLOCKS, BLOCKS[1:])
    two.base.write_bytes(b"x" + two.base.read_bytes()[1:])
    with pytest.raises(Damaged, match="1-00000001"):
        _image.write_image_delta(two.packed[1], two.packed[0], tmp_path, 700)
    assert not list(tmp_path.glob(".delta*"))


@pytest.mark.parametrize(
    ("name", "base", "known", "image", "whole"),
    [
        ("delta-1-00000001.squashfs", IDS[0], True, True, "squashfs"),
        ("delta-1-00000001", IDS[0], True, False, "delta-1-00000001"),
        ("delta-1-00000001.tar.zst", IDS[0], False, False, "tar.zst"),
        ("delta-1-00000001.other", IDS[0], False, False, "other"),
        ("delta-x.squashfs", "", False, False, "delta-x.squashfs"),
        ("squashfs", "", True, True, "squashfs"),
    ],
)
def test_the_name_tells_what_it_makes(name: str, base: str, known: bool, image: bool, whole: str) -> None:
    assert (delta.base_of(name), is_known(name), is_image(name), whole_of(name)) == (base, known, image, whole)


def test_it_has_no_files(tmp_path: Path) -> None:
    two = pair(tmp_path, BLOCKS, BLOCKS[1:])
    with pytest.raises(Damaged, match="mounted"):
        members(two.payload.format, Source(two.parts, ()))
