# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deploy, rollback and verification on one host: what is checked becomes current, what fails does not."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_gpu import bare
from ansible_collections.airgap.conda.tests.unit.tiny_processes import can_shield
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    TREE,
    Made,
    make_release,
    release_id,
    snapshot,
    without_locks,
)

BROKEN = Checks(imports=("json", "broken"), timeout=20)


pytestmark = pytest.mark.usefixtures("quick_disk")


def make(store: Store, serial: int, **options: Any) -> Made:
    return make_release(store.root.parent / "depot", store.root, serial, **options)


def bring(store: Store, serial: int, keep: int = 2, **options: Any) -> Made:
    made = make(store, serial, **options)
    made.send(store)
    deploy(store, made.step(), made.sha256, keep)
    return made


def test_a_deploy_installs_checks_switches_and_prunes(store: Store) -> None:
    for serial in (1, 2, 3):
        bring(store, serial)
    assert store.releases("demo") == [release_id(2), release_id(3)]
    assert store.current("demo") == release_id(3)
    assert store.high_water("demo") == 3
    assert sorted(path.name for path in store.root.iterdir()) == [".state", "demo"]
    assert verify(store, "demo") == {
        "env": "demo", "release": release_id(3), "installed": [release_id(2), release_id(3)], "previous": release_id(2),
        "gpu": None, "warnings": [],
    }  # fmt: skip


def test_nothing_to_do_does_nothing(store: Store) -> None:
    made = bring(store, 1)
    before = snapshot(store.root)
    done = deploy(store, made.step("none"), made.sha256, 2)
    assert (done.seconds, done.pruned) == ({}, [])
    assert snapshot(store.root) == before


def test_a_failed_check_changes_nothing_and_shows_its_output(store: Store) -> None:
    bring(store, 1)
    before = without_locks(store.root)
    with raised("check-failed", problem="demo 2-00000002.*; 1-00000001 stays current") as caught:
        bring(store, 2, checks=BROKEN)
    assert caught.value.wanted == "success of: import broken"
    assert caught.value.found == "exit status 1: ModuleNotFoundError: No module named 'broken'"
    assert without_locks(store.root) == before
    assert store.high_water("demo") == 1


def test_a_failed_first_release_leaves_no_environment(store: Store) -> None:
    with raised("check-failed"):
        bring(store, 1, checks=BROKEN)
    assert [path.name for path in store.root.iterdir()] == [".state"]
    assert set(without_locks(store.root)) <= {".state", ".state/demo"}


def test_a_release_that_was_current_before_is_not_removed_by_a_failed_check(store: Store) -> None:
    flaky = Checks(commands=(f"test ! -e {store.root.parent}/flaky",), timeout=20)
    bring(store, 1)
    second = bring(store, 2, checks=flaky)
    rollback(store, "demo", "", check_mode=False)
    (store.root.parent / "flaky").touch()
    with raised("check-failed"):
        deploy(store, second.step("switch"), second.sha256, 2)
    assert store.current("demo") == release_id(1)
    assert store.releases("demo") == [release_id(1), release_id(2)]


def test_a_release_left_by_a_run_that_was_killed_before_its_check_is_removed_when_it_fails(store: Store) -> None:
    bring(store, 1)
    made = make(store, 2, checks=BROKEN)
    made.send(store)
    with store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst")
    with raised("check-failed"):
        deploy(store, made.step("switch"), made.sha256, 2)
    assert store.releases("demo") == [release_id(1)]


def test_an_explicit_downgrade_keeps_the_mark(store: Store) -> None:
    bring(store, 5)
    bring(store, 4)
    assert store.current("demo") == release_id(4)
    assert store.high_water("demo") == 5


def test_old_parts_of_interrupted_transfers_go(store: Store) -> None:
    make(store, 1).send(store)
    bring(store, 2)
    assert not (store.root / ".incoming").exists()


# --- back by itself --------------------------------------------------------------------------------------------------

# Ways to be broken for users, though no check finds it while another release is current: what happens once it is.
ONCE_CURRENT = 'if [ "$(readlink "$CONDA_PREFIX/../current")" = "${{CONDA_PREFIX##*/}}" ]; then {0}; fi'
LATE = {
    "the shell fails": "echo broken; exit 3",
    "the shell ends": "exit 0",
    "elsewhere": "CONDA_PREFIX=/elsewhere",
    "no end": "sleep 60",
}


