# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real releases of a few kilobytes, as the bastion makes them and a host gets them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.lock import LOCKS
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FILE, FileEntry, write_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SIGNATURE,
    Checks,
    Manifest,
    Requirements,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import TrustedRelease
from ansible_collections.airgap.conda.plugins.module_utils._depot.deltas import KINDS
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta import Packed
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._source.place import Here
from ansible_collections.airgap.conda.plugins.module_utils._source.source import Verified
from ansible_collections.airgap.conda.plugins.module_utils._store import store as _store
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# A stand-in for Python: it can import everything but what has "broken" in its name.
PYTHON = """\
#!/bin/sh
case "$*" in *broken*) echo "ModuleNotFoundError: No module named 'broken'" >&2; exit 1 ;; esac
"""
TREE: dict[str, Any] = {
    "bin/python": PYTHON,
    "bin/sh-link": Path("python"),
    "lib/data.txt": "data" * 900,
    "lib/empty": "",
    "share": None,
}


def write_tree(folder: Path, tree: Mapping[str, Any]) -> Path:
    """Make a tree: text or bytes make a file (in bin/ an executable one), a Path a link, None a directory."""
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        elif isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            path.chmod(0o755 if name.startswith("bin/") else 0o644)
    return folder


@dataclass(frozen=True)
class Made:
    """A release in the folder layout of a depot."""

    folder: Path
    manifest: Manifest
    sha256: str

    @property
    def result(self) -> dict[str, Any]:
        release = TrustedRelease(str(self.folder))
        data, signature = ((self.folder / name).read_bytes() for name in (MANIFEST, SIGNATURE))
        release.signed(data, signature, lambda _data, _signature: "tests")
        return Verified(Here(self.folder), release).as_result()

    def entries(self) -> list[FileEntry]:
        """Return its list of files."""
        return read_files((self.folder / FILES).read_bytes(), FILES)

    @property
    def wanted(self) -> Release:
        return Release.from_dict(self.result, "here")

    def step(self, action: str = "install", kernels: str = "") -> Step:
        """Return a step for the store that it was made for, as it is now."""
        env, payload = self.manifest.env, self.manifest.payloads[0]
        current = Store(Path(self.manifest.prefix).parents[1]).current(env)
        return Step(env, self.manifest.id, action, current, payload.format, kernels=kernels)

    def send(self, store: Store) -> Path:
        """Put all of it where a host receives it."""
        incoming = store.incoming(self.manifest.env, self.manifest.id)
        shutil.copytree(self.folder, incoming)
        return incoming


def release_id(serial: int) -> str:
    return f"{serial}-{serial:08x}"


def make_release(
    folder: Path,
    root: Path,
    serial: int = 1,
    *,
    env: str = "demo",
    tree: Mapping[str, Any] | None = None,
    formats: tuple[str, ...] = ("tar.zst",),
    checks: Checks | None = None,
    part_size: int = 150,
    glibc: str = "",
    platform: str = "linux-64",
    gpu: str = "none",
    packages: tuple[str, ...] = (),
    base: Made | None = None,
) -> Made:
    """Make release ``serial`` of ``env`` for the store at ``root`` below ``folder``, not signed.

    It has deltas from ``base``, if there is one.
    """
    release = release_id(serial)
    place = folder / env / release
    place.mkdir(parents=True)
    content = {**(TREE if tree is None else tree), "serial": str(serial)}
    entries, payloads = write_payloads(write_tree(folder / f"tree-{env}-{serial}", content), place, formats, part_size)
    for kinds, write in KINDS if base else ():
        assert base
        whole, old = next((one for one in payloads if one.format in kinds), None), base.manifest.payload(kinds)
        if whole and old:
            older = Packed(base.manifest.id, base.folder, old, base.entries())
            payloads.append(write(Packed(release, place, whole, entries), older, place, part_size))
    (place / FILES).write_bytes(write_files(entries))
    documents = {}
    for name in ("conda.lock", "environment.yml", "pip.lock"):
        (place / name).write_text(f"{name} of {env} {serial}", encoding="ascii")
        documents[name] = hashlib.sha256((place / name).read_bytes()).hexdigest()
    manifest = Manifest(
        env=env,
        id=release,
        serial=serial,
        prefix=str(root / env / release),
        platform=platform,
        created="2026-01-01T00:00:00Z",
        inputs={"request_sha256": "", "inputs_sha256": ""},
        requirements=Requirements(glibc=glibc, glibc_file="lib/libneedy.so" if glibc else ""),
        packages=tuple(dict(zip(("name", "version", "build"), text.split(), strict=False)) for text in packages),
        payloads=tuple(payloads),
        bytes=sum(entry.size for entry in entries),
        files=len(entries),
        files_sha256=hashlib.sha256((place / FILES).read_bytes()).hexdigest(),
        checks=checks or Checks(imports=("json",), timeout=20),
        gpu=gpu,
        documents=documents,
    )
    assert sum(entry.type == FILE for entry in entries) == len(
        [c for c in content.values() if isinstance(c, (str, bytes))]
    )
    (place / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    (place / SIGNATURE).write_text("not looked at on a host", encoding="utf-8")
    return Made(place, manifest, hashlib.sha256((place / MANIFEST).read_bytes()).hexdigest())


def make_key(folder: Path, name: str = "key") -> tuple[Path, Path]:
    """Make a signing key and a list of allowed signers that holds it."""
    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
    signers = folder / f"{name}.signers"
    signers.write_text(f"{name}@bastion {key.with_suffix('.pub').read_text(encoding='ascii')}", encoding="ascii")
    return key, signers


def skip_flushes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk, which other programs keep busy: test_store shows where it is waited for."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    monkeypatch.setattr(_store, "flush_file_system", lambda _folder: None)


def keep(folder: Path) -> Path:
    """Copy a folder aside, so that ``again`` gives it to one test after another; returns it."""
    shutil.copytree(folder, folder.with_name(f"{folder.name}.kept"), symlinks=True)
    return folder


def again(folder: Path) -> Path:
    """Put the folder back as it was when ``keep`` saw it, at the same path, which is written in it; returns it."""
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name(f"{folder.name}.kept"), folder, symlinks=True)
    return folder


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and content (or target) of every path below ``folder``."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes().hex() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (mode, content)
    return found


def without_locks(folder: Path) -> dict[str, tuple[int, str]]:
    """Return the same but for the locks, which name their last holder."""
    return {name: found for name, found in snapshot(folder).items() if LOCKS not in name.split("/")}


def without_papers(folder: Path) -> dict[str, tuple[int, str]]:
    """Return the same of a store, also but for its receipts: a step that was refused leaves one."""
    return {name: found for name, found in without_locks(folder).items() if ".receipts" not in name.split("/")}
