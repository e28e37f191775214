# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever runs for a check leaves the release as it was signed, or is named as what changed it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._gpu import works
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import Clock
from ansible_collections.airgap.conda.plugins.module_utils._run import keeper, process
from ansible_collections.airgap.conda.plugins.module_utils._run.shield import Shield
from ansible_collections.airgap.conda.plugins.module_utils._store.checks import require_checks
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_processes import can_shield
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    TREE,
    Made,
    make_release,
    skip_flushes,
    snapshot,
    write_tree,
)

# What libarrow does, and worse.
LINK = 'mkdir -p "$CONDA_PREFIX/share/gdb/$CONDA_PREFIX" && ln -sf ../x "$CONDA_PREFIX/share/gdb/$CONDA_PREFIX/x.py"\n'
REWRITE = 'echo "$CONDA_PREFIX" >"$CONDA_PREFIX/lib/data.txt"\n'
REMOVE = 'rm -f "$CONDA_PREFIX/lib/empty"\n'
WAYS = {"link": LINK, "rewrite": REWRITE, "remove": REMOVE, "mode": 'chmod 600 "$CONDA_PREFIX/lib/data.txt"\n'}

shielding = pytest.mark.skipif(not can_shield(), reason="no mounts of one's own here")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    skip_flushes(monkeypatch)
    return Store(tmp_path / "opt")


def bring(store: Store, script: str, checks: Checks | None = None) -> Made:
    tree = {**TREE, "etc/conda/activate.d/gdb_activate.sh": script, "etc/conda/activate.d/other.sh": ":\n"}
    made = make_release(store.root.parent / "depot", store.root, tree=tree, checks=checks)
    made.send(store)
    return made


@shielding
@pytest.mark.parametrize("way", WAYS)
def test_an_activation_that_writes_leaves_the_release_as_it_was_signed(store: Store, way: str) -> None:
    made = bring(store, WAYS[way])
    done = deploy(store, made.step(), made.sha256, 2)
    assert done.warnings == []
    before = snapshot(store.root / "demo")
    for _time in range(2):
        assert verify(store, "demo")["warnings"] == []
    assert snapshot(store.root / "demo") == before


@shielding
def test_a_check_that_writes_fails_and_may_write_elsewhere(store: Store) -> None:
    made = bring(store, "", Checks(commands=('echo >"$HOME/mine" && echo >"$CONDA_PREFIX/mine"',), timeout=20))
    with raised("check-failed", problem="demo") as caught:
        deploy(store, made.step(), made.sha256, 2)
    assert "Read-only file system" in caught.value.found


@shielding
def test_what_computes_on_a_gpu_cannot_write_either(tmp_path: Path) -> None:
    python = '#!/bin/sh\necho >"$CONDA_PREFIX/lib/torch-cache"\n'
    prefix = write_tree(tmp_path / "demo", {"bin/python": python, "lib/python3.11/site-packages/torch/__init__.py": ""})
    gpu = Gpu(0, "GPU-1", "a GPU")
    (trial,) = works.try_all(prefix, [gpu], Clock(20))
    assert "Read-only file system" in trial.outcome.output
    assert not (prefix / "lib/torch-cache").exists()


@pytest.fixture
def _no_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand for a container without CAP_SYS_ADMIN, or an ordinary user whose system has no user namespaces."""
    run = process.run

    def run_unshielded(command: Sequence[str], shielded: Sequence[str] = (), **options: Any) -> process.Outcome:
        if shielded:
            return process.Outcome(keeper.UNSHIELDED, f"{keeper.NOT_SHIELDED}Operation not permitted", 0.0)
        return run(command, **options)

    monkeypatch.setattr(process, "run", run_unshielded)


@pytest.mark.usefixtures("_no_mounts")
def test_without_mounts_what_an_activation_adds_is_removed_and_said_with_its_script(store: Store) -> None:
    made = bring(store, LINK)
    done = deploy(store, made.step(), made.sha256, 2)
    assert len(done.warnings) == 1
    assert done.warnings[0].startswith("etc/conda/activate.d/gdb_activate.sh added share/gdb")
    warnings = verify(store, "demo")["warnings"]
    assert ["gdb_activate.sh" in text for text in warnings] == [True]
    assert len(verify(store, "demo")["warnings"]) == 1


@pytest.mark.usefixtures("_no_mounts")
@pytest.mark.parametrize(("way", "path"), [("rewrite", "lib/data.txt"), ("remove", "lib/empty"), ("mode", "lib/data")])
def test_without_mounts_what_an_activation_changes_is_refused_with_its_script(
    store: Store, way: str, path: str
) -> None:
    made = bring(store, WAYS[way])
    with raised("release-changed") as caught:
        deploy(store, made.step(), made.sha256, 2)
    assert caught.value.found.startswith(f"etc/conda/activate.d/gdb_activate.sh changed {path}")
    assert store.current("demo") == ""
    assert store.releases("demo") == []


@pytest.mark.usefixtures("_no_mounts")
def test_without_mounts_a_check_that_writes_is_named(store: Store) -> None:
    command = 'echo >"$CONDA_PREFIX/lib/data.txt"'
    made = bring(store, "", Checks(commands=("true", command), timeout=20))
    with raised("release-changed") as caught:
        require_checks(write_tree(store.root / "x", TREE), made.manifest, "")
    assert caught.value.found == f"the check {command} changed lib/data.txt"


def test_byte_code_is_no_change(tmp_path: Path) -> None:
    shield = Shield.of_looks(write_tree(tmp_path / "x", TREE))
    write_tree(tmp_path / "x", {"lib/__pycache__/a.pyc": b"x"})
    shield.look("")
    assert shield.concerns == []


@shielding
def test_a_program_whose_folders_cannot_be_shielded_does_not_run(tmp_path: Path) -> None:
    outcome = process.run(["/bin/sh", "-c", "echo ran"], deadline=20, shielded=[str(tmp_path / "nowhere")])
    assert outcome.returncode == 125
    assert "cannot be shielded" in outcome.output
    assert "ran" not in outcome.output.split()


@shielding
def test_shielding_imports_nothing(tmp_path: Path) -> None:
    """It happens with each check of a release: ctypes would be a fifth of it."""
    program = (
        f"{inspect.getsource(keeper).partition('if __name__')[0]}shield([{str(tmp_path)!r}], '')\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-IBSc", program], capture_output=True, text=True, check=True)
    assert "ctypes" not in done.stdout.split()


def test_a_mount_that_took_no_effect_is_no_shield(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "own_mounts", lambda: False)
    monkeypatch.setattr(keeper, "mount", lambda *_words: None)
    with pytest.raises(OSError, match="can still be written"):
        keeper.shield([str(tmp_path)], "")


@shielding
def test_what_is_written_lands_in_another_folder(tmp_path: Path) -> None:
    prefix = write_tree(tmp_path / "a, b:c\\", TREE)
    catch = write_tree(tmp_path / "catch", {"upper": None, "work": None})
    before = snapshot(prefix)
    script = f"cd '{prefix}' && echo new >lib/data.txt && echo more >lib/more && rm lib/empty && cat lib/more"
    outcome = process.run(["/bin/sh", "-c", script], deadline=20, shielded=[str(prefix)], catch=str(catch))
    assert (outcome.returncode, outcome.output) == (0, "more\n")
    assert snapshot(prefix) == before
    assert (catch / "upper/lib/data.txt").read_text(encoding="ascii") == "new\n"