def late(how: str, **more: Any) -> dict[str, Any]:
    """Return options of a release that is broken like that."""
    tree = {**TREE, "etc/conda/activate.d/late.sh": ONCE_CURRENT.format(LATE.get(how, ":")), **more}
    return {"tree": tree, "checks": Checks(imports=("json",), commands=("true",), timeout=2)}


NOT_CURRENT = late("the shell fails")
# A Python that works until it is current.
PYTHON = {"bin/python": f"#!/bin/sh\n{ONCE_CURRENT.format('echo no Python here; exit 9')}\n"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (NOT_CURRENT, "exit status 3: broken"),
        (late("the shell ends"), "exit status 0"),
        (late("elsewhere"), "exit status 0: activated /elsewhere"),
        (late("no end"), "no end after 2 s"),
        (late("", **PYTHON), "exit status 9: no Python here"),
    ],
    ids=[*LATE, "python"],
)
def test_a_release_that_does_not_start_after_the_switch_brings_the_old_one_back(
    store: Store, options: dict[str, Any], says: str
) -> None:
    bring(store, 1)
    log = store.log("demo")
    with raised("start-failed", problem="demo 2-00000002.*; 1-00000001 is current again") as caught:
        bring(store, 2, **options)
    assert caught.value.found == says
    assert caught.value.where == str(store.root / "demo/activate")
    assert (store.current("demo"), store.high_water("demo"), store.log("demo")) == (release_id(1), 1, log)
    assert verify(store, "demo")["release"] == release_id(1)
    assert store.releases("demo") == [release_id(1), release_id(2)]  # somebody may have started it
    bring(store, 3)
    assert store.log("demo")[-1].endswith(f" {release_id(1)} -> {release_id(3)}")


@pytest.mark.parametrize("uninstalled", [False, True], ids=["first", "after an uninstall"])
def test_without_an_old_release_none_is_current_again(store: Store, uninstalled: bool) -> None:
    if uninstalled:
        bring(store, 1)
        uninstall(store, "demo")
    with raised("start-failed"):
        bring(store, 2, **NOT_CURRENT)
    assert store.current("demo") == ""
    assert [path.name for path in (store.root / "demo").iterdir()] == [release_id(2)]


@pytest.mark.parametrize("works", [True, False])
def test_a_run_that_was_cut_off_after_the_switch_is_checked_by_the_next(store: Store, works: bool) -> None:
    bring(store, 1)
    made = make(store, 2, **({} if works else NOT_CURRENT))
    made.send(store)
    with store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst")
        with pytest.raises(KeyboardInterrupt):
            store.switch("demo", made.manifest.id, interrupt)
    assert (store.current("demo"), store.proved("demo")) == (release_id(2), release_id(1))
    step = inspect(store, [made.wanted], 2, False, ["tar.zst"])[0]
    with nullcontext() if works else raised("start-failed", problem="1-00000001 is current again"):
        deploy(store, step, made.sha256, 2)
    assert store.current("demo") == store.proved("demo") == release_id(2 if works else 1)


def test_the_checks_run_once_and_the_scripts_next_to_current_are_sourced_after_the_switch(store: Store) -> None:
    ran = store.root.parent / "ran"
    commands = (f'echo "check $CONDA_PREFIX" >>{ran}',)
    script = f'echo "activated $(readlink "$CONDA_PREFIX/../current")" >>{ran}'
    tree = {**TREE, "etc/conda/activate.d/tell.sh": script}
    bring(store, 1, tree=tree, checks=Checks(commands=commands, timeout=20))
    prefix = store.release("demo", release_id(1))
    lines = ["activated ", f"check {prefix}", f"activated {release_id(1)}"]
    if not can_shield():  # the release is looked at after its activation alone, and again after the check
        lines.insert(0, "activated ")
    assert ran.read_text(encoding="ascii").splitlines() == lines


def test_without_python_a_release_starts_by_its_activation(store: Store) -> None:
    tree = {name: content for name, content in TREE.items() if not name.startswith("bin/")}
    bring(store, 1, tree=tree, checks=Checks(commands=("true",), timeout=20))
    assert store.current("demo") == release_id(1)


def test_a_store_behind_a_link_starts(store: Store) -> None:
    (store.root.parent / "disk").mkdir()
    store.root.symlink_to("disk")
    bring(store, 1, checks=Checks(imports=("json",), timeout=20))
    assert store.current("demo") == release_id(1)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_a_log_that_was_lost_takes_no_environment_away(store: Store) -> None:
    bring(store, 1)
    (store.state("demo") / "log").unlink()
    with store.lock("demo"):
        store.undo_switch("demo")
    assert store.current("demo") == release_id(1)


