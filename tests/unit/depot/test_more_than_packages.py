# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/guide/more-than-packages.md, typed: from files on a bastion to users on a host, a second release, a rollback.

What is downloaded is a stand-in that says so: an archive with a script in the place of the VS Code server.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.plan import plan
from ansible_collections.airgap.conda.plugins.module_utils._depot.publish import Built, Signing, publish
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import diagnose
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Request, make
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import Folder
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import faults_of
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_channel import TinyChannel
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key

pytest.importorskip("rattler")
pytest.importorskip("conda_pack")

PAGE = (Path(__file__).parents[3] / "docs/guide/more-than-packages.md").read_text(encoding="utf-8")
SERVER = """#!/bin/sh
# A stand-in for the VS Code server.
case "$*" in
  *--install-extension*) mkdir -p "$2/$4" && echo "extension $4" >"$2/$4/package.json" ;;
  *--version*) echo "stand-in for VS Code, extensions: $(ls "$2")" ;;
esac
"""


def block(mark: str) -> str:
    """Return what the page has in the block behind a mark."""
    found = re.findall(rf"<!-- {re.escape(mark)} -->\n```\w*\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == 1, mark
    return str(found[0])


class World:
    """A bastion below srv, a host below opt, and a depot between them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "opt/conda-envs"
        self.spec, self.depot, self.store = folder / "srv/envs/imaging", Depot(folder / "depot"), Store(self.root)
        self.spec.mkdir(parents=True)
        (self.spec / "environment.yml").write_text("channels: [near]\ndependencies: [tool]\n")
        TinyChannel(folder / "near").add("tool", "1.0", files={"bin/tool": b"#!/bin/sh\n"})
        self.key, self.signers = make_key(folder)
        self.downloads = folder / "home/Downloads"
        self.downloads.mkdir(parents=True)

    def here(self, text: str) -> str:
        return text.replace("/srv/", f"{self.folder}/srv/").replace("/opt/conda-envs", str(self.root))

    def run(self, mark: str) -> str:
        variables = {"HOME": str(self.folder / "home"), "PATH": "/usr/bin:/bin"}
        command = ["bash", "-euc", self.here(block(mark))]
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout

    def write(self, mark: str, **values: str) -> None:
        text = self.here(block(mark))
        for name, value in values.items():
            text = text.replace(name.replace("_", "-"), value)
        (self.spec / mark.partition(": ")[2]).write_text(text)

    def build(self) -> str:
        """Do what role build does; returns the release."""
        spec = load_spec(self.spec)
        planned = plan(self.depot, spec, str(self.root), [], {})
        assert not planned.up_to_date
        prefix = self.folder / "work/imaging"
        channels = Channels(spec.channels, self.folder.as_uri(), "environment.yml")
        made = make(Request(prefix, spec, channels, spec.release.target, self.folder / "cache")).environment
        release = f"{planned.serial}-{made.inputs_sha256[:8]}"
        dest = f"{self.root}/imaging/{release}"
        assert diagnose(prefix, spec, dest) == []
        pack(PackRequest(prefix, self.folder / "work/pack", dest))
        built = Built(made.inputs_sha256, made.conda_lock, made.pip_lock, made.packages, made.files)
        signing = Signing(self.key, self.signers)
        publish(self.depot, spec, release, self.folder / "work/pack", built, planned.request_sha256, {}, signing)
        assert plan(self.depot, spec, str(self.root), [], {}).up_to_date
        return release

    def deploy(self, release: str) -> None:
        verified = Folder(self.depot.path).verify("imaging", release, self.signers)
        shutil.copytree(verified.place.where, self.store.incoming("imaging", release))
        step = Step("imaging", release, "install", self.store.current("imaging"), "tar.zst")
        deploy(self.store, step, verified.release.manifest_sha256, 2)
        assert self.store.current("imaging") == release
        assert faults_of(self.store, "imaging", release) == []


pytestmark = [pytest.mark.usefixtures("quick_disk"), pytest.mark.slow]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home/.cache"))
    return World(tmp_path)


def test_weights(world: World) -> None:
    (world.downloads / "small.safetensors").write_bytes(os.urandom(2 << 20))
    sha256 = world.run("weights: run").split()[0]
    world.write("weights: release.yml", THE_HASH=sha256)
    first = world.build()
    world.deploy(first)
    assert "small.safetensors" in world.run("weights: host")
    (world.downloads / "small.safetensors").write_bytes(os.urandom(2 << 20))
    other = world.run("weights: run").split()[0]
    with pytest.raises(AirgapError) as caught:
        world.build()
    assert caught.value.code == "sha256-differs"
    world.write("weights: release.yml", THE_HASH=other)
    second = world.build()
    world.deploy(second)
    assert world.store.releases("imaging") == [first, second]
    rollback(world.store, "imaging", "", check_mode=False)
    assert world.store.current("imaging") == first


def test_vscode(world: World) -> None:
    server = world.folder / "code-server-4/bin/code-server"
    server.parent.mkdir(parents=True)
    server.write_text(SERVER)
    server.chmod(0o755)
    (server.parent / "node").write_bytes(os.urandom(2 << 20))  # what a second release has too
    with tarfile.open(world.downloads / "code-server-linux-amd64.tar.gz", "w:gz") as archive:
        archive.add(server.parents[1], "code-server-4")
    world.run("code: run")
    world.write("code: vscode")
    world.write("code: release.yml")
    first = world.build()
    world.deploy(first)
    assert world.run("code: host") == "stand-in for VS Code, extensions: ms-python.python\n"
    more = world.folder / "srv/vscode/extensions/other.extension"
    more.mkdir()
    (more / "package.json").write_text("extension")
    second = world.build()
    world.deploy(second)
    assert world.run("code: host") == "stand-in for VS Code, extensions: ms-python.python\nother.extension\n"
    nodes = [world.store.release("imaging", name) / "share/vscode/server/bin/node" for name in (first, second)]
    assert nodes[0].samefile(nodes[1]) == (os.geteuid() == 0)
