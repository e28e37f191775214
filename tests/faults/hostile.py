# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hostile archives and lists: nothing appears outside the target, nothing special inside, and it ends.

The function that unpacks gets them, and so does a host that installs by its own command from a drive.

Every case runs in a child of its own world: with root its / is a folder of the case, so that a path that leads out,
relative or absolute, is seen there; it has a gibibyte of memory and a few seconds.
"""

from __future__ import annotations

import gzip
import os
import random
import resource
import shutil
import signal
import stat
import sysconfig
import tarfile
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from corpus import ARCHIVES, ENTRIES, LISTS, Case, binary, cases, octal, tar, with_sum
from hostile_host import REFUSED, TAKEN, try_release
from scenes import Share, World
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import write_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import compare_tree
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.tests.unit.store.test_extract import plain

PROMISE = "hostile archives and lists: no effect outside, no special files inside, ends in seconds, real trees pass"
FUZZED, FUZZED_LONG = 20_000, 1_000_000
# Cases that one child tries one after another.
BATCH = 100
MEMORY = 1 << 30
# Seconds for one case.
DEADLINE = 30
# Batches that are also tried on a drive from which a host installs by its own command.
BY_COMMAND, BY_COMMAND_LONG = 1, 20


def run(world: World, share: Share) -> Tally:
    """Try the corpus, then as many cases made from it at random, then trees of this machine that must pass."""
    tally = Tally("hostile", PROMISE)
    box = world.base / "box"
    for make in islice(cases(), share.number, None, share.workers):
        case = make()
        for name, fault, how in in_box(box, [case]):
            tally.case(name, fault)
            tally.counts[f"named, {how}"] += 1
        for name, fault, done in in_box(box, [case], try_release):
            tally.case(f"by the command: {name}", fault or ("" if done == how else f"{done} here, {how} there"))
            tally.counts[f"named, by the command, {done}"] += 1
    numbers = random.Random(share.number)  # noqa: S311 - the same cases every time
    count = len(share.of(range(FUZZED_LONG if share.long else FUZZED)))
    fuzz = fuzzed(numbers)
    for size in [BATCH] * (count // BATCH) + [count % BATCH]:
        for name, fault, how in in_box(box, list(islice(fuzz, size))):
            tally.case(name, fault)
            tally.counts[f"fuzzed, {how}"] += 1
    for _batch in share.of(range(BY_COMMAND_LONG if share.long else BY_COMMAND)):
        for name, fault, how in in_box(box, list(islice(fuzz, BATCH)), try_release):
            tally.case(f"by the command: {name}", fault)
            tally.counts[f"fuzzed, by the command, {how}"] += 1
    trees = real_trees()
    for tree in share.of(trees if share.long else trees[:2] + trees[2::20]):
        tally.case(f"the real tree {tree.name}", _real_tree(world.base / "real", tree))
        tally.counts["real trees"] += 1
    if os.geteuid() != 0:
        tally.notes.append(
            "absolute paths were looked for in the case's folder only: another root directory needs root"
        )
    return tally


# Unpacks a case below a folder; returns how that ended, and what is wrong with it.
Try = Callable[[Case, Path], tuple[str, str]]


def in_box(box: Path, batch: list[Case], attempt: Try | None = None) -> Iterator[tuple[str, str, str]]:
    """Unpack each case in a child that sees nothing but ``box``; yields its name, what is wrong, and how it ended."""
    while batch:
        shutil.rmtree(box, ignore_errors=True)
        (box / "a/b").mkdir(parents=True)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _in_child(box, batch, writer, attempt or try_case)
        os.close(writer)
        with open(reader, encoding="utf-8") as stream:
            said = stream.read().splitlines()
        _pid, status = os.waitpid(child, 0)
        for case, text in zip(batch, said, strict=False):
            how, _space, fault = text.partition(" ")
            yield case.name, fault, how
        batch = batch[len(said) :]
        if batch:
            how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {status}"
            yield batch[0].name, f"the program died: {how} (14 is the deadline)", "died"
            batch = batch[1:]


def _in_child(box: Path, batch: list[Case], writer: int, attempt: Try) -> None:
    try:
        top = box
        if os.geteuid() == 0:
            os.chroot(box)
            top = Path("/")
        os.chdir(top)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for case in batch:
            signal.alarm(DEADLINE)
            how, fault = attempt(case, top / "a/b")
            fault = fault or _outside(top)
            text = f"{how} {fault}".replace("\n", " | ")
            os.write(writer, f"{text[:3000]}\n".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(0)


def try_case(case: Case, place: Path) -> tuple[str, str]:
    """Unpack one case below ``place``; returns how that ended, and what is wrong with it."""
    target, part = place / "out", place / "part"
    part.write_bytes(case.payload)
    target.mkdir(mode=0o700)
    listed: set[str] = set()
    try:
        with os_errors("Installing", target):
            entries = read_files(case.files, "the list")
            listed = {entry.path for entry in entries}
            extract([part], case.format, entries, target)
        fault = "; ".join(f"{d.path}: {d.found}" for d in compare_tree(target, entries))
        how = TAKEN
    except AirgapError:
        how, fault = REFUSED, ""
    except BaseException:  # noqa: BLE001 - a user would see a traceback
        how, fault = "crashed", traceback.format_exc()[-1500:]
    fault = fault or _inside(target, listed)
    shutil.rmtree(target)
    part.unlink()
    return how, fault


def _inside(target: Path, listed: set[str]) -> str:
    for path in target.rglob("*"):
        mode = path.lstat().st_mode
        if os.path.relpath(path, target) not in listed:
            return f"{path} is not in the list"
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            return f"{path} is something special"
        if stat.S_IMODE(mode) & 0o7022 and not stat.S_ISLNK(mode):
            return f"{path} has mode {mode:o}"
        if stat.S_ISREG(mode) and path.lstat().st_nlink > 1:
            return f"{path} is a hard link"
    return ""


def _outside(top: Path) -> str:
    left = sorted(str(path.relative_to(top)) for path in top.rglob("*"))
    return "" if left == ["a", "a/b"] else f"outside: {left}"


# --- cases made at random --------------------------------------------------------------------------------------------

NAMES = (
    b"b",
    b"bin/a",
    b"bin",
    b"l",
    b"../x",
    b"/etc/x",
    b"bin/../../x",
    b"",
    b".",
    b"x\0y",
    b"a" * 100,
    b"\xff",
    b"b/",
)
KINDS = b"0123456789LKxgXSVMDN\0Z"
SIZES = tuple(octal(n) for n in (0, 1, 3, 511, 512, 513, 1 << 20, (8 << 30) - 1)) + tuple(
    binary(n) for n in (-1, -512, -(1 << 40), 1 << 40, 1 << 62)
)
WORDS = ("../x", "/etc/x", "b", "bin", "bin/a", "", ".", "file", "dir", "symlink", "char")
OTHERS = ("-1", "0", "3", "420", "493", "2541", "1e9", str(1 << 70), "true", "null", "[]", "{}")
VALUES = (*(f'"{word}"' for word in WORDS), *OTHERS)


def fuzzed(numbers: random.Random) -> Iterator[Case]:
    """Yield cases without end: archives with changed headers, blocks and bytes, and lists with changed values."""
    good = tar(plain())
    seeds = [
        good,
        tar(plain(), tarfile.PAX_FORMAT),
        *(
            make()
            for name, make in ARCHIVES.items()
            if " 10,000" not in f" {name}" and "illion" not in name and "MiB" not in name
        ),
    ]
    files, texts = write_files(ENTRIES), [text for text in LISTS.values() if len(text) < 5_000]
    import zstandard

    zstd = zstandard.ZstdCompressor(level=1)
    number = 0
    while True:
        number += 1
        kind = numbers.randrange(10)
        if kind < 6:
            data = bytearray(numbers.choice(seeds))
            for _change in range(numbers.randint(1, 4)):
                _change_archive(numbers, data)
            yield Case(f"fuzz {number}: archive", gzip.compress(bytes(data), 1), "tar.gz", files)
        elif kind < 8:
            packed, name = (gzip.compress(good, 1), "tar.gz") if kind == 6 else (zstd.compress(good), "tar.zst")
            data = bytearray(packed)
            for _change in range(numbers.randint(1, 6)):
                data[numbers.randrange(len(data))] ^= 1 << numbers.randrange(8)
            yield Case(f"fuzz {number}: {name}", bytes(data[: numbers.randint(1, 2 * len(data))]), name, files)
        else:
            text = _change_list(numbers, numbers.choice(texts))
            yield Case(f"fuzz {number}: list {text!r}", gzip.compress(good, 1), "tar.gz", zstd.compress(text))


def _change_archive(numbers: random.Random, data: bytearray) -> None:
    """Change one thing; mostly in a header whose check sum is right again afterwards."""
    blocks = max(1, len(data) // 512)
    at = 512 * numbers.randrange(blocks)
    what = numbers.randrange(8)
    if what == 0:
        data[numbers.randrange(len(data))] = numbers.randrange(256)
        return
    if what == 1:
        del data[at : at + 512 * numbers.randint(1, 3)]
        data += bytes(512)
        return
    if what == 2:
        data[at:at] = data[512 * numbers.randrange(blocks) :][:512]
        return
    header = bytearray(data[at : at + 512].ljust(512, b"\0"))
    fields: dict[int, Callable[[], None]] = {
        3: lambda: _put(header, 0, 100, numbers.choice(NAMES)),
        4: lambda: _put(header, 157, 100, numbers.choice(NAMES)),
        5: lambda: _put(header, 124, 12, numbers.choice(SIZES)),
        6: lambda: _put(header, 156, 1, bytes([numbers.choice(KINDS)])),
        7: lambda: _put(header, numbers.randrange(500), 4, numbers.randbytes(4)),
    }
    fields[what]()
    data[at : at + 512] = with_sum(header)


def _put(block: bytearray, at: int, width: int, value: bytes) -> None:
    block[at : at + width] = value.ljust(width, b"\0")[:width]


def _change_list(numbers: random.Random, text: bytes) -> bytes:
    """Put another value in the place of one in a list of files."""
    words = text.decode("utf-8", "surrogateescape").split(" ")
    at = numbers.randrange(len(words))
    tail = words[at][len(words[at].rstrip(",}]")) :]
    words[at] = numbers.choice(VALUES) + tail
    return " ".join(words).encode("utf-8", "surrogateescape")


# --- trees that must pass --------------------------------------------------------------------------------------------


def real_trees() -> list[Path]:
    """Return what real programs installed here: Python's library and its packages, one tree each."""
    found = [Path(sysconfig.get_path("stdlib")), Path("/usr/share/zoneinfo"), Path("/usr/share/doc")]
    packages = Path(sysconfig.get_path("purelib"))
    found += sorted(path for path in packages.iterdir() if path.is_dir() and path.name != "ansible_collections")
    return [path for path in found if path.is_dir()]


def _real_tree(place: Path, source: Path) -> list[str]:
    """Pack and unpack a tree that the packer takes; what it refuses, links that lead out, is taken out of it first."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place / "tree", symlinks=True, ignore=_up_to_a_size)
    for path in list((place / "tree").rglob("*")):
        if path.is_symlink() and not str(path.resolve()).startswith(str(place / "tree")):
            path.unlink()
    (place / "out").mkdir(mode=0o700)
    entries, payloads = write_payloads(place / "tree", place, ("tar.zst",))
    try:
        extract(
            [place / part.name for part in payloads[0].parts],
            "tar.zst",
            read_files(write_files(entries), "x"),
            place / "out",
        )
        return [f"{d.path}: {d.found}" for d in compare_tree(place / "out", entries)]
    except AirgapError as error:
        return [str(error)]
    finally:
        shutil.rmtree(place)


def _up_to_a_size(folder: str, names: list[str]) -> list[str]:
    """Leave big files and tests out: this is about names, links and numbers."""
    paths = [Path(folder, name) for name in names]
    return [p.name for p in paths if p.name in ("test", "tests") or (p.is_file() and p.stat().st_size > 1 << 20)]
