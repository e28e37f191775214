# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the bastion in an environment and in what is packed of it: byte for byte, or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Several
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.plan import plan
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import diagnose
from ansible_collections.airgap.conda.plugins.module_utils._environment import brought
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Outcome, Request, make
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import BROUGHT
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import file_lines
from ansible_collections.airgap.conda.plugins.module_utils._spec import sums
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import TinyChannel, write_spec
from ansible_collections.airgap.conda.tests.unit.tiny_elf import make_elf

pytest.importorskip("rattler")
pytest.importorskip("conda_pack")

DEST = "/opt/conda-envs/demo/1-1c0ffee5"


class World:
    """A channel with one package, a spec that brings a file and a folder, and the prefix to make it in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.prefix = folder, folder / "prefixes/demo"
        self.channel = TinyChannel(folder / "near")
        self.channel.add("tool", "1.0", files={"share/tool": b"1.0\n", "lib64": ("->", "lib"), "lib/data": b"data\n"})
        self.weights, self.models = folder / "weights.bin", folder / "models"
        self.weights.write_bytes(os.urandom(3 << 20))
        (self.models / "deep/empty").mkdir(parents=True)
        (self.models / "run").write_text("#!/bin/sh\n")
        (self.models / "run").chmod(0o750)
        (self.models / "link").symlink_to("deep")
        self.files(f"{{source: {self.weights}, path: share/w.bin}}", f"{{source: {self.models}, path: pkgs/m~}}")

    def files(self, *entries: str, more: str = "") -> None:
        text = more + "files:\n" + "".join(f"  - {entry}\n" for entry in entries)
        write_spec(self.folder / "demo", "channels: [near]\ndependencies: [tool]\n", text)

    def request(self) -> Request:
        spec = load_spec(self.folder / "demo")
        channels = Channels(spec.channels, self.folder.as_uri(), str(spec.directory / "environment.yml"))
        return Request(self.prefix, spec, channels, spec.release.target, self.folder / "cache")

    def make(self, check: bool = False) -> Outcome:
        return make(self.request(), check=check)

    def refused(self) -> AirgapError:
        with pytest.raises(AirgapError) as caught:
            self.make()
        assert not self.prefix.exists()
        return caught.value

    def pack(self) -> dict[str, FileEntry]:
        self.packed = pack(PackRequest(self.prefix, self.folder / "pack", DEST))
        data = (self.folder / "pack/files.json.zst").read_bytes()
        return {entry.path: entry for entry in read_files(data, "here")}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home-cache"))
    return World(tmp_path)


def test_they_are_packed_byte_for_byte_wherever_they_go(world: World) -> None:
    outcome = world.make()
    entries = world.pack()
    wanted = {entry.path: entry for entry in brought.brought_into(world.prefix)}
    assert {path: entries[path] for path in wanted} == wanted
    assert sorted(path for path in wanted if path.startswith("pkgs")) == [
        "pkgs/m~", "pkgs/m~/deep", "pkgs/m~/deep/empty", "pkgs/m~/link", "pkgs/m~/run",
    ]  # fmt: skip
    assert wanted["pkgs/m~/run"].mode == 0o755
    assert wanted["pkgs/m~/link"] == FileEntry("pkgs/m~/link", "symlink", target="deep")
    assert not [path for path in entries if path.startswith("conda-meta/airgap")]
    assert [item["path"] for item in outcome.environment.files] == ["share/w.bin", "pkgs/m~"]
    assert world.weights.stat().st_nlink == 1
    names = {item["name"]: item for item in json.loads((world.folder / "pack/sbom.cdx.json").read_text())["components"]}
    assert names["share/w.bin"]["type"] == "file"
    assert names["share/w.bin"]["hashes"] == [{"alg": "SHA-256", "content": wanted["share/w.bin"].sha256}]


def test_the_doctor_has_nothing_against_them(world: World) -> None:
    world.make()
    spec = load_spec(world.folder / "demo")
    assert [item.check for item in diagnose(world.prefix, spec, DEST)] == []


def test_a_second_run_changes_nothing_and_another_content_all(world: World) -> None:
    planned = world.make(check=True)
    assert planned.changed
    made = world.make()
    assert made.environment == planned.environment
    assert not world.make().changed
    status = world.weights.stat()
    with open(world.weights, "r+b") as stream:
        stream.write(b"other")
    os.utime(world.weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    planned = world.make(check=True)
    assert planned.changed
    assert file_lines(planned.files_before) != file_lines(planned.environment.files)
    assert planned.environment.inputs_sha256 != made.environment.inputs_sha256
    again = world.make()
    assert again.environment == planned.environment
    assert (world.prefix / "share/w.bin").read_bytes() == world.weights.read_bytes()


def test_a_release_is_planned_when_the_content_is_another(world: World) -> None:
    depot, root = Depot(world.folder / "depot"), "/opt/conda-envs"
    before = plan(depot, load_spec(world.folder / "demo"), root, [], {}).request_sha256
    assert plan(depot, load_spec(world.folder / "demo"), root, [], {}).request_sha256 == before
    (world.models / "run").chmod(0o644)
    assert plan(depot, load_spec(world.folder / "demo"), root, [], {}).request_sha256 != before
    (world.models / "run").chmod(0o755)
    assert plan(depot, load_spec(world.folder / "demo"), root, [], {}).request_sha256 == before
    with pytest.raises(AirgapError) as caught:
        plan(Depot(world.models / "depot"), load_spec(world.folder / "demo"), root, [], {})
    assert caught.value.code == "source-blocked"


@pytest.mark.parametrize("path", ["share/tool", "share/tool/w", "lib64/w", "lib64", "lib"])
def test_nothing_takes_the_place_of_what_a_package_has(world: World, path: str) -> None:
    world.files(f"{{source: {world.weights}, path: {path}}}")
    error = world.refused()
    assert error.code == "path-taken"
    assert error.where.endswith("release.yml:2:5")
    assert ("tool 1.0" in error.found) == (path in ("share/tool", "lib64"))


def test_all_that_is_taken_is_told_at_once(world: World) -> None:
    (world.models / "tool").write_text("x")
    (world.models / "data").write_text("x")
    world.files(f"{{source: {world.models}, path: share}}", f"{{source: {world.models}, path: lib}}")
    error = world.refused()
    assert isinstance(error, Several)
    assert [one.code for one in error.errors] == ["path-taken"] * 2


def test_nothing_takes_the_place_of_what_the_build_writes(world: World) -> None:
    script = "etc/conda/activate.d/~~release.sh"
    more = "activation: {variables: {A: b}}\ncopies: [{from: lib/data, to: lib/copy}]\n"
    world.files(f"{{source: {world.weights}, path: lib/copy}}", more=more)
    assert world.refused().code == "path-taken"
    world.files(f"{{source: {world.weights}, path: w}}", more=more)
    world.make()
    scripts = [str(path.relative_to(world.prefix)) for path in (world.prefix / "etc").rglob("*") if path.is_file()]
    assert scripts, script
    world.prefix.rename(world.folder / "away")
    world.files(f"{{source: {world.weights}, path: '{scripts[0]}'}}", more=more)
    assert world.refused().code == "path-taken"


def test_a_source_that_changes_after_it_was_hashed_is_refused(world: World) -> None:
    request = world.request()
    assert request.content.sha256
    world.weights.write_bytes(b"other")
    with pytest.raises(AirgapError) as caught:
        make(request)
    assert caught.value.code == "source-changed"
    assert not world.prefix.exists()


def test_a_hash_that_was_remembered_wrongly_is_found_at_the_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may be written through a mapping, which shows in no time."""
    monkeypatch.setattr(sums, "SETTLED", -(10**12))
    assert world.request().content.sha256
    memory = json.loads(sums.memory_path().read_text())
    memory[str(world.weights)][1] = "0" * 64
    sums.memory_path().write_text(json.dumps(memory))
    assert world.refused().code == "source-changed"
    assert world.make().changed


