# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks beside a spec: the same files on another day and in another place, to the byte of the payload."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._environment import prefix as _prefix
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Environment, Outcome, Request, make
from ansible_collections.airgap.conda.plugins.module_utils._environment.records import release_records
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import RattlerBackend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import package_lines
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import (
    PLACEHOLDER,
    SITE_PACKAGES,
    TinyChannel,
    make_wheel,
    write_spec,
)
from ansible_collections.airgap.conda.tests.unit.tiny_server import served

pytest.importorskip("rattler")

SPEC = "channels: [near]\ndependencies: [tool]\n"
PIP_SPEC = "channels: [near]\ndependencies: [tool, python, pip: [wheely]]\n"


class World:
    """A channel, an index of wheels, a spec; ``make`` builds in whatever place it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.spec, self.wheels = folder, folder / "demo", folder / "wheels"
        self.channel = TinyChannel(folder / "near")
        self.channel.add("tool", "1.0", ["lib"])
        self.channel.add("lib", "1.0")
        write_spec(self.spec, SPEC)

    def request(self, place: str) -> Request:
        spec = load_spec(self.spec)
        channels = Channels(spec.channels, self.folder.as_uri(), str(spec.directory / "environment.yml"))
        home = self.folder / place
        return Request(home / "prefix", spec, channels, spec.release.target, home / "cache")

    def make(self, place: str = "here", update: bool = False, check: bool = False) -> Outcome:
        return make(self.request(place), update, check)

    def refused(self, place: str = "here", update: bool = False) -> AirgapError:
        with pytest.raises(AirgapError) as caught:
            self.make(place, update)
        return caught.value

    def lock(self, made: Environment) -> None:
        (self.spec / "conda.lock").write_text(made.conda_lock)
        if made.pip_lock:
            (self.spec / "pip.lock").write_text(made.pip_lock)


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    folder = tmp_path_factory.mktemp("w")  # a short path, which leaves room for longer ones
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder / "wheels"))
    return World(folder)


def forbid_solving(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("solved")

    monkeypatch.setattr(RattlerBackend, "solve", fail)


def test_a_lock_is_used_without_solving(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world.make().environment
    world.lock(made)
    world.channel.add("tool", "2.0")
    for subdir in ("noarch", "linux-64"):
        (world.channel.folder / subdir / "repodata.json").unlink()  # no index is needed
    forbid_solving(monkeypatch)
    assert not world.make().changed
    planned = world.make("there", check=True)
    assert planned.changed
    assert not (world.folder / "there").exists()
    outcome = world.make("there")
    assert outcome.changed
    assert outcome.environment == replace(planned.environment, packages=outcome.environment.packages)
    assert outcome.environment.inputs_sha256 == made.inputs_sha256
    assert outcome.environment.conda_lock == made.conda_lock
    assert (world.folder / "there/prefix/share/tool").read_text() == "tool 1.0\n"
    for check in (True, False):
        assert not world.make("there", check=check).changed


def test_a_lock_changes_an_environment_that_has_something_else(world: World) -> None:
    first = world.make().environment
    world.channel.add("tool", "2.0")
    assert world.make(update=True).changed
    world.lock(first)
    assert world.make(check=True).changed
    assert world.make().changed
    assert (world.folder / "here/prefix/share/tool").read_text() == "tool 1.0\n"
    (world.spec / "conda.lock").unlink()
    assert not world.make().changed


def test_update_writes_the_lock_anew(world: World) -> None:
    world.lock(world.make().environment)
    before = (world.spec / "conda.lock").read_text()
    assert not world.make(update=True).changed
    assert (world.spec / "conda.lock").read_text() == before
    world.channel.add("tool", "2.0", ["extra"])
    world.channel.add("extra", "3.0")
    planned = world.make(update=True, check=True)
    assert planned.changed
    assert (world.spec / "conda.lock").read_text() == before
    outcome = world.make(update=True)
    assert outcome.changed
    assert (world.spec / "conda.lock").read_text() == outcome.environment.conda_lock != before
    for update in (False, True):
        assert not world.make(update=update).changed
    old, new = package_lines(outcome.before).splitlines(), package_lines(outcome.environment.packages).splitlines()
    assert [line.split(" (")[0] for line in old] == ["conda lib 1.0 0 near", "conda tool 1.0 0 near"]
    assert [line.split(" (")[0] for line in new] == ["conda extra 3.0 0 near", "conda tool 2.0 0 near"]
    assert all(line.endswith(" B)") for line in old + new)


def test_update_writes_no_lock_where_there_was_none(world: World) -> None:
    world.make()
    world.channel.add("tool", "2.0")
    assert world.make(update=True).changed
    assert sorted(os.listdir(world.spec)) == ["environment.yml"]


def test_update_writes_the_lock_also_when_the_environment_is_there(world: World) -> None:
    old = world.make().environment
    world.channel.add("tool", "2.0")
    world.make(update=True)
    world.lock(old)
    assert world.make(update=True).changed
    assert "tool-2.0" in (world.spec / "conda.lock").read_text()
    assert not world.make().changed


def test_a_package_added_to_the_spec_since(world: World) -> None:
    world.lock(world.make().environment)
    world.channel.add("other", "1.0")
    write_spec(world.spec, "channels: [near]\ndependencies: [tool, other]\n")
    error = world.refused()
    assert error.code == "lock-stale"
    assert (error.wanted, error.where) == ("other", str(world.spec / "conda.lock"))
    assert "build_update: true" in error.remedy
    assert (world.folder / "here/prefix/share/tool").exists()
    assert world.make(update=True).changed
    assert not world.make().changed


@pytest.mark.parametrize("web", [False, True])
def test_a_locked_package_that_is_gone(world: World, web: bool) -> None:
    world.lock(world.make().environment)
    with served(world.folder) as port:
        if web:
            lock = world.spec / "conda.lock"
            lock.write_text(lock.read_text().replace(world.folder.as_uri(), f"http://127.0.0.1:{port}/open"))
            write_spec(world.spec, SPEC.replace("near", f"http://127.0.0.1:{port}/open/near"))
        (world.channel.folder / "noarch/lib-1.0-0.tar.bz2").unlink()
        error = world.refused("there")
    assert error.code == "install-failed"
    assert "lib 1.0" in error.problem
    assert error.wanted.startswith("lib-1.0-0.tar.bz2 with sha256 ")
    assert "404" in error.found if web else "No such file" in error.found
    assert error.where.endswith("/near/noarch/lib-1.0-0.tar.bz2")
    assert not (world.folder / "there/prefix").exists()


@pytest.mark.parametrize("web", [False, True])
def test_a_locked_package_that_is_another_one(world: World, web: bool) -> None:
    world.lock(world.make().environment)
    with served(world.folder) as port:
        if web:
            lock = world.spec / "conda.lock"
            lock.write_text(lock.read_text().replace(world.folder.as_uri(), f"http://127.0.0.1:{port}/open"))
            write_spec(world.spec, SPEC.replace("near", f"http://127.0.0.1:{port}/open/near"))
        world.channel.add("lib", "1.0", files={"share/lib": b"another\n"})
        error = world.refused("there")
    assert error.code == "install-failed"
    assert "lib 1.0" in error.problem
    assert "sha256" in error.found or "mismatch" in error.found
    assert not (world.folder / "there/prefix").exists()


def test_a_locked_package_in_the_cache_needs_no_channel(world: World) -> None:
    made = world.make().environment
    world.lock(made)
    with served(world.folder) as port:
        lock = world.spec / "conda.lock"
        lock.write_text(lock.read_text().replace(world.folder.as_uri(), f"http://127.0.0.1:{port}/open"))
    shutil.rmtree(world.folder / "here/prefix")
    assert world.make().environment.inputs_sha256 == made.inputs_sha256


def test_pip_takes_what_the_lock_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.channel.add_python()
    make_wheel(world.wheels, "wheely", "1.0", {"wheely.py": "VALUE = 1\n"})
    write_spec(world.spec, PIP_SPEC)
    made = world.make().environment
    world.lock(made)
    make_wheel(world.wheels, "wheely", "2.0", {"wheely.py": "VALUE = 2\n"})
    forbid_solving(monkeypatch)
    assert not world.make().changed
    assert world.make("there").environment.inputs_sha256 == made.inputs_sha256
    assert (world.folder / "there/prefix" / SITE_PACKAGES / "wheely.py").read_text() == "VALUE = 1\n"


def test_a_locked_wheel_that_is_gone_or_another_one(world: World) -> None:
    world.channel.add_python()
    wheel = make_wheel(world.wheels, "wheely", "1.0", {"wheely.py": "VALUE = 1\n"})
    write_spec(world.spec, PIP_SPEC)
    world.lock(world.make().environment)
    make_wheel(world.wheels, "wheely", "1.0", {"wheely.py": "VALUE = 3\n"})
    error = world.refused("there")
    assert error.code == "lock-unavailable"
    assert "wheely==1.0" in error.problem
    assert error.wanted.startswith("wheely==1.0 --hash=sha256:")
    assert error.found.startswith("sha256 ")
    assert error.where == str(world.spec / "pip.lock")
    wheel.unlink()
    make_wheel(world.wheels, "wheely", "2.0", {})
    error = world.refused("there")
    assert error.code == "lock-unavailable"
    assert "wheely==1.0" in error.problem
    assert "No matching distribution" in error.found
    assert not (world.folder / "there/prefix").exists()


WHEEL = {
    "wheely.py": "WORDS = {'a', 'b', 'c', 'd', 'e'}\n\ndef main():\n    return 'x' in {'p', 'q', 'r'}\n",
    "wheely-1.0.dist-info/entry_points.txt": "[console_scripts]\nwheely = wheely:main\n",
}
NOARCH = b"def run():\n    return {'one', 'two', 'three'} - {'four', 'five'}\n"


def test_two_builds_from_one_lock_are_the_same_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec and lock, another folder of another length, another cache, another time, another umask, another home."""
    world.channel.add_python()
    world.channel.add("placed", "1.0", files={"etc/placed": f"home={PLACEHOLDER}/share\n".encode()})
    world.channel.add("pure", "1.0", ["python"], files={"site-packages/pure.py": NOARCH}, noarch="python")
    make_wheel(world.wheels, "dep", "1.0", {"dep.py": ""})
    make_wheel(world.wheels, "wheely", "1.0", WHEEL, metadata="Requires-Dist: dep\n")
    write_spec(
        world.spec,
        "channels: [near]\ndependencies: [tool, python, pure, placed, pip: [wheely]]\nvariables: {X: '$HOME'}\n",
        "copies: [{from: share/tool, to: share/copy}]\n",
    )
    another = "x".ljust(_prefix.LONGEST - len(f"{world.folder}//prefix"), "x")
    first = world.make("one")
    record = (world.folder / "one/prefix/conda-meta/pure-1.0-0.json").read_text()
    assert f"{SITE_PACKAGES}/__pycache__/pure." in record  # conda-pack leaves out byte code that no package has
    sums = [payload_of(world, "one")]
    world.lock(first.environment)
    monkeypatch.setenv("HOME", str(world.folder))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    old = os.umask(0o077)
    time.sleep(1.1)  # file times have to differ
    try:
        second = world.make(another)
    finally:
        os.umask(old)
    sums.append(payload_of(world, another))
    assert first.environment.inputs_sha256 == second.environment.inputs_sha256
    assert sums[0] == sums[1]
    assert any("wheely" in path and path.endswith(".pyc") for path in sums[0])
    assert any("pure" in path and path.endswith(".pyc") for path in sums[0])


