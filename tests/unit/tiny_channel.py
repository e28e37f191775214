# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Conda channels of a few kilobytes, written by hand, and specs for them: real solves and installs in milliseconds."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE_PACKAGES = f"lib/python{PYTHON}/site-packages"
# Stands in a file for the prefix it will be installed in.
PLACEHOLDER = "/placehold_" * 9


@dataclass(frozen=True)
class File:
    """A file with a mode of its own."""

    data: bytes
    mode: int = 0o644


# A file, its bytes, or ("->", target) for a link, ("=", path) for a second name of a file. A name that ends in / is an
# empty folder.
Content = bytes | File | tuple[str, str]


class TinyChannel:
    """A channel in a directory. ``add`` makes one package: files by path, or links as ``("->", target)``.

    Bytes that begin with ``#!`` are a file that can be executed. ``more`` are further entries of the package's index.
    """

    def __init__(self, folder: Path, placeholder: str = PLACEHOLDER) -> None:
        self.folder, self.placeholder = folder, placeholder
        for subdir in ("noarch", "linux-64"):
            self._write_index(subdir, {})

    def __str__(self) -> str:
        return str(self.folder)

    def add(
        self,
        name: str,
        version: str,
        depends: Sequence[str] = (),
        files: Mapping[str, Content] | None = None,
        sha256: str | None = None,
        noarch: str = "generic",
        more: Mapping[str, object] | None = None,
        entry_points: Sequence[str] = (),
        build: str = "0",
    ) -> Path:
        content = {f"share/{name}": f"{name} {version}\n".encode()} if files is None else files
        index = {"name": name, "version": version, "build": build, "build_number": 0, "depends": list(depends)}
        index |= {"subdir": "noarch", "noarch": noarch, **(more or {})}
        path = self.folder / "noarch" / f"{name}-{version}-{build}.tar.bz2"
        with tarfile.open(path, "w:bz2", compresslevel=1) as archive:
            for member, data in content.items():
                _add(archive, member, data)
            _add(archive, "info/index.json", json.dumps(index).encode())
            if noarch == "python":
                entries = {"type": "python", "entry_points": list(entry_points)}
                link = {"noarch": entries, "package_metadata_version": 1}
                _add(archive, "info/link.json", json.dumps(link).encode())
            paths = [
                _path(
                    member,
                    content.get(data[1], b"") if isinstance(data, tuple) and data[0] == "=" else data,
                    self.placeholder,
                )
                for member, data in content.items()
                if not member.endswith("/")
            ]
            _add(archive, "info/paths.json", json.dumps({"paths": paths, "paths_version": 1}).encode())
        raw = path.read_bytes()
        hashes = {
            "sha256": sha256 or hashlib.sha256(raw).hexdigest(),
            "md5": hashlib.md5(raw, usedforsecurity=False).hexdigest(),
        }
        known = json.loads((self.folder / "noarch/repodata.json").read_text())["packages"]
        self._write_index("noarch", known | {path.name: {**index, **hashes, "size": len(raw)}})
        return path

    def add_python(self) -> None:
        """Add packages that stand for Python and pip: those that run the tests, seen from the prefix like a venv's."""
        import pip

        interpreter = Path(sys.base_prefix) / "bin" / f"python{PYTHON}"
        home = f"home = {interpreter.parent}\ninclude-system-site-packages = false\n"
        files = {"pyvenv.cfg": home.encode(), f"{SITE_PACKAGES}/tiny.py": b"VALUE = 1\n"}
        self.add("python", PYTHON, files={"bin/python": ("->", str(interpreter)), **files})
        self.add("pip", pip.__version__, ["python"], files={f"{SITE_PACKAGES}/pip": ("->", str(Path(pip.__path__[0])))})

    def _write_index(self, subdir: str, packages: Mapping[str, object]) -> None:
        path = self.folder / subdir / "repodata.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}}))


def make_sdist(folder: Path, name: str, version: str, backend: str) -> None:
    """Write a source package that pip builds with ``backend``, a build backend of Python in one file, and no other."""
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    info = f"Name: {name}\nVersion: {version}\n"
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for path, text in {"pyproject.toml": project, "backend.py": backend, "PKG-INFO": info}.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def make_wheel(
    folder: Path, name: str, version: str, files: Mapping[str, str], metadata: str = "", tag: str = "py3-none-any"
) -> Path:
    """Write a wheel of text files, which pip finds with --find-links; ``metadata`` are more lines of its METADATA."""
    info = f"{name}-{version}.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},sha256={_base64(text)},{len(text)}\n" for path, text in content.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in (content | {f"{info}/RECORD": record + f"{info}/RECORD,,\n"}).items():
            archive.writestr(member, text)
    return path


def write_spec(folder: Path, environment: str, release: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "environment.yml").write_text(environment)
    if release:
        (folder / "release.yml").write_text(release)
    return folder


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _add(archive: tarfile.TarFile, path: str, data: Content) -> None:
    member = tarfile.TarInfo(path)
    if path.endswith("/"):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
    elif isinstance(data, tuple):
        member.type, member.linkname = tarfile.SYMTYPE if data[0] == "->" else tarfile.LNKTYPE, data[1]
        archive.addfile(member)
    else:
        file = data if isinstance(data, File) else File(data, 0o755 if data.startswith(b"#!") else 0o644)
        member.size, member.mode = len(file.data), file.mode
        archive.addfile(member, io.BytesIO(file.data))


def _path(path: str, data: Content, placeholder: str) -> dict[str, object]:
    if isinstance(data, tuple):
        return {"_path": path, "path_type": "softlink"}
    raw = data.data if isinstance(data, File) else data
    mode = "binary" if b"\0" in raw else "text"
    entry: dict[str, object] = {"prefix_placeholder": placeholder, "file_mode": mode}
    return (entry if placeholder.encode() in raw else {}) | {
        "_path": path,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(raw).hexdigest(),
        "size_in_bytes": len(raw),
    }
