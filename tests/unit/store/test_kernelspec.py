# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Jupyter kernel of an environment: there with a release that has ipykernel, gone with it, never anybody else's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.state_line import state_now
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    TREE,
    Made,
    again,
    keep,
    make_release,
    release_id,
    snapshot,
)

WITH, WITHOUT = ("python", "ipykernel"), ("python", "numpy")
FOREIGN = '{"argv": ["python3", "-m", "ipykernel_launcher"], "display_name": "mine", "metadata": {}}'


pytestmark = [pytest.mark.usefixtures("quick_disk"), pytest.mark.slow]


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    return tmp_path / "share/jupyter/kernels"


def run(store: Store, kernels: Path | str, *made: Made) -> list[str]:
    """Look and do as a deploy does; returns the actions. A second look finds nothing to do."""

    def look() -> list[Step]:
        before = snapshot(store.root.parent)
        steps = inspect(store, [item.wanted for item in made], 2, False, ["tar.zst"], str(kernels))
        assert snapshot(store.root.parent) == before
        return steps

    steps = look()
    releases = {item.manifest.env: item for item in made}
    for step in steps:
        if step.action == "install":
            releases[step.env].send(store)
        deploy(store, step, releases[step.env].sha256 if step.env in releases else "", 2)
        assert kernelspec.found(store, step.env) == step.kernel  # what the diff said
    assert {step.action for step in look()} <= {"none"}
    return [step.action for step in steps]


def make(store: Store, serial: int, packages: tuple[str, ...] = WITH, **options: Any) -> Made:
    return make_release(store.root.parent / "depot", store.root, serial, packages=packages, **options)


def listed(kernels: Path) -> list[str]:
    return sorted(str(path.relative_to(kernels)) for path in kernels.rglob("*")) if kernels.is_dir() else []


def test_it_comes_with_the_release(store: Store, kernels: Path) -> None:
    umask = os.umask(0o077)
    try:
        assert run(store, kernels, make(store, 1)) == ["install"]
    finally:
        os.umask(umask)
    path = kernels / "demo/kernel.json"
    kernel = json.loads(path.read_text(encoding="ascii"))
    assert kernel["display_name"] == "demo"
    assert kernel["language"] == "python"
    assert (path.stat().st_mode & 0o7777, path.parent.stat().st_mode & 0o7777) == (0o644, 0o755)
    assert listed(kernels) == ["demo", "demo/kernel.json"]
    assert state_now(store, "demo") == f"demo {release_id(1)}, Jupyter kernel {path}\n"


def test_a_newer_release_leaves_it_as_it_is(store: Store, kernels: Path) -> None:
    run(store, kernels, make(store, 1))
    before = (kernels / "demo/kernel.json").stat()
    assert run(store, kernels, make(store, 2)) == ["install"]
    after = (kernels / "demo/kernel.json").stat()  # reading it changes st_atime
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_without_the_variable_there_is_none(store: Store, tmp_path: Path) -> None:
    run(store, "", make(store, 1))
    assert not list(tmp_path.rglob("kernel.json"))
    assert not list(tmp_path.rglob("jupyter-kernels"))


def test_it_goes_and_comes_with_releases_and_a_rollback_needs_no_telling(store: Store, kernels: Path) -> None:
    run(store, kernels, make(store, 1))
    run(store, kernels, make(store, 2, WITHOUT))
    assert listed(kernels) == []
    before = snapshot(store.root.parent)
    assert rollback(store, "demo", "", check_mode=True).kernel == str(kernels / "demo/kernel.json")
    assert snapshot(store.root.parent) == before
    back = rollback(store, "demo", "", check_mode=False)
    assert (back.kernel, back.warnings) == (str(kernels / "demo/kernel.json"), [])
    assert listed(kernels) == ["demo", "demo/kernel.json"]
    back = rollback(store, "demo", release_id(2), check_mode=False)
    assert (back.kernel, listed(kernels)) == ("", [])


def test_a_rollback_knows_of_a_folder_that_was_named_after_the_deploy(store: Store, kernels: Path) -> None:
    run(store, "", make(store, 1))
    second = make(store, 2, WITHOUT)
    run(store, "", second)
    assert run(store, kernels, second) == ["kernel"]
    rollback(store, "demo", "", check_mode=False)
    assert listed(kernels) == ["demo", "demo/kernel.json"]


def test_it_follows_the_variable(store: Store, kernels: Path) -> None:
    made, other = make(store, 1), make(store, 1, env="other")
    run(store, "", made, other)
    assert run(store, kernels, made, other) == ["kernel", "kernel"]
    (kernels / "demo/kernel.json").unlink()
    assert run(store, kernels, made, other) == ["kernel", "none"]
    # An environment that is deployed no longer has its kernel all the same, as it has its release.
    elsewhere = kernels.with_name("others")
    assert run(store, elsewhere, made) == ["kernel", "kernel"]
    assert listed(kernels) == []
    assert listed(elsewhere) == ["demo", "demo/kernel.json", "other", "other/kernel.json"]
    assert run(store, "", made) == ["kernel", "kernel"]
    assert listed(elsewhere) == []
    assert not list(store.root.rglob("jupyter-kernels"))
    rollback(store, "demo", release_id(1), check_mode=False)
    assert listed(elsewhere) == []


