# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a store or a depot uses itself is no environment's name: refused in a spec, in a release and on a host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import is_env_name
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import parse_manifest
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.plugins.plugin_utils import _refresh_lock
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

TAKEN = ["bin", ".state", ".incoming", ".staging", ".locks", ".lock", ".refresh", "current", "activate"]


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.mark.parametrize("name", TAKEN)
def test_a_spec_is_not_called_like_that(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "environment.yml").write_text("dependencies: [python]\nchannels: [x]\n", encoding="ascii")
    with pytest.raises(AirgapError, match="not a valid name of an environment"):
        load_spec(tmp_path / name)


@pytest.mark.parametrize("name", TAKEN)
def test_a_release_of_such_an_environment_is_refused(tmp_path: Path, name: str) -> None:
    made = make_release(tmp_path, Path("/opt"), env=name)
    with pytest.raises(AirgapError, match="The manifest cannot be used") as caught:
        parse_manifest(made.manifest.to_json().encode(), "x")
    assert caught.value.found == f"env is {name!r}"
    assert json.loads(made.manifest.to_json())["env"] == name


@pytest.mark.parametrize("name", [*TAKEN, "..", "../demo", "a/b", "", "Demo", "x" * 65])
def test_a_host_has_no_such_environment(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "opt")
    with pytest.raises(AirgapError, match="name of an environment"), store.lock(name):
        pass
    with pytest.raises(AirgapError, match="name of an environment"):
        uninstall(store, name)
    assert not store.root.exists()


def test_nothing_that_a_store_or_a_depot_uses_itself_could_be_one(tmp_path: Path) -> None:
    store, depot = Store(tmp_path / "opt"), Depot(tmp_path / "depot")
    made = make_release(tmp_path / "made", store.root)
    made.send(store)
    with store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst")
        store.switch("demo", made.manifest.id)
    write_command(store)
    assert store.command.is_file()
    with depot.new_release(made.manifest):
        pass
    _refresh_lock.take(depot.path, _refresh_lock.holder(1))
    for folder in (store.root, store.root / ".state", depot.path):
        assert [path.name for path in folder.iterdir() if is_env_name(path.name)] == ["demo"], folder
    assert (store.known(), depot.envs()) == (["demo"], ["demo"])
