# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release with packages, and ways to damage it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, Made, make_release

SITE = "lib/python3.9/site-packages"
ZLIB = {"name": "zlib", "version": "1.3", "files": ["lib/libz.so", "lib/libz.so.1", "include/z.h", 7]}
NUMPY = {"name": "numpy", "version": "1.26", "files": [f"{SITE}/numpy/core.py"]}
RECORD = "tqdm/std.py,sha256=x,4\r\n../../../bin/tqdm,,\r\ntqdm-4.66.dist-info/RECORD,,\r\n"
PACKED: dict[str, Any] = {
    **TREE,
    "lib/libz.so": Path("libz.so.1"),
    "lib/libz.so.1": "zlib",
    "include/z.h": "zlib.h",
    "conda-meta/zlib-1.3-h1.json": json.dumps(ZLIB),
    "conda-meta/numpy-1.26-py39.json": json.dumps(NUMPY),
    f"{SITE}/numpy/core.py": "numpy",
    f"{SITE}/tqdm/std.py": "tqdm",
    f"{SITE}/tqdm-4.66.dist-info/RECORD": RECORD,
    f"{SITE}/stray.py": "of no package",
    "bin/tqdm": "#!/bin/sh\n",
    "share/doc/a": "a",
    "share/doc/b": "b",
}
del PACKED["share"]
PACKAGES = ("zlib 1.3 h1", "numpy 1.26 py39", "tqdm 4.66")


def bring(store: Store, serial: int = 1, **options: Any) -> Made:
    options = {"tree": PACKED, "packages": PACKAGES, **options}
    made = make_release(store.root.parent / "depot", store.root, serial, **options)
    made.send(store)
    deploy(store, made.step(), made.sha256, 2)
    return made


def prefix_of(made: Made) -> Path:
    return Path(made.manifest.prefix)


def drop(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def as_file(path: Path) -> None:
    drop(path)
    path.write_text("x", encoding="ascii")


def as_folder(path: Path) -> None:
    drop(path)
    path.mkdir()
    (path / "inside").touch()


def as_pipe(path: Path) -> None:
    drop(path)
    os.mkfifo(path)


def as_link_out(path: Path) -> None:
    outside = path.parents[3] / "outside"
    shutil.move(path, outside)
    path.symlink_to(outside)


def relink(path: Path) -> None:
    drop(path)
    path.symlink_to("/etc/passwd")


def add(path: Path) -> None:
    path.mkdir()
    (path / "more").mkdir()
    (path / "more/file").touch()
    (path / "link").symlink_to("/etc")


FAULTS = [
    pytest.param(flip, "lib/data.txt", id="content"),
    pytest.param(drop, "lib/data.txt", id="missing"),
    pytest.param(lambda p: p.chmod(0o4755), "lib/data.txt", id="mode"),
    pytest.param(as_folder, "lib/data.txt", id="folder for a file"),
    pytest.param(as_pipe, "lib/data.txt", id="pipe for a file"),
    pytest.param(relink, "lib/data.txt", id="link for a file"),
    pytest.param(relink, "lib/libz.so", id="link target"),
    pytest.param(drop, "lib/libz.so", id="missing link"),
    pytest.param(as_folder, "lib/libz.so", id="folder for a link"),
    pytest.param(lambda p: p.chmod(0o777), "share/doc", id="mode of a folder"),
    pytest.param(lambda p: p.chmod(0o777), ".", id="mode of the release"),
    pytest.param(drop, "share", id="missing folder"),
    pytest.param(as_file, "share", id="file for a folder"),
    pytest.param(as_link_out, "share", id="link out for a folder"),
    pytest.param(add, "lib/extra", id="extra folder"),
    pytest.param(relink, "extra-link", id="extra link"),
]


def damage(made: Made, change: Callable[[Path], object], path: str) -> None:
    target = prefix_of(made) / path
    if path == "extra-link":
        target.touch()
    change(target)


def identities(prefix: Path) -> dict[str, tuple[int, int]]:
    """Return which file stands at each path: what is the same before and after was not touched."""
    return {
        str(path.relative_to(prefix)): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in prefix.rglob("*")
    }
