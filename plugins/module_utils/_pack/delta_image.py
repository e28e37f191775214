# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the delta between two images on the bastion.

An image is a row of compressed blocks, each of one file or of several small ones: what did not change has the same
bytes in both images, at another place. So a delta of the bytes holds the blocks that changed, as they are.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import shutil
import tempfile
from bisect import bisect_right
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._formats import delta
from ansible_collections.airgap.conda.plugins.module_utils._formats.delta import Frame, Group, name_of, pack_frame
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Damaged
from ansible_collections.airgap.conda.plugins.module_utils._formats.parts import Parts
from ansible_collections.airgap.conda.plugins.module_utils._formats.tar import chained
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta import Packed, join, windows

# How a block that zstd compressed begins; so many bytes tell it from all others.
_START = re.compile(rb"\x28\xb5\x2f\xfd.{28}", re.DOTALL)
# Bytes that a block has at most.
_BLOCK = 1 << 20


def write_image_delta(new: Packed, base: Packed, folder: Path, part_size: int) -> Payload:
    """Write to ``folder`` what makes the image of ``new`` out of that of ``base``.

    Takes room next to it for both images. Raises Damaged when one is not as its release says.
    """
    name = name_of(base.id, new.payload.format)
    aside = Path(tempfile.mkdtemp(prefix=".delta-", dir=folder))
    try:
        after, before = (_whole(packed, aside / packed.id) for packed in (new, base))
        made, moved, size = [], Moved(before), after.stat().st_size
        with open(aside / "frames", "w+b") as frames, open(before, "rb") as older:
            for at, plain in windows([after]):
                start, length = moved.reach(at, size, plain)
                older.seek(start)
                packed_frame = pack_frame(plain, older.read(length))
                frames.write(packed_frame)
                made.append(Frame(len(packed_frame), len(plain), start, length))
            groups = [Group((("image", size),), "image", tuple(made))]
            return join(groups, frames, Parts(folder, f"env.{name}", part_size), name)
    finally:
        shutil.rmtree(aside)


def _whole(packed: Packed, path: Path) -> Path:
    """Join the parts of a payload; raises Damaged when they are not what its release says."""
    digest = hashlib.sha256()
    with open(path, "wb") as out, chained(packed.folder / part.name for part in packed.payload.parts) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != packed.payload.sha256:
        raise Damaged(f"{packed.id} has another {packed.payload.format} than it says")
    return path


class Moved:
    """Where the blocks of an older image are."""

    def __init__(self, image: Path) -> None:
        self._size = image.stat().st_size
        with open(image, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            self._places = {found.group(): found.start() for found in _START.finditer(data)}

    def reach(self, plain_at: int, plain_size: int, plain: bytes) -> tuple[int, int]:
        """Return start and length of what a frame of ``plain`` refers to: where most of its blocks are.

        Without any, that is what lies around the same place.
        """
        most = delta.REACH
        starts = [found.group() for found in _START.finditer(plain)]
        places = sorted(self._places[start] for start in starts if start in self._places)
        if self._size <= most or not places:
            return delta.reach(plain_at, plain_size, self._size)
        ends = [bisect_right(places, place + most - 2 * _BLOCK) for place in places]
        best = max(range(len(places)), key=lambda number: ends[number] - number)
        middle = (places[best] + places[ends[best] - 1] + _BLOCK) // 2
        return min(max(0, middle - most // 2), self._size - most), most
