# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write a conda package (.conda, version 2) from a staged prefix, prefix placeholders included.

`rattler_build.assemble_package` would do it but for one thing: it looks for the prefix in its own random
temporary folder, so no placeholder is ever recorded and a console script keeps the shebang of the build.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What conda-build uses too: 255 bytes, so that a longer real prefix is not to be expected in a binary file.
PLACEHOLDER = ("/opt/airgap_h_env" + "_placehold" * 24)[:255]
# The same for every package, so that the same inputs give the same bytes. 2026-01-01 00:00 UTC.
TIMESTAMP = 1767225600
ZSTD_LEVEL = 3


@dataclass(frozen=True)
class Package:
    """A conda package's own record. ``noarch_python`` asks for the noarch layout and installers' entry points."""

    name: str
    version: str
    build: str
    depends: tuple[str, ...]
    summary: str = ""
    license: str = ""
    noarch_python: bool = False
    entry_points: tuple[str, ...] = ()

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch_python else "linux-64"

    def index(self) -> dict[str, Any]:
        """Return info/index.json."""
        place = {"noarch": "python"} if self.noarch_python else {"arch": "x86_64", "platform": "linux"}
        named = {"license": self.license} if self.license else {}
        return {
            "name": self.name, "version": self.version, "build": self.build, "build_number": 0,
            "depends": list(self.depends), "subdir": self.subdir, "timestamp": TIMESTAMP * 1000, **named, **place,
        }  # fmt: skip


def to_noarch(prefix: Path, version: str, entry_points: tuple[str, ...]) -> None:
    """Rearrange a staged wheel into conda's noarch layout; installers write the console scripts themselves."""
    (prefix / "lib" / f"python{version}" / "site-packages").rename(prefix / "site-packages")
    shutil.rmtree(prefix / "lib")
    for entry in entry_points:
        (prefix / "bin" / entry.partition(" = ")[0]).unlink()
    scripts = prefix / "bin"
    if scripts.exists():
        if any(scripts.iterdir()):
            scripts.rename(prefix / "python-scripts")
        else:
            scripts.rmdir()


def write(package: Package, prefix: Path, channel: Path) -> Path:
    """Pack the files under ``prefix`` as ``package`` into its subdir of ``channel``; return the file."""
    stem = f"{package.name}-{package.version}-{package.build}"
    target = channel / package.subdir / f"{stem}.conda"
    target.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in prefix.rglob("*") if path.is_symlink() or not path.is_dir())
    info = {
        "info/index.json": package.index(),
        "info/paths.json": {"paths": [_path_entry(path, prefix) for path in files], "paths_version": 1},
        "info/about.json": {"summary": package.summary, "license": package.license},
    }
    if package.noarch_python:
        noarch = {"type": "python", "entry_points": list(package.entry_points)}
        info["info/link.json"] = {"noarch": noarch, "package_metadata_version": 1}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as outer:
        _store(outer, "metadata.json", json.dumps({"conda_pkg_format_version": 2}).encode())
        _store(outer, f"pkg-{stem}.tar.zst", _files_tar(files, prefix))
        _store(outer, f"info-{stem}.tar.zst", _info_tar(info))
    return target


def _path_entry(path: Path, prefix: Path) -> dict[str, Any]:
    """Return the paths.json entry of one file, with the placeholder it holds, if any."""
    entry: dict[str, Any] = {"_path": str(path.relative_to(prefix)), "path_type": "hardlink"}
    data = path.read_bytes() if path.exists() else b""
    if path.is_symlink():
        return {
            **entry,
            "path_type": "softlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
    if PLACEHOLDER.encode() in data:
        entry["prefix_placeholder"] = PLACEHOLDER
        entry["file_mode"] = "binary" if b"\0" in data else "text"
    return {**entry, "sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data)}


def _store(outer: zipfile.ZipFile, name: str, data: bytes) -> None:
    outer.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = TIMESTAMP
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member


def _compressed(raw: io.BytesIO) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(raw.getbuffer())


def _files_tar(files: list[Path], prefix: Path) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in files:
            tar.add(path, str(path.relative_to(prefix)), recursive=False, filter=_plain)
    return _compressed(raw)


def _info_tar(info: dict[str, Any]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(info.items()):
            data = json.dumps(content, indent=2, sort_keys=True).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o644
            tar.addfile(_plain(member), io.BytesIO(data))
    return _compressed(raw)
