# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that serves itself: what a person at it installs from a drive, by the keys that the host has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import blocks
from ansible_collections.airgap.conda.plugins.module_utils._cli import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._cli.main import main
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE, Checks
from ansible_collections.airgap.conda.plugins.module_utils._source import place as _place
from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.tests.unit.tiny_lone import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    TREE,
    make_release,
    release_id,
    without_locks,
)
from ansible_collections.airgap.conda.tests.unit.tiny_site import damage

pytestmark = pytest.mark.usefixtures("quick_disk")
ONE, TWO, THREE = release_id(1), release_id(2), release_id(3)


def test_a_host_installs_all_that_is_on_a_drive_and_then_nothing(host: Host) -> None:
    checked = host.run("check", str(host.drive))[0].splitlines()
    assert [line.partition(":")[0] for line in checked] == ["runtime", "demo", "other"]
    assert list(host.store.root.iterdir()) == []
    output, said = host.run("install", str(host.drive), "--yes")
    assert output.splitlines() == [f"{env}: - -> {ONE}" for env in ("runtime", "demo", "other")]
    assert said == ""
    assert host.current() == dict.fromkeys(("demo", "other", "runtime"), ONE)
    assert not (host.store.root / ".incoming").exists()
    before = without_locks(host.store.root)
    assert host.run("install", str(host.depot))[0].count("already current") == 3
    assert without_locks(host.store.root) == before


def test_one_environment_and_one_release(host: Host) -> None:
    host.make("demo", 2)
    host.install("--env", "demo", "--release", ONE)
    assert host.current() == {"demo": ONE}
    host.install("--env", "demo")
    assert host.current() == {"demo": TWO}


@pytest.mark.parametrize("envs", [(), ("--env", "demo", "--env", "other")])
def test_a_release_belongs_to_one_environment(host: Host, envs: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(host.store.root, ["install", str(host.drive), "--release", ONE, *envs])
    assert caught.value.code == 2


def test_what_is_not_on_the_drive_is_named_all_at_once(host: Host) -> None:
    error = host.refused(str(host.drive), "--env", "nope", "--env", "demo", "--env", "neither")
    assert error["code"] == "release-missing"
    assert [found["wanted"] for found in error["errors"]] == ["nope (the newest)", "neither (the newest)"]


def test_an_update_brings_what_is_here_and_nothing_else(host: Host) -> None:
    host.install("--env", "demo", "--env", "runtime")
    host.make("demo", 2)
    host.make("demo", 3)
    found = host.document("update", str(host.drive))
    assert found["changed"]
    assert {env: (one["before"], one["release"]) for env, one in found["envs"].items()} == {
        "demo": (ONE, THREE),
        "runtime": (ONE, ONE),
    }
    assert host.current() == {"demo": THREE, "runtime": ONE}
    assert not host.document("update", str(host.drive))["changed"]


def test_an_update_leaves_older_releases_alone(host: Host) -> None:
    host.make("demo", 2)
    host.install("--env", "demo")
    shutil.rmtree(host.depot / "demo" / TWO)
    found = host.document("update", str(host.drive))
    assert (found["changed"], found["older"], host.current()) == (False, {"demo": ONE}, {"demo": TWO})
    host.run("update", str(host.drive), "--allow-downgrade")
    assert host.current() == {"demo": ONE}


def test_an_update_of_nothing_is_refused(host: Host) -> None:
    assert host.document("update", str(host.drive), status=1)["error"]["code"] == "nothing-to-update"
    host.install("--env", "other")
    found = host.document("update", str(host.drive), "--env", "demo", status=1)
    assert (found["error"]["code"], found["error"]["found"]) == ("nothing-to-update", "demo")


def test_an_older_release_is_refused_unless_it_is_wanted(host: Host) -> None:
    host.make("demo", 2)
    host.install("--env", "demo")
    error = host.refused(str(host.drive), "--env", "demo", "--release", ONE)
    assert error["code"] == "serial"
    assert "--allow-downgrade" in error["remedy"]
    host.install("--env", "demo", "--release", ONE, "--allow-downgrade")
    assert host.current() == {"demo": ONE}


def test_a_release_of_another_bastion_is_refused(host: Host) -> None:
    host.make("demo", 2, key="foreign")
    assert host.refused()["where"] == str(host.depot / "demo" / TWO / SIGNATURE)


def test_a_manifest_that_was_changed_is_refused(host: Host) -> None:
    damage(host.depot / "demo" / ONE / MANIFEST)
    assert host.refused()["where"] == str(host.depot / "demo" / ONE / SIGNATURE)


@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE])
def test_a_release_without_its_head_is_refused(host: Host, name: str) -> None:
    (host.depot / "demo" / ONE / name).unlink()
    assert host.refused()["where"] == str(host.depot / "demo" / ONE / name)


