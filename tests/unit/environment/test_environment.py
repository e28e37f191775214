# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Making an environment: what is in it, what a second run does, and what is left when something goes wrong."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import lock_file
from ansible_collections.airgap.conda.plugins.module_utils._environment import make as _environment
from ansible_collections.airgap.conda.plugins.module_utils._environment import prefix
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Outcome, Request, make
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import RattlerBackend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import package_lines
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import (
    SITE_PACKAGES,
    TinyChannel,
    make_wheel,
    write_spec,
)
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_server import TOKEN, served

pytest.importorskip("rattler")

SPEC = "channels: [near]\ndependencies: [tool]\n"
PIP_SPEC = "channels: [near]\ndependencies: [tool, python, pip: [wheely]]\n"


class World:
    """A channel with one package, a spec that asks for it, and the prefix to make it in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.prefix = folder, folder / "prefixes/demo"
        self.channel = TinyChannel(folder / "near")
        self.channel.add("tool", "1.0", files={"share/tool": b"1.0\n", "lib/data": b"data\n"})
        self.spec(SPEC)

    def spec(self, environment: str, release: str = "") -> None:
        write_spec(self.folder / "demo", environment, release)

    def request(self) -> Request:
        spec = load_spec(self.folder / "demo")
        channels = Channels(spec.channels, self.folder.as_uri(), str(spec.directory / "environment.yml"))
        return Request(self.prefix, spec, channels, spec.release.target, self.folder / "cache")

    def make(self, update: bool = False, check: bool = False) -> Outcome:
        return make(self.request(), update, check)

    def refused(self) -> AirgapError:
        with pytest.raises(AirgapError) as caught:
            self.make()
        return caught.value

    def beside(self) -> list[str]:
        """Return what is in the prefix's parent directory."""
        return sorted({*os.listdir(self.prefix.parent)} - {".locks"}) if self.prefix.parent.exists() else []

    def read(self, path: str) -> str:
        return (self.prefix / path).read_text()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_make(world: World) -> None:
    outcome = world.make()
    assert outcome.changed
    assert world.read("share/tool") == "1.0\n"
    size = (world.channel.folder / "noarch/tool-1.0-0.tar.bz2").stat().st_size
    assert package_lines(outcome.environment.packages) == f"conda tool 1.0 0 near ({size} B)\n"
    address = f"{world.channel.folder.as_uri()}/noarch/tool-1.0-0.tar.bz2"
    explicit, line = outcome.environment.conda_lock.splitlines()
    assert explicit == "@EXPLICIT"
    assert re.fullmatch(rf"{re.escape(address)}#sha256:[0-9a-f]{{64}}", line)
    assert outcome.environment.pip_lock == ""
    assert set(outcome.durations) == {"solve", "install"}
    assert sorted(os.listdir(world.prefix)) == ["conda-meta", "lib", "share"]
    assert world.beside() == ["demo"]


def test_check_do_check_do(world: World) -> None:
    planned = world.make(check=True)
    assert planned.changed
    assert world.beside() == []
    done = world.make()
    assert (done.changed, done.environment, done.before) == (True, planned.environment, ())
    shutil.rmtree(world.channel.folder)  # the second look needs no channel
    for check in (True, False):
        again = world.make(check=check)
        assert (again.changed, again.environment, again.durations) == (False, done.environment, {})


def test_the_marker_tells_no_times_and_no_prefix(world: World) -> None:
    world.make()
    first = world.read(prefix.MARKER)
    shutil.rmtree(world.prefix)
    world.prefix = world.folder / "elsewhere"
    world.make()
    assert world.read(prefix.MARKER) == first
    assert str(world.prefix) not in first


def test_a_marker_that_cannot_be_read_counts_as_none(world: World) -> None:
    made = world.make().environment
    (world.prefix / prefix.MARKER).write_text("{")
    outcome = world.make()
    assert outcome.changed
    assert outcome.environment == made


def test_a_mirror_gives_the_same_inputs(world: World) -> None:
    near = world.make().environment
    shutil.copytree(world.channel.folder, world.folder / "mirror/near")
    mirrored = replace(world.request(), channels=Channels(("near",), (world.folder / "mirror").as_uri(), "here"))
    far = make(mirrored)
    assert far.changed
    assert far.environment.inputs_sha256 == near.inputs_sha256


def test_another_spec_makes_the_environment_anew(world: World) -> None:
    before = world.make().environment
    world.channel.add("other", "1.0")
    world.spec("channels: [near]\ndependencies: [other]\n")
    planned = world.make(check=True)
    assert planned.changed
    assert (world.prefix / "share/tool").exists()
    outcome = world.make()
    assert outcome.changed
    assert outcome.before == before.packages
    assert outcome.environment == planned.environment
    assert world.read("share/other") == "other 1.0\n"
    assert not (world.prefix / "share/tool").exists()
    assert world.beside() == ["demo"]