# --- rollback --------------------------------------------------------------------------------------------------------


def test_rollback_goes_to_the_release_before(store: Store) -> None:
    for serial in (1, 2, 3):
        bring(store, serial, keep=3)
    before = snapshot(store.root)
    assert rollback(store, "demo", "", check_mode=True).release == release_id(2)
    assert snapshot(store.root) == before
    assert rollback(store, "demo", "", check_mode=False).release == release_id(2)
    assert rollback(store, "demo", "", check_mode=False).release == release_id(1)
    assert store.current("demo") == release_id(1)
    with raised("nothing-older", problem="demo") as caught:
        rollback(store, "demo", "", check_mode=False)
    assert caught.value.found == "1-00000001, 2-00000002, 3-00000003, current is 1-00000001"
    assert rollback(store, "demo", release_id(3), check_mode=False).release == release_id(3)
    assert rollback(store, "demo", release_id(3), check_mode=False).release == release_id(3)  # nothing to do
    assert store.high_water("demo") == 3


@pytest.mark.parametrize("target", ["7-00000007", "../../etc", "current"])
def test_rollback_goes_only_to_what_is_there(store: Store, target: str) -> None:
    bring(store, 1)
    with raised("nothing-older") as caught:
        rollback(store, "demo", target, check_mode=False)
    assert target in caught.value.wanted
    with raised("nothing-older", problem="other"):
        rollback(store, "other", "", check_mode=False)
    assert not (store.root / ".state/other").exists()


# --- verify ----------------------------------------------------------------------------------------------------------


def test_verify_names_what_differs(store: Store) -> None:
    bring(store, 1)
    path = store.release("demo", release_id(1)) / "lib/data.txt"
    path.write_text("date" * 900, encoding="ascii")
    with raised("release-damaged", problem="1 path ") as caught:
        verify(store, "demo")
    assert caught.value.where == str(path)
    assert caught.value.found == "lib/data.txt: other content"


def test_verify_runs_the_checks(store: Store) -> None:
    bring(store, 1, checks=Checks(commands=(f"test ! -e {store.root.parent}/sick",), timeout=20))
    verify(store, "demo")
    (store.root.parent / "sick").touch()
    with raised("check-failed"):
        verify(store, "demo")


def test_checks_write_nothing_into_the_release(store: Store) -> None:
    command = 'test "$HOME" != / && touch "$HOME/cache" && test "$PYTHONDONTWRITEBYTECODE" = 1'
    bring(store, 1, checks=Checks(commands=(command,), timeout=20))
    assert store.differences("demo", release_id(1)) == []


def test_verify_says_when_an_environment_is_not_there(store: Store) -> None:
    bring(store, 1)
    with raised("env-missing", problem="other") as caught:
        verify(store, "other")
    assert caught.value.found == "environments demo"


@pytest.mark.parametrize("gone", ["opt/demo/1-00000001", "opt/.state/demo/1-00000001"])
def test_verify_says_when_current_leads_nowhere(store: Store, gone: str) -> None:
    bring(store, 1, tree=TREE)
    (store.root.parent / gone).rename(store.root.parent / "away")
    with raised("release-missing"):
        verify(store, "demo")


def test_a_release_that_requires_a_gpu_does_not_become_current_without_one(store: Store, tmp_path: Path) -> None:
    bring(store, 1)
    made = make(store, 2, gpu="required")
    made.send(store)
    with raised("driver", problem=f"gpu: required; {release_id(1)} stays current") as caught:
        deploy(store, made.step(), made.sha256, 2, bare(tmp_path / "host").tools)
    assert caught.value.as_result()["gpu"]["verdict"] == "absent"
    assert store.current("demo") == release_id(1)
    assert store.releases("demo") == [release_id(1)]


def test_a_gpu_that_answers_nonsense_is_a_warning_where_it_is_optional(store: Store, tmp_path: Path) -> None:
    host = bare(tmp_path / "host", card=True).with_module("535.183.01").with_smi("echo nonsense")
    made = make(store, 1, gpu="optional")
    made.send(store)
    done = deploy(store, made.step(), made.sha256, 2, host.tools)
    assert store.current("demo") == release_id(1)
    assert [text.split(":")[0] for text in done.warnings][:1] == ["GPU unknown"]
    found = verify(store, "demo", host.tools)
    assert found["gpu"]["verdict"] == "unknown"
    assert found["warnings"] == done.warnings
