# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that serves itself: its store, a drive with releases for it, and the bastion's key."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._cli.main import main
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    TREE,
    Made,
    make_release,
    without_papers,
)

# This test's own Python, in the place of a runtime's.
RUNTIME = {**TREE, "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}
FIELDS = ("problem", "wanted", "found", "where", "remedy")


@dataclass(frozen=True)
class Host:
    """A host, a drive with releases for it, and the bastion's key."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def store(self) -> Store:
        return Store(self.folder / "opt")

    @property
    def drive(self) -> Path:
        return self.folder / "drive"

    @property
    def depot(self) -> Path:
        return self.drive / "depot"

    def make(self, env: str, serial: int, key: str = "key", **options: Any) -> Made:
        """Put a signed release on the drive."""
        return make_signed(self.folder, env, serial, key, **options)

    def run(self, *words: str, status: int = 0) -> tuple[str, str]:
        """Run the command; returns what it printed, both streams."""
        self.capture.readouterr()
        assert main(self.store.root, words) == status, self.capture.readouterr()
        return self.capture.readouterr()

    def document(self, *words: str, status: int = 0) -> dict[str, Any]:
        """Run it for a program; returns the one document."""
        found: dict[str, Any] = json.loads(self.run(*words, "--json", status=status)[0])
        assert (found["command"], found["ok"]) == (words[0], status == 0)
        return found

    def install(self, *words: str) -> None:
        self.run("install", str(self.drive), "--yes", *words)

    def refused(self, *words: str) -> dict[str, Any]:
        """Want a refusal with one message that changes nothing, the same by ``check`` and ``install``; returns it."""
        before, errors = without_papers(self.store.root), []
        for command in (("check",), ("install", "--yes")):
            output, said = self.run(*command, *(words or (str(self.drive),)), "--json", status=1)
            assert said.count("\n  remedy:") == 1
            errors.append(json.loads(output)["error"])
            assert without_papers(self.store.root) == before
            assert all(errors[-1][name] for name in FIELDS)
        assert all(errors[0][name] == errors[1][name] for name in ("code", *FIELDS))
        return dict(errors[0])

    def current(self) -> dict[str, str]:
        return {env: self.store.current(env) for env in self.store.envs()}


def make_signed(folder: Path, env: str, serial: int, key: str = "key", **options: Any) -> Made:
    made = make_release(folder / "drive/depot", folder / "opt", serial, env=env, **options)
    shutil.rmtree(folder / f"drive/depot/tree-{env}-{serial}")
    signature.sign(made.folder / MANIFEST, folder / key)
    return made
