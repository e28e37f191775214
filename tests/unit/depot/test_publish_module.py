# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module publish: what it writes down, and which hosts it warns of, before anybody walks to them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import DEPOT_CHAIN, read
from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._depot.publish import Built
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import pack
from ansible_collections.airgap.conda.plugins.modules import publish
from ansible_collections.airgap.conda.tests.unit.tiny_pack import RELEASE, make_request
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import put, receipt
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, write_tree

pytest.importorskip("conda_pack")
pytestmark = pytest.mark.usefixtures("quick_disk")
BUILT = Built("a" * 64, "@EXPLICIT\n", "", ({"name": "tool", "version": "1"},))


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """Return the options of a publish that works."""
    request = make_request(tmp_path)
    pack(request)
    files = {
        "environment.yml": "channels: [conda-forge]\ndependencies: [python]\n",
        "release.yml": "target: {glibc: '2.27'}\nchecks: {imports: [json], timeout: 7}\n",
    }
    write_tree(tmp_path / "envs/demo", files)
    (tmp_path / "depot").mkdir()
    return {
        "depot": str(tmp_path / "depot"),
        "spec": str(tmp_path / "envs/demo"),
        "release": RELEASE,
        "pack": str(request.dest),
        "environment": asdict(BUILT),
        "request_sha256": "b" * 64,
        "signing_key": str(make_key(tmp_path)[0]),
    }


def run(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], check: bool = False
) -> dict[str, Any]:
    """Run the module; returns what it answers."""
    arguments = {"ANSIBLE_MODULE_ARGS": {"_ansible_remote_tmp": "/tmp", "_ansible_check_mode": check, **given}}  # noqa: S108
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(arguments).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(SystemExit):
        publish.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_check_do_check_do(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = Path(given["depot"]) / DEPOT_CHAIN
    assert run(given, monkeypatch, capsys, check=True)["changed"]
    assert not chain.exists()
    assert run(given, monkeypatch, capsys)["changed"]
    assert [(entry.what, entry.release, entry.key[:7]) for entry in read(chain).entries] == [
        ("built", RELEASE, "SHA256:"),
        ("signed", RELEASE, "SHA256:"),
    ]
    for check in (True, False):
        assert not run(given, monkeypatch, capsys, check)["changed"]
    assert len(read(chain).entries) == 2


def test_hosts_that_cannot_run_it_are_named(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(Path(given["depot"]), receipt(1, name="small", free_bytes=1 << 20), None)
    put(Path(given["depot"]), receipt(1, name="large"), None)
    warnings = [str(text) for text in run(given, monkeypatch, capsys)["warnings"]]
    assert any("would not run on small (2026-01-31, unsigned)" in text for text in warnings)
    assert not any("large" in text for text in warnings)


def test_a_chain_that_takes_no_line_is_told_before_anything_is_signed(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(limits, "AUDIT", 10)
    (Path(given["depot"]) / DEPOT_CHAIN).write_text("x" * 20, encoding="ascii")
    answer = run(given, monkeypatch, capsys)
    assert answer["failed"]
    assert "The audit chain is full" in answer["msg"]
    assert not (Path(given["depot"]) / "demo").exists()
