# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stage a relocatable CPython for a conda package from Debian's own packages.

Debian's build is a good one, but it knows only /usr: the libraries it needs are elsewhere, it looks for
packages in dist-packages, and it installs into local/. Here it gets its libraries next to it and the plain layout.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from _common import LabError, need, run

# Debian's names for the interpreter, for distutils, which pip and setuptools need on 3.9, and for the headers.
DEBIAN_PACKAGES = ("python{version}", "python3-distutils", "libpython{version}-dev")

# Not wanted in a lean interpreter: tests, GUIs, the distribution's own hooks.
DROP = (
    "test", "idlelib", "tkinter", "turtledemo", "lib2to3", "pydoc_data", "ensurepip", "config-*", "__pycache__",
    "EXTERNALLY-MANAGED", "_distutils_system_mod.py", "sitecustomize.py", "LICENSE.txt",
    "_test*.so", "_ctypes_test*.so", "_xxtest*.so", "xxlimited*.so", "_dbm*.so", "_gdbm*.so", "_tkinter*.so",
    "nis.*.so", "ossaudiodev*.so",
)  # fmt: skip

# glibc is the host's: a package that carried its own would not start.
GLIBC = re.compile(r"(ld-linux|libc|libm|libmvec|libpthread|libdl|librt|libutil|libresolv)[-.]")


def glibc_needed(tree: Path) -> str | None:
    """Return the newest glibc symbol version, such as ``2.17``, that an ELF file under ``tree`` asks for."""
    newest = (0, 0)
    for path in _elf_files(tree):
        for major, minor in re.findall(rb"\0GLIBC_(\d+)\.(\d+)", path.read_bytes()):
            newest = max(newest, (int(major), int(minor)))
    return f"{newest[0]}.{newest[1]}" if newest > (0, 0) else None


def _elf_files(tree: Path) -> Iterator[Path]:
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as handle:
                if handle.read(4) == b"\x7fELF":
                    yield path


def stage(root: Path, version: str, prefix: Path, placeholder: str) -> str:
    """Copy Python ``version`` ("3.9") out of the unpacked Debian tree ``root`` into ``prefix``.

    ``placeholder`` takes the place of /usr in the recorded build settings. Returns the full version ("3.9.2").
    """
    need("patchelf")
    bindir, libdir = prefix / "bin", prefix / "lib"
    home = libdir / f"python{version}"
    bindir.mkdir(parents=True)
    shutil.copy2(root / f"usr/bin/python{version}", bindir)
    for name in ("python3", "python"):
        (bindir / name).symlink_to(f"python{version}")
    shutil.copytree(
        root / f"usr/lib/python{version}", home, ignore=shutil.ignore_patterns(*DROP), ignore_dangling_symlinks=True
    )
    _headers(root / "usr/include", prefix / "include", f"python{version}")
    (home / "site-packages").mkdir()
    (home / "site-packages" / "README.txt").write_text("Packages of this environment are installed here.\n")
    _plain_layout(prefix, home, version, placeholder)
    bring_libraries(root, prefix)
    return _full_version(bindir / f"python{version}", version)


def _headers(source: Path, target: Path, name: str) -> None:
    """Copy what a C extension includes. Debian's pyconfig.h only names the one of the architecture."""
    shutil.copytree(source / name, target / name)
    shutil.copy2(source / "x86_64-linux-gnu" / name / "pyconfig.h", target / name)


def _replace(path: Path, old: str, new: str) -> None:
    """Replace ``old`` by ``new`` in ``path``, which must hold it: Debian changed its patch otherwise."""
    data = path.read_bytes()
    if old.encode() not in data:
        raise LabError(f"{path.name} of Debian's Python holds no {old!r} any more: adapt {__file__}")
    path.write_bytes(data.replace(old.encode(), new.encode()))


def _plain_layout(prefix: Path, home: Path, version: str, placeholder: str) -> None:
    """Undo Debian's dist-packages and local/ so that this Python is laid out like anyone's."""
    # Both words have 13 letters, so the copy of `site` that is frozen into the 3.11 executable can be changed too.
    holders = [home / "site.py"] if version == "3.9" else [home / "site.py", prefix / f"bin/python{version}"]
    for path in holders:
        _replace(path, "dist-packages", "site-packages")
    if version == "3.9":
        _replace(home / "distutils/command/install.py", 'select_scheme("unix_local")', 'select_scheme("unix_prefix")')
    else:
        _replace(home / "sysconfig.py", "prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'")
    for path in home.glob("_sysconfigdata*.py"):
        path.write_text(re.sub(r"/usr(?=[/'])", placeholder, path.read_text()))


def bring_libraries(root: Path, prefix: Path, beside: Path | None = None) -> None:
    """Copy every library that is needed, except glibc, into lib/ and point each ELF file there.

    What the prefix ``beside`` has in lib/ is left to it.
    """
    folders = [root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu"]
    waiting = list(_elf_files(prefix))
    while waiting:
        path = waiting.pop()
        for name in run(["patchelf", "--print-needed", path]).split():
            target = prefix / "lib" / name
            if GLIBC.match(name) or target.exists() or (beside and (beside / "lib" / name).exists()):
                continue
            found = next((folder / name for folder in folders if (folder / name).exists()), None)
            if found is None:
                raise LabError(f"{path.name} needs {name}, which is not among the packages unpacked in {root}")
            shutil.copy2(found, target)
            waiting.append(target)
        up = {prefix / "bin": "$ORIGIN/../lib", prefix / "lib": "$ORIGIN"}.get(path.parent, "$ORIGIN/../..")
        # DT_RPATH, not DT_RUNPATH: it also holds for the libraries of the libraries.
        run(["patchelf", "--force-rpath", "--set-rpath", up, path])


def _full_version(executable: Path, version: str) -> str:
    found = re.search(rb"\0(" + re.escape(version).encode() + rb"\.\d+)\0", executable.read_bytes())
    if found is None:
        raise LabError(f"{executable} does not name its version")
    return found.group(1).decode()


def compile_all(python: Path, prefix: Path, version: str, timestamp: int) -> None:
    """Add byte code for every module under ``prefix``, as real conda packages have it; ``timestamp`` is the sources'.

    On a machine whose glibc is too old for ``python`` the package goes without.
    """
    home = prefix / "lib" / f"python{version}"
    if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode != 0:
        return
    for path in home.rglob("*.py"):
        os.utime(path, (timestamp, timestamp))
    # -d keeps this machine's path out. Some files are templates that do not compile: compileall says so by status 1.
    command = [str(python), "-m", "compileall", "-q", "-d", f"lib/python{version}", str(home)]
    subprocess.run(command, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""}, capture_output=True, check=False)