def test_shared_blocks_are_hashed_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def clone(_source: int, target: int) -> bool:
        return bool(os.write(target, b"something else"))

    monkeypatch.setattr(brought, "_cloned", clone)
    assert world.refused().code == "source-changed"


def test_a_file_that_names_the_build_folder_is_refused(world: World) -> None:
    world.weights.write_text(f"home = {world.prefix}\n")
    world.make()
    with pytest.raises(AirgapError) as caught:
        world.pack()
    assert caught.value.code == "file-not-kept"
    assert not (world.folder / "pack").exists()


def test_byte_code_of_a_source_that_is_gone_is_not_left_out_silently(world: World) -> None:
    world.channel.add("mod", "1.0", files={"lib/mod.py": b"x = 1\n"})
    world.weights.write_bytes(b"\xa7\r\r\n" + bytes(20))
    world.files(f"{{source: {world.weights}, path: lib/__pycache__/mod.cpython-311.pyc}}")
    write_spec(world.folder / "demo", "channels: [near]\ndependencies: [tool, mod]\n")
    world.make()
    with pytest.raises(AirgapError) as caught:
        world.pack()
    assert caught.value.code == "file-not-kept"


def test_secrets_and_requirements_are_looked_for_in_them(world: World) -> None:
    token = b"ghp_" + b"a1B2" * 9
    world.weights.write_bytes(os.urandom(1 << 20) + b"\0" + token + b"\0" + os.urandom(1 << 20))
    (world.models / "lib.so").write_bytes(make_elf(["GLIBC_2.34"], {"new": "GLIBC_2.34"}))
    world.make()
    world.pack()
    assert [(leak["path"], leak["kind"]) for leak in world.packed["leaks"]] == [("share/w.bin", "a GitHub token")]
    assert (world.packed["requirements"]["glibc"], world.packed["requirements"]["glibc_file"]) == (
        "2.34",
        "pkgs/m~/lib.so",
    )


def test_an_environment_of_an_earlier_version_has_none(world: World) -> None:
    world.make()
    (world.prefix / BROUGHT).unlink()
    assert brought.brought_into(world.prefix) == []
