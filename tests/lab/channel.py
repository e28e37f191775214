# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build a real conda channel where none is reachable: ``python tests/lab/channel.py DIR``.

DIR gets linux-64/ and noarch/ with repodata, made of PyPI wheels and of Debian's Pythons: 3.9 from bullseye,
which runs on every supported host, and 3.11 from bookworm, which an older host must refuse; and of Debian's ssh-keygen.
Downloads are kept in ``--downloads`` (default: next to DIR). A second run with the same inputs does nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import shutil
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import _conda
import _cpython
import _debian
import _hello
import _openssh
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
COMPILED = (
    "numpy==1.26.4", "scipy==1.11.4", "pandas==2.1.4", "pyarrow==14.0.2", "zstandard==0.25.0", "libtorrent==2.1.1",
)  # fmt: skip
PURE = (
    "pip==25.3", "setuptools==80.9.0", "six==1.17.0", "python-dateutil==2.9.0.post0", "pytz==2025.2",
    "tzdata==2025.2", "tqdm==4.67.1",
)  # fmt: skip
WORKERS = 2


# What the demo needs: one Python line, and of the compiled packages these; the tests need no more of the second line.
SMALL_LINES = LINES[:1]
SMALL = ("numpy", "zstandard")


def pins(line: Line, small: bool) -> tuple[str, ...]:
    """Return the wheels that ``line`` brings: the first one those for any Python too."""
    few = small or line != LINES[0]
    compiled = tuple(pin for pin in COMPILED if not few or pin.partition("=")[0] in SMALL)
    return compiled + (PURE if line == LINES[0] else ())


def stamp(small: bool) -> str:
    """Name everything the channel is made from: these scripts and the pins in them."""
    scripts = ("channel.py", "_conda.py", "_cpython.py", "_debian.py", "_hello.py", "_openssh.py", "_wheels.py")
    return digest(*(HERE / name for name in scripts), str(small))


def interpreter(scratch: Path, line: Line) -> Path:
    """Return where the Python of ``line`` is staged; it also compiles the other packages of its line."""
    return scratch / f"python-{line.version}" / "bin" / f"python{line.version}"


def python_package(root: Path, line: Line, scratch: Path, channel: Path) -> Path:
    """Build the ``python`` package of ``line`` out of the unpacked Debian tree ``root``."""
    prefix = interpreter(scratch, line).parent.parent
    version = _cpython.stage(root, line.version, prefix, _conda.PLACEHOLDER)
    depends = (f"__glibc >={_cpython.glibc_needed(prefix)},<3.0.a0",)
    _cpython.compile_all(interpreter(scratch, line), prefix, line.version, _conda.TIMESTAMP)
    summary = f"CPython from Debian {line.suite}"
    return _conda.write(_conda.Package("python", version, "0_cpython", depends, summary, "Python-2.0"), prefix, channel)


def wheel_package(wheel: Path, line: Line, scratch: Path, channel: Path) -> Path:
    """Build one conda package out of ``wheel``: noarch if it is pure Python, else for ``line`` only."""
    prefix = scratch / f"{line.build}-{wheel.name}"
    staged = _wheels.stage(wheel, line.version, prefix, _conda.PLACEHOLDER)
    if staged.pure:
        build, depends = "pyh_0", (f"python {staged.requires_python.replace(' ', '')}", *staged.requires)
        _conda.to_noarch(prefix, line.version, staged.entry_points)
    else:
        glibc = _cpython.glibc_needed(prefix) or "2.17"
        _cpython.compile_all(interpreter(scratch, line), prefix, line.version, _conda.TIMESTAMP)
        build, depends = line.build, (f"__glibc >={glibc},<3.0.a0", line.bounds, *staged.requires)
    package = _conda.Package(
        staged.name, staged.version, build, depends, staged.summary, staged.license,
        noarch_python=staged.pure, entry_points=staged.entry_points if staged.pure else (),
    )  # fmt: skip
    made = _conda.write(package, prefix, channel)
    shutil.rmtree(prefix)
    return made


def openssh_package(root: Path, line: Line, scratch: Path, channel: Path) -> Path:
    """Build the ``openssh`` package: for ``line``, whose Python brings the libraries that it needs as well."""
    prefix = scratch / f"openssh-{line.version}"
    version = _openssh.stage(root, prefix, interpreter(scratch, line).parent.parent)
    depends = (f"__glibc >={_cpython.glibc_needed(prefix)},<3.0.a0", line.bounds)
    summary = f"ssh-keygen from Debian {line.suite}"
    return _conda.write(
        _conda.Package("openssh", version, line.build, depends, summary, "BSD-2-Clause"), prefix, channel
    )


