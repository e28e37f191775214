# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host's variables say counts for that host: its depot, whom it trusts, what it pins, in any strategy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.tests.unit.tiny_host import PLAYBOOK, RUNTIME, playbook
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id

ONE, TWO, THREE = map(release_id, (1, 2, 3))
SHOWN = (
    "{{ inventory_hostname }} {{ (_deploy_preflight.releases | last).id }}"
    " from {{ _deploy_preflight.releases[0].path }}"
    " by {{ _deploy_preflight.signers.split(' ') | first }}"
)


def _depots(folder: Path) -> None:
    """Make two depots, the second with one release more, and a list of keys that signed nothing."""
    key, _signers = make_key(folder)
    for name, serials in (("depot", (1, 2)), ("other", (1, 2, 3))):
        made = [make_release(folder / name, folder / "opt", 1, env="runtime", tree=RUNTIME, formats=("tar.gz",))]
        made += [make_release(folder / name, folder / "opt", serial) for serial in serials]
        for release in made:
            signature.sign(release.folder / MANIFEST, key)
    (folder / "strict").mkdir()
    make_key(folder / "strict")


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_each_host_has_its_own_depot_trust_and_pins(tmp_path: Path, strategy: str) -> None:
    _depots(tmp_path)
    hosts = {
        "left-out": {},
        "usual": {},
        "pinned": {"deploy_releases": {"demo": ONE}},
        "elsewhere": {"deploy_depot": "other"},
        "strict": {"deploy_allowed_signers": "strict/key.signers"},
        "lacking": {"deploy_envs": "demo, nope, neither"},
    }
    variables = {
        "ansible_connection": "local",
        "deploy_envs": ["demo"],
        "deploy_depot": "depot",
        "deploy_allowed_signers": "key.signers",
        "deploy_root": str(tmp_path / "opt"),
    }
    (tmp_path / "hosts.json").write_text(json.dumps({"workstations": {"hosts": hosts, "vars": variables}}))
    role = {"role": "airgap.conda.deploy", "when": "inventory_hostname != 'left-out'"}
    show = {"ansible.builtin.debug": {"msg": SHOWN}, "when": "_deploy_preflight.releases is defined"}
    play = {"hosts": "workstations", "gather_facts": False, "strategy": strategy, "roles": [role], "tasks": [show]}
    (tmp_path / "play.json").write_text(json.dumps([play]), encoding="ascii")
    done = playbook([str(PLAYBOOK), "-i", "hosts.json", "--check", "play.json"], str(tmp_path))
    print(done.stdout)
    assert not [path.name for path in tmp_path.iterdir() if "{" in path.name]  # of settings that are templates
    for host, release, depot in (("usual", TWO, "depot"), ("pinned", ONE, "depot"), ("elsewhere", THREE, "other")):
        assert re.search(rf"{host} {release} from {tmp_path}/{depot}/runtime/\S+ by key@bastion", done.stdout)
    said = {host: [line for line in done.stdout.splitlines() if f"fatal: [{host}]" in line] for host in hosts}
    assert {host for host, lines in said.items() if lines} == {"strict", "lacking"}
    assert f"a signature by a key of {tmp_path}/strict/key.signers" in said["strict"][0]
    assert (
        "Wanted: (1) nope (the newest); (2) neither (the newest). Found: environments demo, runtime"
        in said["lacking"][0]
    )
    assert not (tmp_path / "opt").exists()