def test_update_asks_again(world: World) -> None:
    world.make()
    assert not world.make(update=True).changed
    world.channel.add("tool", "1.1")
    assert not world.make().changed
    assert world.make(update=True, check=True).changed
    assert world.make(update=True).changed
    assert world.read("share/tool") == "tool 1.1\n"


def test_a_failed_first_build_leaves_nothing(world: World) -> None:
    path = world.channel.add("tool", "2.0", sha256="0" * 64)
    error = world.refused()
    assert error.code == "install-failed"
    assert "tool 2.0" in error.problem
    assert (error.wanted, error.where) == (f"tool-2.0-0.tar.bz2 with sha256 {'0' * 64}", path.as_uri())
    path.unlink()
    assert "No such file" in world.refused().found
    assert world.beside() == []


def test_a_download_that_is_not_what_the_index_says(world: World) -> None:
    world.channel.add("tool", "2.0", sha256="0" * 64)
    with served(world.folder) as port:
        channels = Channels((f"http://127.0.0.1:{port}/t/{TOKEN}/token/near",), "https://channels.invalid", "here")
        with raised("install-failed", problem=r"tool 2\.0") as caught:
            make(replace(world.request(), channels=channels))
    assert "hash mismatch" in caught.value.found
    assert TOKEN not in str(caught.value)
    assert world.beside() == []


def test_a_package_cache_that_was_written_into(world: World) -> None:
    world.make()
    (world.prefix / "share/tool").write_text("2.0\n")  # a hard link: the cache has it too
    shutil.rmtree(world.prefix)
    world.make()
    assert world.read("share/tool") == "1.0\n"


def test_a_failed_build_brings_the_old_environment_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.make()
    world.spec(SPEC, "copies: [{from: share/nosuch, to: lib/x}]\n")
    error = world.refused()
    assert (error.code, error.wanted) == ("copy-missing", "share/nosuch")
    assert error.where == str(world.folder / "demo/release.yml")
    assert world.beside() == ["demo"]
    assert world.read("share/tool") == "1.0\n"
    monkeypatch.setattr(RattlerBackend, "install", raising(OSError(28, "No space left on device")))
    assert "No space left" in world.refused().found
    assert world.beside() == ["demo"]
    assert world.read("share/tool") == "1.0\n"