def payload_of(world: World, place: str) -> dict[str, str]:
    """Return the sha256 of a payload of the environment, and of each file in it by its path.

    Stands in for conda-pack's rewriting: scripts and what has a placeholder name the place on the hosts.
    """
    prefix, tree = world.folder / place / "prefix", world.folder / place / "tree"
    shutil.copytree(prefix, tree, symlinks=True)
    for path in [path for path in tree.rglob("*") if path.is_symlink()]:
        path.unlink()  # the stand-ins for Python and pip lead out of the environment
    for script in [*(tree / "bin").iterdir(), tree / "etc/placed"]:
        script.write_bytes(script.read_bytes().replace(str(prefix).encode(), b"/opt/conda-envs/demo/1-00000000"))
    release_records(tree)
    (world.folder / place / "payload").mkdir()
    entries, payloads = write_payloads(tree, world.folder / place / "payload", ("tar.zst",))
    for path in tree.rglob("*"):
        assert path.is_dir() or str(prefix).encode() not in path.read_bytes(), path
    return {"": payloads[0].sha256, **{entry.path: entry.sha256 for entry in entries}}


def test_a_prefix_that_is_too_long(world: World) -> None:
    error = world.refused("x".ljust(_prefix.LONGEST - len(f"{world.folder}//prefix") + 1, "x"))
    assert (error.code, error.found) == ("prefix-too-long", "109 characters")