def fetch_debian(line: Line, downloads: Path, names: tuple[str, ...] = _cpython.DEBIAN_PACKAGES) -> Path:
    """Return the unpacked Debian packages ``names`` of the release of ``line``, fetched if they are not there."""
    packages = [name.format(version=line.version) for name in names]
    target = downloads / f"{line.suite}-{digest(*packages)}"
    return make_once(target, lambda folder: _debian.bootstrap(line.suite, folder, variant="extract", packages=packages))


def fetch_wheels(wanted: tuple[str, ...], line: Line, downloads: Path) -> Path:
    """Return a folder with the wheels ``wanted`` for ``line``, fetched if they are not there."""
    target = downloads / f"wheels-{line.version}-{digest(*wanted)}"
    return make_once(target, lambda folder: _wheels.download(wanted, line.version, folder))


def build(channel: Path, scratch: Path, downloads: Path, small: bool) -> None:
    """Fill the empty folder ``channel`` with packages and repodata; their files are laid out in ``scratch`` first."""
    lines = SMALL_LINES if small else LINES
    with (
        ProcessPoolExecutor(WORKERS, mp_context=get_context("forkserver")) as pool,
        ThreadPoolExecutor(len(lines) * 2 + 1) as fetchers,
    ):
        roots = {line: fetchers.submit(fetch_debian, line, downloads) for line in lines}
        wheels = {line: fetchers.submit(fetch_wheels, pins(line, small), line, downloads) for line in lines}
        keygen = fetchers.submit(fetch_debian, lines[0], downloads, _openssh.DEBIAN_PACKAGES)
        jobs: list[Future[Path]] = [
            pool.submit(python_package, roots[ln].result(), ln, scratch, channel) for ln in lines
        ]
        for job in jobs:
            job.result()
        for line in lines:
            # The biggest first, so that both workers end at about the same time.
            found = sorted(wheels[line].result().glob("*.whl"), key=lambda path: -path.stat().st_size)
            jobs += [pool.submit(wheel_package, wheel, line, scratch, channel) for wheel in found]
            say(f"Python {line.version}: fetched")
        jobs.append(pool.submit(openssh_package, keygen.result(), lines[0], scratch, channel))
        jobs += [pool.submit(_conda.write, *package, channel) for package in _hello.stage_all(scratch)]
        for job in jobs:
            job.result()
        say(f"{len(jobs)} packages built")
        pool.submit(_index, channel).result()


def _index(channel: Path) -> None:
    """Write the repodata; only ever called in a worker process.

    A process that used py-rattler's coroutines may crash when its interpreter shuts down: tokio's threads still let
    go of Python objects then (pyo3-async-runtimes, issue 40; seen in a third of the runs). A worker of
    concurrent.futures ends by os._exit, without that shutdown.
    """
    from rattler.index import index_fs

    asyncio.run(index_fs(channel, write_zst=True, write_shards=False))
    shutil.rmtree(channel / ".tmp", ignore_errors=True)


def ensure(channel: Path, downloads: Path, small: bool) -> bool:
    """Bring ``channel`` up to date; True if it was built, False if it was there."""
    wanted = stamp(small)
    mark = channel / "stamp"
    with locked(channel.parent / f".{channel.name}.lock"):
        if mark.exists() and mark.read_text().strip() == wanted:
            return False
        work = channel.with_name(f".{channel.name}.work")
        shutil.rmtree(work, ignore_errors=True)
        fresh = work / "channel"
        fresh.mkdir(parents=True)
        downloads.mkdir(parents=True, exist_ok=True)
        build(fresh, work / "scratch", downloads, small)
        (fresh / "stamp").write_text(wanted + "\n")
        if channel.exists():
            channel.rename(work / "old")
        fresh.rename(channel)
        shutil.rmtree(work)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the lab's conda channel from PyPI wheels and Debian packages.")
    parser.add_argument("dir", type=Path, metavar="DIR", help="the channel's folder; it is replaced when out of date")
    parser.add_argument("--downloads", type=Path, help="where downloads are kept (default: DIR/../downloads)")
    parser.add_argument("--small", action="store_true", help="only what the demo needs")
    arguments = parser.parse_args()
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise LabError(f"the channel is built for linux-64 only; this is {platform.system()} {platform.machine()}")
    need("mmdebstrap", "apt-get", "patchelf")
    channel = arguments.dir.resolve()
    built = ensure(channel, (arguments.downloads or channel.parent / "downloads").resolve(), arguments.small)
    count = len(list(channel.glob("*/*.conda")))
    say(f"channel {'built' if built else 'is up to date'}: {count} packages in {channel}")
    return 0


if __name__ == "__main__":
    main_guard(main)
