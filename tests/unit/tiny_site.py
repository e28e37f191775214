# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A depot on each side of an air gap, and the drive that goes between them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.plugins.module_utils._contract.signature import NAMESPACE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.exporter import Export
from ansible_collections.airgap.conda.plugins.module_utils._media.importer import Import
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    make_key,
    make_release,
    release_id,
    skip_flushes,
    without_locks,
)

ROOT = Path("/opt/conda-envs")
ONE, TWO = release_id(1), release_id(2)
PARTS = ("env.tar.zst.000", "env.tar.zst.001", "env.tar.zst.002")


@dataclass(frozen=True)
class Site:
    """A depot with releases, an empty depot, a drive with somebody's photographs, the bastion's key."""

    path: Path

    @property
    def drive(self) -> Path:
        return self.path / "drive"

    @property
    def bastion(self) -> Path:
        return self.path / "bastion"

    @property
    def inside(self) -> Path:
        return self.path / "inside"

    def on_drive(self, release: str = TWO, env: str = "demo") -> Path:
        return self.drive / "depot" / env / release

    def export(self, check: bool = False, **options: Any) -> dict[str, Any]:
        export = Export(Depot(self.bastion), Drive(self.drive), (), {}, self.path / "key.signers", False)
        return replace(export, **options).run(check)

    def bring(self, check: bool = False, **options: Any) -> dict[str, Any]:
        wanted = Import(Depot(self.inside), Drive(self.drive), (), {}, self.path / "key.signers", False, False)
        return replace(wanted, **options).run(check)

    def state(self) -> dict[str, Any]:
        """Return what is on both sides, but for the lock of the depot."""
        return {name: without_locks(self.path / name) for name in ("drive", "bastion", "inside")}

    def refused(self, step: Callable[..., Any], **options: Any) -> AirgapError:
        """Want a refusal, the same one in check mode, that changes nothing."""
        before = self.state()
        errors = []
        for check in (True, False):
            with pytest.raises(AirgapError) as caught:
                step(check, **options)
            assert self.state() == before
            errors.append(caught.value)
        assert str(errors[0]) == str(errors[1])
        assert all((errors[0].wanted, errors[0].found, errors[0].where, errors[0].remedy))
        return errors[0]


def make_site(folder: Path) -> None:
    key, _signers = make_key(folder)
    for env, serial in (("demo", 1), ("demo", 2), ("runtime", 1)):
        made = make_release(folder / "bastion", ROOT, serial, env=env)
        signature.sign(made.folder / MANIFEST, key)
        (made.folder / "notes-of-a-person").touch()
    for tree in folder.glob("bastion/tree-*"):
        shutil.rmtree(tree)
    (folder / "drive/photos").mkdir(parents=True)
    (folder / "drive/photos/1.jpg").write_text("a cat", encoding="ascii")


def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: test_media shows where it is waited for."""
    skip_flushes(monkeypatch)
    monkeypatch.setattr(os, "posix_fadvise", lambda *_args: None)  # it makes the disk write


def verify_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ssh-keygen answer each question once: which bytes, signed how, by whom of which list."""
    real, answers = signature.check, dict[tuple[bytes, bytes, bytes, str], str]()

    def check(
        data: bytes, signed: bytes, where: Path, signers: Path, namespace: str = NAMESPACE, **options: Any
    ) -> str:
        listed = signers.read_bytes() if signers.is_file() else b""
        question = (data, signed, listed, namespace)
        if question not in answers:
            answers[question] = real(data, signed, where, signers, namespace, **options)
        return answers[question]

    monkeypatch.setattr(signature, "check", check)


def leave_free(monkeypatch: pytest.MonkeyPatch, folder: Path, count: int) -> None:
    """Let every file system have room for ``count`` small files."""
    real = os.statvfs(folder)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((*real[:4], count, *real[5:])))


def damage(path: Path) -> None:
    """Change one bit."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
