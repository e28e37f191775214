# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build a real conda channel where none is reachable: ``python tests/lab/channel.py DIR``.

DIR gets linux-64/ and noarch/ with repodata, made of PyPI wheels and of Debian's Pythons: 3.9 from bullseye,
which runs on every supported host, and 3.11 from bookworm, which an older host must refuse. Downloads are kept
in ``--downloads`` (default: beside DIR). A second run with the same inputs does nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import shutil
import sys
import tempfile
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import _conda
import _cpython
import _debian
import _hello
import _wheels
from _common import HERE, LabError, digest, locked, main_guard, make_once, need, say


@dataclass(frozen=True)
class Line:
    """One Python line of the channel: its version and the Debian release whose packages it is made of."""

    version: str
    suite: str

    @property
    def build(self) -> str:
        return f"py{self.version.replace('.', '')}_0"

    @property
    def bounds(self) -> str:
        major, minor = self.version.split(".")
        return f"python >={self.version},<{major}.{int(minor) + 1}.0a0"


LINES = (Line("3.9", "bullseye"), Line("3.11", "bookworm"))

# The newest that have wheels for both lines.
COMPILED = ("numpy==1.26.4", "scipy==1.11.4", "pandas==2.1.4", "pyarrow==14.0.2", "zstandard==0.25.0")
PURE = (
    "pip==25.3", "setuptools==80.9.0", "six==1.17.0", "python-dateutil==2.9.0.post0", "pytz==2025.2",
    "tzdata==2025.2", "tqdm==4.67.1",
)  # fmt: skip
WORKERS = 2


def stamp() -> str:
    """Name everything the channel is made from: these scripts and the pins in them."""
    scripts = ("channel.py", "_conda.py", "_cpython.py", "_debian.py", "_hello.py", "_wheels.py")
    return digest(*(HERE / name for name in scripts))


def python_package(root: Path, line: Line, scratch: Path, channel: Path) -> Path:
    """Build the ``python`` package of ``line`` out of the unpacked Debian tree ``root``."""
    prefix = scratch / f"python-{line.version}"
    version = _cpython.stage(root, line.version, prefix, _conda.PLACEHOLDER)
    depends = (f"__glibc >={_cpython.glibc_needed(prefix)},<3.0.a0",)
    summary = f"CPython from Debian {line.suite}"
    return _conda.write(_conda.Package("python", version, "0_cpython", depends, summary, "Python-2.0"), prefix, channel)


def wheel_package(wheel: Path, line: Line, scratch: Path, channel: Path) -> Path:
    """Build one conda package out of ``wheel``: noarch if it is pure Python, else for ``line`` only."""
    prefix = scratch / f"{line.build}-{wheel.name}"
    staged = _wheels.stage(wheel, line.version, prefix, _conda.PLACEHOLDER)
    if staged.pure:
        depends = (f"python {staged.requires_python.replace(' ', '')}", *staged.requires)
    else:
        glibc = _cpython.glibc_needed(prefix) or "2.17"
        depends = (f"__glibc >={glibc},<3.0.a0", line.bounds, *staged.requires)
    package = _conda.Package(
        staged.name, staged.version, line.build, depends, staged.summary, staged.license, entry_points=()
    )
    if staged.pure:
        _conda.to_noarch(prefix, line.version, staged.entry_points)
        package = replace(package, build="pyh_0", noarch_python=True, entry_points=staged.entry_points)
    made = _conda.write(package, prefix, channel)
    shutil.rmtree(prefix)
    return made


def fetch_debian(line: Line, downloads: Path) -> Path:
    """Return the unpacked Debian packages of ``line``, fetched if they are not there."""
    packages = [name.format(version=line.version) for name in _cpython.DEBIAN_PACKAGES]
    target = downloads / f"{line.suite}-{digest(*packages)}"
    return make_once(target, lambda folder: _debian.bootstrap(line.suite, folder, variant="extract", packages=packages))


def fetch_wheels(pins: tuple[str, ...], line: Line, downloads: Path) -> Path:
    """Return a folder with the wheels ``pins`` for ``line``, fetched if they are not there."""
    target = downloads / f"wheels-{line.version}-{digest(*pins)}"
    return make_once(target, lambda folder: _wheels.download(pins, line.version, folder))


def build(channel: Path, downloads: Path) -> None:
    """Fill ``channel``, which is empty, with packages and repodata."""
    with (
        ProcessPoolExecutor(WORKERS) as pool,
        ThreadPoolExecutor(len(LINES) * 2) as fetchers,
        tempfile.TemporaryDirectory(prefix="stage-", dir=channel.parent) as folder,
    ):
        scratch = Path(folder)
        roots = {line: fetchers.submit(fetch_debian, line, downloads) for line in LINES}
        wheels = {
            line: fetchers.submit(fetch_wheels, COMPILED + (PURE if line == LINES[0] else ()), line, downloads)
            for line in LINES
        }
        jobs: list[Future[Path]] = []
        for line in LINES:
            # The biggest first, so that both workers end at about the same time.
            found = sorted(wheels[line].result().glob("*.whl"), key=lambda path: -path.stat().st_size)
            jobs += [pool.submit(wheel_package, wheel, line, scratch, channel) for wheel in found]
            jobs.append(pool.submit(python_package, roots[line].result(), line, scratch, channel))
            say(f"Python {line.version}: fetched")
        jobs += [pool.submit(_conda.write, *package, channel) for package in _hello.stage_all(scratch)]
        for job in jobs:
            job.result()
    say(f"{len(jobs)} packages built")
    _index(channel)


def _index(channel: Path) -> None:
    from rattler.index import index_fs

    asyncio.run(index_fs(channel, write_zst=True, write_shards=False))


def ensure(channel: Path, downloads: Path) -> bool:
    """Bring ``channel`` up to date; True if it was built, False if it was there."""
    wanted = stamp()
    mark = channel / "stamp"
    with locked(channel.parent / f".{channel.name}.lock"):
        if mark.exists() and mark.read_text().strip() == wanted:
            return False
        fresh = channel.with_name(f".{channel.name}.new")
        old = channel.with_name(f".{channel.name}.old")
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh.mkdir(parents=True)
        downloads.mkdir(parents=True, exist_ok=True)
        build(fresh, downloads)
        (fresh / "stamp").write_text(wanted + "\n")
        if channel.exists():
            channel.rename(old)
        fresh.rename(channel)
        shutil.rmtree(old, ignore_errors=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the lab's conda channel from PyPI wheels and Debian packages.")
    parser.add_argument("dir", type=Path, metavar="DIR", help="the channel's folder; it is replaced when out of date")
    parser.add_argument("--downloads", type=Path, help="where downloads are kept (default: DIR/../downloads)")
    arguments = parser.parse_args()
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise LabError(f"the channel is built for linux-64 only; this is {platform.system()} {platform.machine()}")
    need("mmdebstrap", "apt-get", "patchelf")
    channel = arguments.dir.resolve()
    built = ensure(channel, (arguments.downloads or channel.parent / "downloads").resolve())
    count = len(list(channel.glob("*/*.conda")))
    say(f"channel {'built' if built else 'is up to date'}: {count} packages in {channel}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main_guard(main)