def test_the_releases_of_another_environment_stay(store: Store, kernels: Path) -> None:
    made, other = make(store, 1), make(store, 1, env="other")
    run(store, kernels, made, other)
    for serial in (2, 3):
        more = make(store, serial, env="other")
        more.send(store)
        deploy(store, more.step(kernels=str(kernels)), more.sha256, 3)
    assert run(store, "", made) == ["kernel", "kernel"]
    assert store.releases("other") == [release_id(1), release_id(2), release_id(3)]


def test_it_goes_when_the_environment_was_removed_by_hand(store: Store, kernels: Path) -> None:
    made, other = make(store, 1), make(store, 1, env="other")
    run(store, kernels, made, other)
    shutil.rmtree(store.root / "other")
    assert run(store, kernels, made) == ["none", "kernel"]
    assert listed(kernels) == ["demo", "demo/kernel.json"]


def test_the_runtime_has_none(store: Store, kernels: Path) -> None:
    assert run(store, kernels, make(store, 1, env="runtime")) == ["install"]
    assert listed(kernels) == []


def test_what_a_user_put_beside_it_stays(store: Store, kernels: Path) -> None:
    run(store, kernels, make(store, 1))
    (kernels / "demo/logo-64x64.png").touch()
    run(store, kernels, make(store, 2, WITHOUT))
    assert listed(kernels) == ["demo", "demo/logo-64x64.png"]
    run(store, kernels, make(store, 3))
    assert listed(kernels) == ["demo", "demo/kernel.json", "demo/logo-64x64.png"]


def foreign(kernels: Path, how: str) -> None:
    """Put a kernel of somebody else in the place of that of demo."""
    away = kernels.parent / "away"
    away.mkdir(parents=True, exist_ok=True)
    ours = json.dumps({"metadata": {"airgap.conda": {"store": str(kernels.parents[2] / "opt")}}})
    (away / "kernel.json").write_text(ours if how == "link" else FOREIGN, encoding="ascii")
    kernels.mkdir(exist_ok=True)
    if how == "link":
        (kernels / "demo").symlink_to(away)
    elif how == "dangling link":
        (kernels / "demo").symlink_to(kernels / "nowhere")
    elif how == "file":
        (kernels / "demo").touch()
    else:
        (kernels / "demo").mkdir()
        (kernels / "demo/kernel.json").write_text(how, encoding="utf-8")


MARKED = '{"metadata": {"airgap.conda": {"store": "/srv/envs"}}}'


@pytest.mark.parametrize("how", [FOREIGN, MARKED, "", "[]", "[" * 9999, "link", "dangling link", "file"])
def test_a_kernel_of_somebody_else_is_refused_before_anything_is_sent(store: Store, kernels: Path, how: str) -> None:
    foreign(kernels, how)
    made = make(store, 1)
    before = snapshot(store.root.parent)
    with raised("kernel-taken", problem="demo") as caught:
        inspect(store, [made.wanted], 2, False, ["tar.zst"], str(kernels))
    assert caught.value.where.startswith(str(kernels / "demo"))
    assert all((caught.value.wanted, caught.value.found, caught.value.remedy))
    assert snapshot(store.root.parent) == before
    run(store, kernels, make(store, 2, WITHOUT))  # does not mind, and does not touch it
    run(store, "", make(store, 3, WITHOUT))
    assert snapshot(kernels.parent) == {
        name.removeprefix("share/jupyter/"): found
        for name, found in before.items()
        if name.startswith("share/jupyter/")
    }


def test_a_rollback_goes_on_and_says_that_a_kernel_of_somebody_else_is_there(store: Store, kernels: Path) -> None:
    run(store, kernels, make(store, 1))
    run(store, kernels, make(store, 2, WITHOUT))
    foreign(kernels, FOREIGN)
    back = rollback(store, "demo", "", check_mode=False)
    assert store.current("demo") == release_id(1)
    assert ["A Jupyter kernel named demo is there already" in text for text in back.warnings] == [True]
    assert (kernels / "demo/kernel.json").read_text(encoding="ascii") == FOREIGN


def test_a_folder_that_is_no_absolute_path_is_refused(store: Store) -> None:
    with raised("kernels-unusable") as caught:
        inspect(store, [make(store, 1).wanted], 2, False, ["tar.zst"], "share/jupyter")
    assert (caught.value.found, caught.value.where) == ("share/jupyter", "deploy_jupyter_kernels")


