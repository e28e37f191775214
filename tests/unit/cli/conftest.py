# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that serve themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.tests.unit.tiny_lone import RUNTIME, Host, make_signed
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    again,
    keep,
    make_key,
    skip_flushes,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty host, a drive with one release of demo, other and runtime, two keys."""
    folder = tmp_path_factory.mktemp("site")
    make_key(folder)
    make_key(folder, "foreign")
    with pytest.MonkeyPatch.context() as patch:
        skip_flushes(patch)
        make_signed(folder, "demo", 1)
        make_signed(folder, "other", 1)
        make_signed(folder, "runtime", 1, tree=RUNTIME)
    (folder / "opt").mkdir()
    return keep(folder)


@pytest.fixture
def host(original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    folder = again(original)
    monkeypatch.setattr(_signers, "SYSTEM", folder / "etc/airgap-conda/allowed_signers")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "etc"))  # for who is not root
    _signers.pin((folder / "key.signers").read_text(encoding="ascii"))
    return Host(folder, capsys)
