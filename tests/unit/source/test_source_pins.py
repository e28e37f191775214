# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A deploy brings a host the list of whose releases it takes: preflight sees that it is missing, release writes it."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._cli.file import wanted_command
from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

pytestmark = pytest.mark.usefixtures("quick_disk")
MODULES = "ansible_collections.airgap.conda.plugins.modules"
KEYS = "bastion ssh-ed25519 AAAA\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(_signers, "SYSTEM", tmp_path / "etc/airgap-conda/allowed_signers")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "etc"))  # for who is not root
    monkeypatch.setenv("HOME", str(tmp_path))
    return _signers.signers_file()


def run(monkeypatch: pytest.MonkeyPatch, name: str, store: Store, **params: Any) -> dict[str, Any]:
    """Run a module in this process as Ansible does: parameters as JSON in, a result as JSON out."""
    basic = pytest.importorskip("ansible.module_utils.basic")
    given = {"_ansible_remote_tmp": str(store.root.parent), "root": str(store.root), "releases": [], **params}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    output = io.StringIO()
    with redirect_stdout(output), pytest.raises(SystemExit):
        import_module(f"{MODULES}.{name}").main()
    return dict(json.loads(output.getvalue()))


def test_a_deploy_writes_the_list_once(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "opt")
    run(monkeypatch, "release", store, steps=[])  # the command is there
    command = wanted_command(store)
    assert not run(monkeypatch, "preflight", store, command=command)["work"]
    assert run(monkeypatch, "preflight", store, signers=KEYS, command=command)["work"]
    told = run(monkeypatch, "release", store, steps=[], signers=KEYS, _ansible_check_mode=True)
    assert told["changed"]
    assert not path.exists()
    done = run(monkeypatch, "release", store, steps=[], signers=KEYS)
    assert done["diff"] == told["diff"]
    assert "allowed signers -\n" in done["diff"]["before"]
    assert f"allowed signers {_signers.sum_of(KEYS)}\n" in done["diff"]["after"]
    assert path.read_text(encoding="ascii") == _signers.signers_text(KEYS)
    assert not run(monkeypatch, "preflight", store, signers=KEYS, command=command)["work"]
    assert not run(monkeypatch, "release", store, steps=[], signers=KEYS)["changed"]


def test_a_list_is_left_alone_when_that_is_wanted(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "opt")
    _signers.pin(KEYS)
    before = path.read_bytes()
    assert "signers" not in str(run(monkeypatch, "release", store, steps=[])["diff"])
    assert path.read_bytes() == before


def test_a_list_of_somebody_else_is_told_before_anything_is_sent(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("mine ssh-ed25519 BBBB\n", encoding="ascii")
    store = Store(tmp_path / "opt")
    result = run(monkeypatch, "preflight", store, signers=KEYS)
    assert (result["failed"], result["where"]) == (True, str(path))
    assert run(monkeypatch, "release", store, steps=[], signers=KEYS)["failed"]
    assert path.read_text(encoding="ascii") == "mine ssh-ed25519 BBBB\n"
