# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long big packages take to import, from a tree and from mounted images of it: ``./dev bench import [--short]``.

The tree is a release as a host unpacks it, on this machine's disk. Each image is made of this tree and mounted
read-only through a loop device. Before each cold import the kernel drops all that it has cached, and the image is
mounted again; the warm imports follow. Without ``--all``, the images are what a release comes as and its nearest kin.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._formats.mksquashfs import BLOCK_SIZE, LEVEL
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.tests.bench.build import ENVS, SHORT, Env, lay_out, size_of
from ansible_collections.airgap.conda.tests.bench.frame import Arm, Group, Result, about, processor, take_turns, timed
from ansible_collections.airgap.conda.tests.bench.host import ours as unpack
from ansible_collections.airgap.conda.tests.bench.program import parser, run, uninterrupted

TREE = "tree"
COLD, WARM, MOUNT, SIZE, MADE = "cold", "warm", "mount", "bytes", "made, processor"
COLD_WORK, WARM_WORK = "cold, processor", "warm, processor"
UNITS = {COLD: "s", WARM: "s", COLD_WORK: "s", WARM_WORK: "s", MOUNT: "ms", SIZE: "bytes", MADE: "s"}
WARM_TRIES = 2
# How many times as long as from a tree.
WANTED = {COLD: 1.0, WARM: 1.07}
TENSORFLOW = Env("tensorflow", ("python=3.11", "pip"), "2.36", ("tensorflow-cpu==2.21.0",))
# The environments, with what is imported of each.
IMPORTS = {
    ENVS[0]: "numpy, pandas, scipy.stats, pyarrow",
    ENVS[1]: "torch",
    TENSORFLOW: "tensorflow",
}
CACHES = Path("/proc/sys/vm/drop_caches")


@dataclass(frozen=True)
class Image:
    """A kind of image: its file system, and the command that makes one; TREE and IMAGE in it are replaced."""

    name: str
    system: str
    command: tuple[str, ...]


def squashfs(level: int, block: str) -> Image:
    """Return an image of squashfs with zstd."""
    options = ("-noappend", "-no-progress", "-comp", "zstd", "-Xcompression-level", str(level), "-b", block)
    return Image(f"squashfs zstd-{level} {block}", "squashfs", ("mksquashfs", "TREE", "IMAGE", *options))


def erofs(compressor: str, cluster: int) -> Image:
    """Return an image of erofs; its zstd needs erofs-utils 1.8, and Linux 6.10 to be mounted."""
    name = f"erofs {compressor.replace(',', '-')} {cluster >> 10}K"
    return Image(name, "erofs", ("mkfs.erofs", f"-z{compressor}", f"-C{cluster}", "IMAGE", "TREE"))


# What a release comes as; those that differ in one setting; all that were ever worth a look.
OURS = squashfs(LEVEL, f"{BLOCK_SIZE >> 10}K")
NEAREST = (OURS, squashfs(LEVEL, "128K"), squashfs(3, "256K"))
IMAGES = (
    *NEAREST,
    *(squashfs(3, block) for block in ("64K", "128K", "1M")),
    squashfs(15, "128K"),
    erofs("lz4hc,9", 1 << 16),
    erofs("zstd,3", 1 << 16),
)


