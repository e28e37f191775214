# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long it takes until a release is installed that arrives over a slow link; an arm of ``./dev bench host``.

What sends is a paced copy into the folder where releases arrive, file by file, each named when it is whole. It takes
``ratio`` times as long as the install alone.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE, Checks
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import PART_SIZE
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.follow import follow
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.bench.build import TIME
from ansible_collections.airgap.conda.tests.bench.frame import Group, take_turns, timed
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release

SENDING, APART, TOGETHER = "the link alone", "send, then install", "unpack while sending"
BLOCK = 1 << 20


@dataclass(frozen=True)
class Way:
    """A release on its way to a store, ``seconds`` long."""

    store: Store
    made: Made
    seconds: float

    def send(self) -> None:
        """Bring the record, then the parts, at an even pace."""
        incoming, (payload,) = (
            self.store.incoming(self.made.manifest.env, self.made.manifest.id),
            self.made.manifest.payloads,
        )
        incoming.mkdir(parents=True, exist_ok=True)
        for name in (MANIFEST, SIGNATURE, FILES):
            shutil.copyfile(self.made.folder / name, incoming / name)
        clock, done, new = time.perf_counter(), 0, incoming / ".arriving-bench"
        for part in payload.parts:
            with (self.made.folder / part.name).open("rb") as source, new.open("wb") as target:
                while block := source.read(BLOCK):
                    target.write(block)
                    done += len(block)
                    time.sleep(max(0, clock + self.seconds * done / payload.size - time.perf_counter()))
            new.rename(incoming / part.name)

    def install(self) -> None:
        """Do what the task does when all was sent."""
        deploy(self.store, self.made.step(), self.made.sha256, 2)

    def unpack(self) -> None:
        """Have a process unpack what arrives."""
        manifest = self.made.manifest
        record = {name: (self.made.folder / name).stat().st_size for name in (MANIFEST, SIGNATURE, FILES)}
        told = {"manifest_sha256": self.made.sha256, "format": manifest.payloads[0].format, "record": record}
        if not follow(self.store.root, {"env": manifest.env, "release": manifest.id, **told}):
            raise RuntimeError("nothing unpacks what is sent")

    def apart(self) -> None:
        """Send, then install."""
        self.send()
        self.install()

    def together(self) -> None:
        """Unpack while sending."""
        self.unpack()
        self.send()
        self.install()


def compare_sending(prefix: Path, folder: Path, rounds: int, copies: int, ratios: Sequence[int]) -> list[Group]:
    """Bring ``copies`` of a tree as one release, in so many times the seconds of an install."""
    shutil.rmtree(folder, ignore_errors=True)
    store = Store(folder / "opt")
    tree = {f"copy{number}/{name}": content for number in range(copies) for name, content in _tree(prefix).items()}
    made = make_release(
        folder / "depot", store.root, tree={**tree, "bin/python": "#!/bin/sh\n"}, checks=Checks(), part_size=PART_SIZE
    )
    shutil.rmtree(folder / "depot" / "tree-demo-1")
    del tree

    def before(_name: str) -> None:
        shutil.rmtree(store.root, ignore_errors=True)
        for part in made.manifest.payloads[0].parts:
            (made.folder / part.name).read_bytes()  # from memory in all arms

    def alone() -> Mapping[str, float]:
        way = Way(store, made, 0)
        way.send()
        return {TIME: timed(way.install)}

    install = sorted(take_turns({"install alone": alone}, rounds, before)["install alone"][TIME])[rounds // 2]
    manifest, groups = made.manifest, []
    size = f"{manifest.bytes / 1e6:.0f} MB, {manifest.files} files, {len(manifest.payloads[0].parts)} parts"
    note = f"{size}; the install alone takes {install:.2f} s"
    for ratio in ratios:
        way = Way(store, made, ratio * install)
        arms = {
            SENDING: lambda way=way: {TIME: timed(way.send)},
            APART: lambda way=way: {TIME: timed(way.apart)},
            TOGETHER: lambda way=way: {TIME: timed(way.together)},
        }
        title = f"sending takes {ratio} times as long as installing"
        groups.append(Group(title, SENDING, {TIME: "s"}, take_turns(arms, rounds, before), note))
    shutil.rmtree(folder)
    return groups


def _tree(prefix: Path) -> dict[str, Any]:
    """Return what is in a tree, as ``make_release`` takes it; what conda has to know of is left out."""
    found: dict[str, Any] = {}
    for path in sorted(prefix.rglob("*")):
        name = path.relative_to(prefix).as_posix()
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_file() and path.suffix != ".pyc" and not name.startswith("conda-meta"):
            found[name] = path.read_bytes()
    return found
