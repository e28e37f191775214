# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build one more channel: ``python tests/lab/extra_channel.py DIR pyarrow==11.0.0 …``, for what the lab's has not.

DIR gets the wheels named, for Python 3.9, as conda packages made like those of channel.py; those that the lab's channel
next to it has are copied. A second run with the same inputs does nothing.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import _conda
import _cpython
import channel as lab
from _common import digest, locked, main_guard, make_once, need, say

LINE = lab.LINES[0]


def build(channel: Path, pins: tuple[str, ...], downloads: Path) -> None:
    """Fill the empty folder ``channel``."""
    ready = {pin: list(channel.parent.glob(f"channel/*/{pin.replace('==', '-')}-*{LINE.build}.conda")) for pin in pins}
    for package in sum(ready.values(), list[Path]()):
        target = channel / package.parent.name / package.name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(package, target)
    root = lab.fetch_debian(LINE, downloads)
    # One at a time: pip fetches no two versions of one package at once.
    missing = [pin for pin in pins if not ready[pin]]
    wheels = [wheel for pin in missing for wheel in lab.fetch_wheels((pin,), LINE, downloads).glob("*.whl")]
    with tempfile.TemporaryDirectory(dir=channel.parent, prefix=".extra-") as folder, ProcessPoolExecutor(2) as pool:
        scratch = Path(folder)
        # It compiles the others.
        _cpython.stage(root, LINE.version, lab.interpreter(scratch, LINE).parent.parent, _conda.PLACEHOLDER)
        for job in [pool.submit(lab.wheel_package, wheel, LINE, scratch, channel) for wheel in wheels]:
            job.result()
        pool.submit(lab._index, channel).result()  # noqa: SLF001  # the same program, for another folder


def ensure(channel: Path, pins: tuple[str, ...], downloads: Path) -> bool:
    """Bring ``channel`` up to date; True if it was built, False if it was there."""
    wanted = digest(lab.stamp(small=False), *pins)
    mark = channel / "stamp"
    with locked(channel.parent / f".{channel.name}.lock"):
        if mark.exists() and mark.read_text().strip() == wanted:
            return False
        shutil.rmtree(channel, ignore_errors=True)
        downloads.mkdir(parents=True, exist_ok=True)
        make_once(channel, lambda folder: build(folder, pins, downloads))
        mark.write_text(wanted + "\n")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Build a small conda channel from PyPI wheels.")
    parser.add_argument("dir", type=Path, metavar="DIR", help="the channel's folder; it is replaced when out of date")
    parser.add_argument("pins", nargs="+", metavar="PIN", help="such as pyarrow==11.0.0")
    parser.add_argument("--downloads", type=Path, help="where downloads are kept (default: DIR/../downloads)")
    arguments = parser.parse_args()
    need("mmdebstrap", "apt-get", "patchelf")
    channel = arguments.dir.resolve()
    downloads = (arguments.downloads or channel.parent / "downloads").resolve()
    built = ensure(channel, tuple(arguments.pins), downloads)
    count = len(list(channel.glob("*/*.conda")))
    say(f"channel {'built' if built else 'is up to date'}: {count} packages in {channel}")
    return 0


if __name__ == "__main__":
    main_guard(main)
