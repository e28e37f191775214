# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The look of sh and the look of Python at one host lead to the same verdicts, word for word."""

from __future__ import annotations

import ast
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._fit import rules
from ansible_collections.airgap.conda.plugins.module_utils._fit.facts import HostFacts
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import New, judge
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Table
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, skip_flushes

HERE = os.geteuid()
FLAGS = {"rw": 0, "rw,noexec": os.ST_NOEXEC, "ro": os.ST_RDONLY}


@dataclass(frozen=True)
class Scene:
    """What both of them see, and what is offered."""

    machine: str = "x86_64"
    glibc: str = "glibc 2.31"
    writable: bool = True
    options: str = "rw"
    free: int = 1 << 40
    mark: int = 0
    mode: int = 0o755
    owner: int = HERE
    release: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""


SCENES = {
    "an older serial": (Scene(mark=6), "serial"),
    "another platform": (Scene(machine="aarch64"), "platform"),
    "a machine of no name": (Scene(machine="riscv64"), "platform"),
    "an older glibc": (Scene(glibc="glibc 2.17"), "glibc"),
    "an older glibc, for a symbol": (Scene(release={"glibc_symbol": "memcpy"}, glibc="glibc 2.5"), "glibc"),
    "no glibc": (Scene(glibc=""), "glibc"),
    "another place": (Scene(prefix="/srv/envs/runtime"), "place"),
    "no permission": (Scene(writable=False), "write"),
    "mounted read-only": (Scene(writable=False, options="ro"), "write"),
    "mounted noexec": (Scene(options="rw,noexec"), "mount"),
    "a folder for everybody": (Scene(mode=0o777), "folders"),
    "a folder of somebody": (Scene(owner=1234), "folders"),
    "no room": (Scene(free=1 << 20), "space"),
    "no payload": (Scene(release={"formats": ("tar.zst",)}), "payload"),
    "two faults at once": (Scene(glibc="glibc 2.17", mark=6), "serial"),
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    skip_flushes(monkeypatch)
    (tmp_path / "srv").mkdir(mode=0o755)
    return Store(tmp_path / "srv/opt")


def offered(store: Store, scene: Scene) -> Any:
    options = {"formats": ("tar.gz",), "glibc": "2.29", **scene.release}
    symbol = options.pop("glibc_symbol", "")
    result = make_release(store.root.parent.parent / "depot", store.root, 5, env="runtime", **options).result
    prefix = f"{scene.prefix}/{result['id']}" if scene.prefix else result["prefix"]
    return {**result, "prefix": prefix, "requirements": {**result["requirements"], "glibc_symbol": symbol}}


def of_sh(store: Store, scene: Scene, release: Any) -> Any:
    """Return what is said after a look by sh that said this."""
    folder = store.root.parent
    seen = {
        "root": str(store.root), "current": "", "works": "", "high_water": str(scene.mark or ""),
        "machine": scene.machine, "glibc": scene.glibc, "folder": str(folder),
        "writable": "yes" if scene.writable else "", "free_kib": str(scene.free >> 10), "mount": scene.options,
        "user": str(HERE), "above_1": f"{scene.owner}:0:{0o040000 | scene.mode:x}:{folder}",
    }  # fmt: skip
    return said(lambda: _bootstrap.check_host(seen, Release.from_dict(release, "here"), "ws1", allow_downgrade=False))


def of_python(store: Store, scene: Scene, release: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what is said after a look by Python at a host that is so."""
    folder = store.root.parent
    folder.chmod(scene.mode)
    if scene.owner != HERE:
        os.chown(folder, scene.owner, -1)
    if scene.mark:
        store.state("runtime").mkdir(parents=True)
        (store.state("runtime") / "high-water").write_text(f"{scene.mark}\n", encoding="ascii")
        store.root.chmod(0o755)
    status = SimpleNamespace(f_bavail=scene.free, f_frsize=1, f_files=0, f_favail=0, f_flag=FLAGS[scene.options])
    monkeypatch.setattr(platform, "machine", lambda: scene.machine)
    monkeypatch.setattr(platform, "node", lambda: "ws1")
    monkeypatch.setattr(os, "confstr", lambda _name: scene.glibc)
    monkeypatch.setattr(os, "statvfs", lambda _path: status)
    monkeypatch.setattr(os, "access", lambda _path, _mode: scene.writable)
    return said(lambda: inspect(store, [Release.from_dict(release, "here")], 2, False, ["tar.gz"]))


def said(look: Any) -> dict[str, str]:
    with pytest.raises(AirgapError) as caught:
        look()
    return caught.value.fields()


@pytest.mark.parametrize("name", SCENES)
def test_both_say_the_same(store: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, code = SCENES[name]
    if scene.owner != HERE and HERE:
        pytest.skip("only root gives files away")
    release = offered(store, scene)
    first, second = of_sh(store, scene, release), of_python(store, scene, release, monkeypatch)
    assert first["code"] == code
    assert first == second
    assert ("(refused for 1 more: glibc of runtime)" in first["problem"]) == (name == "two faults at once")


def test_what_no_look_told_gets_no_verdict(store: Store) -> None:
    wanted = Release.from_dict(offered(store, Scene()), "here")
    table = Table()
    judge(table, HostFacts("ws1", str(store.root), "/srv"), [New(wanted, installs=True)], allow_downgrade=False)
    assert [verdict.check for verdict in table.verdicts] == ["place"]


def test_rules_look_at_nothing_themselves() -> None:
    tree = ast.parse(Path(rules.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not names & {"os", "os.path", "platform", "shutil", "socket", "stat", "subprocess"}
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {"exists", "is_dir", "lstat"}


def test_a_group_that_may_write_is_a_warning_of_both(store: Store) -> None:
    seen = {"root": str(store.root), "folder": "/srv", "writable": "yes", "machine": "x86_64", "glibc": "glibc 2.31"}
    seen |= {"free_kib": str(1 << 30), "user": "0", "above_1": "0:50:41fd:/srv"}
    release = Release.from_dict(offered(store, Scene()), "here")
    (text,) = _bootstrap.check_host(seen, release, "ws1", allow_downgrade=False)
    assert "group 50 can write it" in text