@pytest.mark.parametrize("old", [False, True])
def test_an_interrupted_run_is_put_right(world: World, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    if old:
        world.make()
        world.channel.add("tool", "1.1")
        world.spec(SPEC + "variables: {X: '1'}\n")
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(_environment, "finish", raising(KeyboardInterrupt()))
        patch.setattr(prefix, "recover", lambda *_: None)  # as if killed: nothing is cleaned up
        world.make()
    assert ".demo.unfinished" in world.beside()
    planned = world.make(check=True)
    assert bool(planned.before) == old
    assert world.make().changed
    assert world.beside() == ["demo"]
    assert not world.make().changed


def test_an_interrupted_end_keeps_the_new_environment(world: World) -> None:
    new = world.make().environment
    shutil.copytree(world.prefix, world.prefix.with_name(".demo.previous"))
    outcome = world.make()
    assert not outcome.changed
    assert outcome.environment == new
    assert world.beside() == ["demo"]


def test_a_failure_of_the_next_build_after_an_interruption(world: World) -> None:
    world.make()
    os.rename(world.prefix, world.prefix.with_name(".demo.previous"))
    world.spec("channels: [near]\ndependencies: [nosuch]\n")
    assert "nosuch" in world.refused().problem
    assert world.beside() == ["demo"]
    assert world.read("share/tool") == "1.0\n"


@pytest.mark.parametrize("content", ["notes.txt", "conda-meta/history"])
def test_a_prefix_with_something_else_is_refused(world: World, content: str) -> None:
    (world.prefix / content).parent.mkdir(parents=True)
    (world.prefix / content).touch()
    error = world.refused()
    assert error.code == "prefix-taken"
    assert error.where == str(world.prefix)
    assert (world.prefix / content).exists()


def test_a_link_as_prefix_is_refused(world: World) -> None:
    world.prefix.parent.mkdir()
    world.prefix.symlink_to(world.folder)
    assert world.refused().found == "a symbolic link"


@pytest.mark.parametrize("name", ["our builds", "a:b", "$x"])
def test_a_prefix_that_scripts_cannot_hold_is_refused(world: World, name: str) -> None:
    world.prefix = world.folder / name / "prefix"
    assert world.refused().code == "path-not-plain"
    assert not (world.folder / name).exists()


def test_an_empty_prefix_is_fine(world: World) -> None:
    world.prefix.mkdir(parents=True)
    assert world.make().changed


def test_unwritable_prefix(world: World) -> None:
    world.prefix = world.folder / "demo/environment.yml/x"
    assert world.refused().code == "prefix-unwritable"


def test_two_runs_at_once(world: World) -> None:
    path = lock_file(world.prefix.parent, "demo")
    path.parent.mkdir(parents=True)
    with open(path, "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        error = world.refused()
    assert error.code == "locked"
    assert str(world.prefix) in error.problem
    assert f"process {os.getpid()} " in error.found
    assert world.make().changed
    assert world.beside() == ["demo"]


def test_copies_do_not_touch_the_package_cache(world: World) -> None:
    world.spec(SPEC, "copies: [{from: lib/data, to: share/tool}, {from: lib, to: all/lib}]\n")
    world.make()
    assert world.read("share/tool") == "data\n"
    assert world.read("all/lib/data") == "data\n"
    cached = next((world.folder / "cache/pkgs").glob("tool-1.0*/share/tool"))
    assert cached.read_text() == "1.0\n"
    assert os.path.samefile(next(cached.parents[1].glob("lib/data")), world.prefix / "lib/data")


def test_activation_scripts_are_written(world: World) -> None:
    world.spec(
        SPEC + "variables: {FROM_ENVIRONMENT: $HOME}\n",
        'activation: {variables: {FROM_RELEASE: "$CONDA_PREFIX"}, user_site: true}\n',
    )
    world.make()
    assert world.read("etc/conda/airgap-conda.user-site") == ""
    script = world.read("etc/conda/activate.d/airgap-conda.sh")
    assert "FROM_ENVIRONMENT" not in script
    assert "_airgap_variable FROM_ENVIRONMENT '$HOME'\n" in world.read("etc/conda/airgap-conda.env.sh")
    assert json.loads(world.read("conda-meta/state"))["env_vars"] == {"FROM_ENVIRONMENT": "$HOME"}  # for conda itself
    assert 'export FROM_RELEASE="${CONDA_PREFIX-}"' in script
    assert "FROM_RELEASE" in world.read("etc/conda/deactivate.d/airgap-conda.sh")


def test_pip_section(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = world.folder / "wheels"
    make_wheel(wheels, "wheely", "1.0", {"wheely.py": "VALUE = 1\n", "tiny.py": "VALUE = 2\n", "bad.py": "print 1\n"})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_TARGET", str(world.folder / "elsewhere"))
    world.channel.add_python()
    world.spec(PIP_SPEC)
    planned = world.make(check=True)
    assert world.beside() == []
    assert not list((world.folder / "cache").glob("preview-*"))
    outcome = world.make()
    assert outcome.environment == planned.environment
    assert [(package["manager"], package["name"]) for package in outcome.environment.packages] == [
        ("conda", "pip"),
        ("conda", "python"),
        ("conda", "tool"),
        ("pip", "wheely"),
    ]
    assert outcome.environment.pip_lock.startswith("wheely==1.0 --hash=sha256:")
    assert set(outcome.durations) == {"solve", "install", "pip", "compile"}
    assert world.read(f"{SITE_PACKAGES}/tiny.py") == "VALUE = 2\n"
    cached = next((world.folder / "cache/pkgs").glob(f"python-*/{SITE_PACKAGES}/tiny.py"))
    assert cached.read_text() == "VALUE = 1\n"
    compiled = {path.name.split(".")[0] for path in (world.prefix / SITE_PACKAGES / "__pycache__").iterdir()}
    assert compiled == {"tiny", "wheely"}
    code = next((world.prefix / SITE_PACKAGES / "__pycache__").glob("wheely*")).read_bytes()
    assert str(world.prefix).encode() not in code


def test_a_failing_pip_section(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    world.channel.add_python()
    world.spec(PIP_SPEC)
    error = world.refused()
    assert error.code == "pip-failed"
    assert error.wanted == "wheely"
    assert "No matching distribution found for wheely" in error.found
    assert world.beside() == []


def test_python_that_does_not_run_here(world: World) -> None:
    world.channel.add("python", "3.99", files={"bin/python": ("->", "/bin/false")})
    world.spec("channels: [near]\ndependencies: [python]\n")
    assert world.refused().code == "python-broken"
    assert world.beside() == []