def make(image: Image, tree: Path, target: Path) -> float:
    """Make an image; returns the seconds of a processor that it took. Raises OSError with what went wrong."""
    target.unlink(missing_ok=True)
    words = {"TREE": str(tree), "IMAGE": str(target)}
    worked = processor()
    done = subprocess.run(
        [words.get(word, word) for word in image.command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OSError(f"{image.command[0]} ended with {done.returncode}: {done.stdout.strip()[-200:]}")
    return processor() - worked


@contextmanager
def mounted(image: Image, file: Path, folder: Path) -> Iterator[float]:
    """Mount an image at ``folder``; gives the seconds that this took. Raises OSError with what went wrong."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", image.system, "-o", "ro,loop,nodev,nosuid", str(file), str(folder)]

    def mount() -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.stderr.strip())

    seconds = timed(mount)
    try:
        yield seconds
    finally:
        with uninterrupted():
            subprocess.run(["umount", str(folder)], check=True)


def imported(root: Path, modules: str, cold: bool) -> dict[str, float]:
    """Import modules with the Python below ``root``: once from the disk, if asked for, and then from memory.

    Without ``cold`` the first import only brings the files into memory.
    """
    command = [str(root / "bin" / "python"), "-B", "-c", f"import {modules}"]
    first, *rest = (run_once(command) for _again in range(1 + WARM_TRIES))
    measured = dict(zip((COLD, COLD_WORK), first, strict=True)) if cold else {}
    seconds, worked = map(statistics.fmean, zip(*rest, strict=True))
    return {**measured, WARM: seconds, WARM_WORK: worked}


def run_once(command: Sequence[str]) -> tuple[float, float]:
    """Run a program, which must succeed; return its seconds, and those of a processor."""
    worked, clock = processor(), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            status = program.wait()
        except BaseException:
            # Not after this: its files are on what is unmounted next.
            with uninterrupted():
                program.kill()
                program.wait()
            raise
    if status:
        raise subprocess.CalledProcessError(status, command)
    return time.perf_counter() - clock, processor() - worked


def can_drop_caches() -> bool:
    """Let the kernel drop what it has cached, if this machine allows it."""
    os.sync()
    try:
        CACHES.write_text("3\n", encoding="ascii")
    except OSError:
        return False
    return True


def compare(env: Env, modules: str, images: Sequence[Image], rounds: int, findings: list[str]) -> Group:
    """Compare a tree and its images."""
    place = lay_out(env)
    work = place / "import"
    tree, point = work / "tree", work / "mounted"
    if point.is_mount():  # by a run that was killed
        subprocess.run(["umount", str(point)], check=True)
    shutil.rmtree(work, ignore_errors=True)
    tree.mkdir(parents=True)
    pack(PackRequest(place / "prefix", work / "pack", str(tree)))
    unpack(work / "pack", tree)
    shutil.rmtree(work / "pack")
    size, files = size_of(tree)
    print(f"{env.name}: {size / 1e6:.0f} MB, {files} files", flush=True)
    cold = can_drop_caches()
    if not cold:
        findings.append(f"{env.name}: cold imports were not measured: {CACHES} cannot be written here")
    arms: dict[str, Arm] = {TREE: lambda: {**imported(tree, modules, cold), SIZE: size}}

    def arm(image: Image, file: Path, made: float) -> dict[str, float]:
        with mounted(image, file, point) as seconds:
            taken = imported(point, modules, cold)
        return {**taken, MOUNT: seconds, SIZE: file.stat().st_size, MADE: made}

    for number, image in enumerate(images):
        file = work / f"{number}.image"
        try:
            made = make(image, tree, file)
            with mounted(image, file, point):
                pass
        except OSError as error:
            findings.append(f"{env.name}: {image.name} was not measured: {error}")
            continue
        arms[image.name] = partial(arm, image, file, made)
    try:
        values = take_turns(arms, rounds, lambda _name: can_drop_caches())
    finally:
        shutil.rmtree(work)
    return Group(env.name, TREE, UNITS, values, f"import {modules}; {files} files")


def measure(short: bool, only: str | None, every: bool, rounds: int) -> Result:
    """Compare for each environment, with every image or those that matter."""
    result = Result([])
    chosen = {SHORT: "numpy, pandas"} if short else {e: m for e, m in IMPORTS.items() if only in (None, e.name)}
    images = (squashfs(3, "128K"),) if short else IMAGES if every else NEAREST
    for env, modules in chosen.items():
        group = compare(env, modules, images, rounds, result.findings)
        result.groups.append(group)
        for what, most in WANTED.items() if OURS.name in group.arms else ():
            ratio = group.times(OURS.name, what)
            if ratio and ratio > most:
                result.failures.append(f"{env.name}: {what}, {OURS.name}: {ratio:.2f} x of the tree, wanted {most}")
    return result


def main() -> int:
    options = parser("Measure imports from a tree and from images.")
    options.add_argument("--env", choices=[env.name for env in IMPORTS], help="only this environment")
    options.add_argument("--all", action="store_true", help="every image, not only ours and its nearest kin")
    chosen = options.parse_args()
    programs = {"mksquashfs": ("mksquashfs", "-version"), "erofs-utils": ("dpkg-query", "-W", "erofs-utils")}
    return run(chosen, partial(measure, chosen.short, chosen.env, chosen.all), partial(about, **programs))


if __name__ == "__main__":
    sys.exit(main())