def test_a_release_with_the_name_of_another_is_refused(host: Host) -> None:
    (host.depot / "demo" / ONE).rename(host.depot / "demo" / TWO)
    assert host.refused()["where"] == str(host.depot / "demo" / TWO / MANIFEST)


def test_a_release_for_another_store_is_refused(host: Host) -> None:
    made = make_release(host.folder / "elsewhere", Path("/opt/conda-envs"), 2)
    signature.sign(made.folder / MANIFEST, host.folder / "key")
    shutil.move(made.folder, host.depot / "demo")
    assert "/opt/conda-envs" in host.refused()["found"]


def test_without_keys_nothing_is_believed(host: Host) -> None:
    _signers.signers_file().unlink()
    assert host.refused()["code"] == "no-signers"


def test_keys_that_others_could_write_are_not_believed(host: Host) -> None:
    _signers.signers_file().chmod(0o666)
    assert host.refused()["code"] == "signers-not-safe"


@pytest.mark.parametrize("name", ["env.tar.zst.001", "files.json.zst"])
def test_a_damaged_file_is_named_before_anything_is_installed(host: Host, name: str) -> None:
    path = host.depot / "demo" / ONE / name
    damage(path)
    for command in (("check",), ("install", "--yes")):
        error = host.document(*command, str(host.drive), status=1)["error"]
        assert (error["code"], error["where"]) == ("file-damaged", str(path))
        assert host.current() == {}


def test_all_that_is_damaged_is_named(host: Host) -> None:
    for env in ("demo", "runtime"):
        damage(host.depot / env / ONE / "env.tar.zst.000")
    assert len(host.document("install", str(host.drive), "--yes", status=1)["error"]["errors"]) == 2


