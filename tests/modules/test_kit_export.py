# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An export with a kit, as users run it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.conftest import CHECKOUT
from ansible_collections.airgap.conda.tests.unit.tiny_host import PLAYBOOK, playbook
from ansible_collections.airgap.conda.tests.unit.tiny_kit import make_place
from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes


def test_a_play_brings_the_guides_and_ends_with_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)
    place = make_place(tmp_path, monkeypatch)
    shutil.rmtree(place.drive)
    place.drive.mkdir()
    variables = {
        "build_depot": str(place.path / "depot"),
        "build_signing_key": str(place.path / "key"),
        "deploy_allowed_signers": str(place.path / "key.signers"),
        "media_drive": str(place.drive),
        "media_require_mount": False,
        "media_kit": True,
        "ansible_python_interpreter": sys.executable,
    }
    command = [str(PLAYBOOK), "-i", "localhost,", "airgap.conda.export", "-e", json.dumps(variables)]
    for changed in (1, 0):
        done = playbook(command)
        assert (done.returncode, f"changed={changed} " in done.stdout) == (0, True), done.stdout
        there = subprocess.run(["sha256sum", "install.sh"], cwd=place.drive, capture_output=True, text=True, check=True)
        assert f'"{there.stdout.strip()}"' in done.stdout
    docs = place.drive / "kit/docs"
    guide = CHECKOUT / "docs/guide/lone-workstation.md"
    assert (docs / "lone-workstation.txt").read_bytes() == guide.read_bytes()
    assert '<a href="drive.html">' in (docs / "lone-workstation.html").read_text(encoding="utf-8")