def test_a_folder_that_cannot_be_written_is_refused(
    store: Store, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access
    kernels.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: real(path, mode) and Path(path) != kernels)
    with raised("write", problem="folder of Jupyter kernels") as caught:
        inspect(store, [make(store, 1).wanted], 2, False, ["tar.zst"], str(kernels))
    assert caught.value.where == str(kernels)


class Cut(BaseException):
    """The run was killed here."""


def cut_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Let so many system calls that change a name succeed, and kill at the next one."""
    left = [calls]
    for name in ("rename", "unlink", "rmdir", "mkdir"):
        real = getattr(os, name)

        def step(*args: Any, _real: Any = real, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Cut
            return _real(*args, **options)

        monkeypatch.setattr(os, name, step)


@pytest.mark.parametrize("serial", [1, 2])
@pytest.mark.parametrize(("before", "after"), [("", "new"), ("old", "new"), ("old", ""), ("new", "new")])
def test_a_run_that_was_cut_off_is_made_good(tmp_path: Path, before: str, after: str, serial: int) -> None:
    """Release 1 has ipykernel, 2 has not; the last deploy said ``before`` and left release 1, now 2 or 1 is current."""
    world = tmp_path / "world"
    before, after = (str(world / "share" / name) if name else "" for name in (before, after))
    store = Store(world / "opt")
    made = {n: make_release(tmp_path / "depot", store.root, n, packages=(WITH, WITHOUT)[n - 1]) for n in (1, 2)}
    run(store, before, made[1])
    made[2].send(store)
    deploy(store, made[2].step(kernels=before), made[2].sha256, 2)
    rollback(store, "demo", "", check_mode=False)
    if serial == 2:
        store.switch("demo", release_id(2))
    keep(world)
    cuts, ended = -1, False
    while not ended:
        cuts += 1
        again(world)
        with pytest.MonkeyPatch.context() as patch, store.lock("demo"):
            cut_after(patch, cuts)
            try:
                kernelspec.apply(store, "demo", after)
                ended = True
            except Cut:
                pass
        run(store, after, made[serial])
        files = [str(path) for path in (world / "share").rglob("*") if path.is_file()]
        assert files == ([f"{after}/demo/kernel.json"] if after and serial == 1 else [])
    assert cuts > 0 or (before == after and serial == 1)


LAUNCHER = """\
import json, os, sys
names = ("CONDA_PREFIX", "SEED_LIBRARY_PATH", "PATH", "NEEDS_BASH")
print(json.dumps({"pid": os.getpid(), "argv": sys.argv[1:], **{name: os.environ.get(name) for name in names}}))
"""


@pytest.mark.parametrize("folder", ["opt", "a 'strange' {place} $HOME"])
def test_it_starts_the_current_release_activated(tmp_path: Path, kernels: Path, folder: str) -> None:
    store = Store(tmp_path / folder)
    tree = {
        **TREE,
        "bin/python": f'#!/bin/sh\nPYTHONPATH=$CONDA_PREFIX/lib exec {sys.executable} "$@"\n',
        "lib/ipykernel_launcher.py": LAUNCHER,
        "etc/conda/activate.d/seed.sh": 'export SEED_LIBRARY_PATH="$CONDA_PREFIX/lib"\n',
        "etc/conda/activate.d/tool.sh": "function f() { local -a a=(1 2); export NEEDS_BASH=${a[1]}; }; f\n",
    }
    for serial in (1, 2):
        made = make(store, serial, tree=tree)
        made.send(store)
        deploy(store, made.step(kernels=str(kernels)), made.sha256, 2)
    rollback(store, "demo", "", check_mode=False)
    write_command(store)
    argv = json.loads((kernels / "demo/kernel.json").read_text(encoding="ascii"))["argv"]
    connection = str(tmp_path / "kernel 1.json")
    command = [word.replace("{connection_file}", connection) for word in argv]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={"PATH": os.defpath, "CONDA_PREFIX": "/jupyter"})
    seen = json.loads(process.communicate()[0])
    prefix = str(store.release("demo", release_id(1)))
    assert seen["argv"] == ["-f", connection]
    assert seen["pid"] == process.pid
    assert seen["CONDA_PREFIX"] == prefix
    assert seen["SEED_LIBRARY_PATH"] == f"{prefix}/lib"
    assert seen["NEEDS_BASH"] == "2"
    assert seen["PATH"].startswith(f"{prefix}/bin:")


def test_one_whose_environment_is_gone_says_so(store: Store, kernels: Path) -> None:
    run(store, kernels, make(store, 1))
    (store.root / "demo/current").unlink()
    write_command(store)
    argv = json.loads((kernels / "demo/kernel.json").read_text(encoding="ascii"))["argv"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "deploy the environment demo to this host" in done.stderr