def test_a_source_that_goes_away_is_one_error_and_the_next_run_continues(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = blocks

    def vanishing(path: Path, limit: int) -> Any:
        if path.name == "env.tar.zst.001" and path.parent.parent.name == "demo" and not read:
            read.append(str(path))
            host.drive.rename(host.folder / "pulled")
        return real(path, limit)

    monkeypatch.setattr(_place, "blocks", vanishing)
    error = host.document("install", str(host.drive), "--yes", status=1)["error"]
    assert (error["code"], error["where"]) == ("source-lost", str(host.depot / "demo" / ONE / "env.tar.zst.001"))
    assert "errors" not in error
    assert host.current() == {}
    (host.folder / "pulled").rename(host.drive)

    def noting(path: Path, limit: int) -> Any:
        read.append(f"{path.parent.parent.name} {path.name}")
        return real(path, limit)

    monkeypatch.setattr(_place, "blocks", noting)
    host.install()
    assert [name for name in read if name.endswith("tar.zst.000")] == ["other env.tar.zst.000"]
    assert len(host.current()) == 3


def test_what_fails_its_checks_stays_out_and_the_others_go_on(host: Host) -> None:
    host.install()
    host.make("demo", 2, checks=Checks(commands=("false",), timeout=20))
    host.make("other", 2)
    found = host.document("install", str(host.drive), "--yes", status=1)
    assert found["changed"]
    assert "demo" in found["error"]["problem"]
    assert host.current() == {"demo": ONE, "other": TWO, "runtime": ONE}
    assert host.store.releases("demo") == [ONE]


def test_nothing_is_copied_when_one_release_does_not_fit(host: Host) -> None:
    host.make("other", 2, glibc="9.9")
    assert "glibc 9.9" in host.refused()["wanted"]
    assert list(host.store.root.iterdir()) == []


def test_the_runtime_can_replace_the_one_that_runs_this(host: Host) -> None:
    host.install()
    with open(host.store.release("runtime", ONE) / "bin/python", "rb"):  # as the interpreter of this command is
        for serial in (2, 3):
            host.make("runtime", serial, tree=RUNTIME)
            host.run("update", str(host.drive), "--keep", "1")
        assert host.store.releases("runtime") == [ONE, TWO, THREE]
    assert "removed" in host.run("prune", "runtime", "--keep", "1")[0]
    assert host.store.releases("runtime") == [TWO, THREE]


def test_kernels_stay_where_a_deploy_put_them(host: Host) -> None:
    host.install("--env", "demo")
    (host.store.state("demo") / "jupyter-kernels").write_text("/usr/share/kernels\n", encoding="ascii")
    assert _install.kernels(host.store) == "/usr/share/kernels"
    (host.store.state("demo") / "jupyter-kernels").unlink()
    assert _install.kernels(host.store) == ""


@pytest.mark.parametrize("how", ["old", "none"])
def test_the_runtime_verifies_where_the_host_cannot(
    host: Host, monkeypatch: pytest.MonkeyPatch, how: str, tmp_path: Path
) -> None:
    script = f'#!/bin/sh\nexec {shutil.which("ssh-keygen")} "$@"\n'
    host.make("runtime", 2, tree={**RUNTIME, "bin/ssh-keygen": script})
    host.install("--env", "runtime")
    (tmp_path / "ssh-keygen").write_text("#!/bin/sh\necho 'unknown option -- Y' >&2\nexit 1\n", encoding="ascii")
    (tmp_path / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin" if how == "old" else "/nowhere")
    host.install()
    assert len(host.current()) == 3
    (host.store.root / "runtime/current").unlink()
    assert host.document("check", str(host.drive), status=1)["error"]["code"] == "no-ssh-keygen"


def test_a_user_has_a_store_and_keys_of_their_own(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(host.folder / "home/conf"))
    error = host.document("check", str(host.drive), status=1)["error"]
    assert error["where"] == str(host.folder / "home/conf/airgap-conda/allowed_signers")
    assert "root" in error["remedy"]
    _signers.pin((host.folder / "key.signers").read_text(encoding="ascii"))
    host.install()
    assert len(host.current()) == 3


def with_delta(host: Host) -> None:
    """Install the first release; then the drive gets a second one with a delta, and enough in common."""
    data = os.urandom(30_000)
    tree = {**TREE, "share": None, "lib/big.bin": data}
    made = host.make("more", 1, tree=tree, part_size=1 << 20)
    host.install("--env", "more")
    host.make("more", 2, tree={**tree, "lib/big.bin": data + b"more"}, part_size=1 << 20, base=made)


def test_an_update_copies_only_what_changed(host: Host) -> None:
    with_delta(host)
    (host.depot / "more" / TWO / "env.tar.zst").unlink()  # nobody reads it
    assert host.document("update", str(host.drive), "--env", "more")["envs"]["more"]["bytes"] < 3000
    assert host.current()["more"] == TWO


def test_where_a_delta_does_not_work_the_whole_release_is_copied(host: Host) -> None:
    with_delta(host)
    (host.store.release("more", ONE) / "lib/big.bin").write_bytes(b"somebody wrote here")
    output, said = host.run("update", str(host.drive), "--env", "more")
    assert output.splitlines() == [f"more: {ONE} -> {TWO}"]
    assert "cannot be made out of" in said
    assert host.current()["more"] == TWO
    assert host.store.differences("more", TWO) == []
