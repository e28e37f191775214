# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Python-free first step: its shell is run for real, on roots made for the occasion."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._first import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._first import look as _look
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import MARGIN, PER_FILE
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import listen, marked
from ansible_collections.airgap.conda.tests.unit.tiny_bare_host import SHELLS, Host
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    PYTHON,
    TREE,
    make_release,
    release_id,
    write_tree,
)

pytestmark = [pytest.mark.usefixtures("quick_disk"), pytest.mark.slow]


@pytest.fixture(params=SHELLS)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    return Host(tmp_path, request.param)


def test_a_fresh_host_gets_what_the_store_would_have_written(host: Host) -> None:
    seen = host.look()
    assert seen["current"] == ""
    assert seen["folder"] == str(host.folder)
    made = host.make(1, part_size=90)
    assert len(made.manifest.payloads[0].parts) > 3
    assert not _bootstrap.is_done(seen, made.wanted)
    done = host.install(made)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    store, release = host.store, made.manifest.id
    assert _bootstrap.is_done(host.look(), made.wanted)
    assert (store.current("runtime"), store.releases("runtime")) == (release, [release])
    assert store.differences("runtime", release) == []
    assert (store.high_water("runtime"), store.envs()) == (1, ["runtime"])
    assert (store.state("runtime") / "log").read_text(encoding="ascii").endswith(f" - -> {release}\n")
    assert sorted(path.name for path in host.root.iterdir()) == [".state", "runtime"]
    assert sorted(path.name for path in (host.root / "runtime").iterdir()) == [
        release, "activate", "activate.csh", "activate.fish", "current",
    ]  # fmt: skip
    for path in [host.root, *host.root.rglob("*")]:
        assert ".locks" in path.parts or path.is_symlink() or path.stat().st_mode & 0o044 == 0o044, path
    script = (
        f". '{str(host.root).replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}/runtime/activate'; command -v python"
    )
    assert host.sh(script).stdout == f"{store.release('runtime', release)}/bin/python\n"


def test_a_second_run_has_nothing_to_do_and_does_no_harm(host: Host) -> None:
    made = host.bring(1)
    before = host.rest()
    assert _bootstrap.is_done(host.look(), made.wanted)
    assert host.install(made).returncode == 0
    after = host.rest()
    assert {name for name in before | after if before.get(name) != after.get(name)} == {".state/runtime/log"}


def test_releases_coexist_and_the_mark_rises(host: Host) -> None:
    host.bring(2)
    third = host.bring(3)
    assert host.store.releases("runtime") == [release_id(2), release_id(3)]
    assert (host.look()["current"], host.look()["high_water"]) == (release_id(3), "3")
    host.bring(1)  # an explicit downgrade
    assert (host.look()["current"], host.look()["high_water"]) == (release_id(1), "3")
    # The mark of a run that was cut off before it wrote one is that of the current release.
    (host.store.state("runtime") / "high-water").write_text("what?", encoding="ascii")
    host.bring(4)
    (host.store.state("runtime") / "high-water").write_text("2\n", encoding="ascii")
    assert host.install(third).returncode == 0
    assert (host.look()["current"], host.look()["high_water"]) == (release_id(3), "4")


@pytest.mark.parametrize(
    "name", ["manifest.json", "manifest.json.sig", "files.json.zst", "env.tar.gz.001", "compare", "scripts"]
)
def test_what_is_damaged_leaves_nothing(host: Host, name: str) -> None:
    host.bring(1)
    before = host.rest()
    made = host.make(2)
    host.send(made)
    path = host.tmp / name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    done = host.install(made, send=False)
    assert done.returncode == 1
    assert done.stderr == f"not as it was signed: {name}: FAILED\n"
    path.unlink()
    assert host.install(made, send=False).returncode == 1
    assert host.rest() == before


def test_a_tree_is_compared_with_the_list_that_its_manifest_names(tmp_path: Path) -> None:
    one, two = (make_release(tmp_path / "depot", tmp_path, serial, formats=("tar.gz",)) for serial in (1, 2))
    (tmp_path / "compare").write_bytes(_install.programs(str(tmp_path))["compare"])
    prefix = write_tree(tmp_path / "prefix", {**TREE, "serial": "1"})

    def compare() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-IB", *map(str, (tmp_path / "compare", prefix, one.folder))]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = compare()
    assert (done.returncode, done.stderr) == (0, "")
    shutil.copy(two.folder / FILES, one.folder)
    done = compare()
    assert done.returncode == 1
    assert "A file is not as it was signed" in done.stderr
    assert FILES in done.stderr


def test_a_damaged_first_one_leaves_the_lock_only(host: Host) -> None:
    made = host.make(1)
    host.send(made)
    (host.tmp / "env.tar.gz.000").write_bytes(b"x")
    assert host.install(made, send=False).returncode == 1
    assert host.rest().keys() == {".state", ".state/runtime"}


def test_a_failing_import_is_shown_and_removed(host: Host) -> None:
    host.bring(1)
    before = host.rest()
    done = host.install(host.make(2, checks=Checks(imports=("json", "broken"))))
    assert (done.returncode, done.stderr) == (1, "ModuleNotFoundError: No module named 'broken'\n")
    assert host.rest() == before
    assert host.look()["works"] == "yes"


def test_a_runtime_that_broke_is_replaced(host: Host) -> None:
    made = host.bring(1)
    python = host.store.release("runtime", release_id(1)) / "bin/python"
    python.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    assert not _bootstrap.is_done(host.look(), made.wanted)
    assert host.install(made).returncode == 0
    assert python.read_text(encoding="ascii") == PYTHON
    assert host.store.differences("runtime", release_id(1)) == []
    assert sorted(path.name for path in host.root.iterdir()) == [".state", "runtime"]


def test_what_an_interrupted_run_left_is_removed(host: Host) -> None:
    write_tree(host.root, {".staging/runtime/tree/bin/python": "half", ".state/runtime/1-00000001": None})
    host.bring(1)
    assert host.store.differences("runtime", release_id(1)) == []
    assert not (host.root / ".staging").exists()


def test_a_second_run_names_the_first(host: Host) -> None:
    host.bring(1)
    before = host.rest()
    made = host.make(2)
    with open(host.root / ".state/.locks/runtime", "w", encoding="ascii") as lock:
        lock.write("4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = host.install(made)
    assert done.returncode == 1
    assert "another run is at work on the runtime: process 4711" in done.stderr
    assert host.rest() == before


def test_the_lock_is_that_of_the_store_and_names_the_shell(host: Host) -> None:
    slow = f'#!/bin/sh\nflock -n "$LOCK" true && echo free || cat "$LOCK" >>"{host.folder}/holders"\n'
    lock = host.root / ".state/.locks/runtime"
    made = host.make(1, tree={"bin/python": slow.replace('"$LOCK"', f'"{str(lock).replace("$", chr(92) + "$")}"')})
    done = host.install(made)
    assert done.returncode == 0
    holders = (host.folder / "holders").read_text(encoding="ascii").split()
    assert len(set(holders)) == 1


def test_the_runtime_of_an_earlier_deploy_is_found(host: Host) -> None:
    with raised("runtime-broken") as caught:
        _bootstrap.require_runtime(host.look(), "ws1")
    assert (caught.value.found, caught.value.where) == ("no runtime", f"{host.root}/runtime on ws1")
    assert (caught.value.wanted, caught.value.remedy) == (
        "a host that a deploy has reached", "run airgap.conda.deploy for this host",
    )  # fmt: skip
    host.bring(1)
    python = host.store.release("runtime", release_id(1)) / "bin/python"
    assert _bootstrap.require_runtime(host.look(), "ws1") == {"release": release_id(1), "interpreter": str(python)}
    python.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    with raised("runtime-broken") as caught:
        _bootstrap.require_runtime(host.look(), "ws1")
    assert caught.value.found == f"runtime {release_id(1)}, whose Python does not start"


# --- the look, and what is refused after it ------------------------------------------------------------------------


def test_the_look_tells_what_there_is(host: Host) -> None:
    seen = host.look()
    assert seen["machine"] == os.uname().machine
    assert seen["glibc"].startswith("glibc 2.")
    assert seen["writable"] == "yes"
    free = shutil.disk_usage(host.folder).free >> 10
    assert abs(int(seen["free_kib"]) - free) < max(free // 10, 200_000)
    assert seen["user"] == str(os.geteuid())
    assert seen["mount"].startswith("rw")


SEEN = {
    "root": "/opt/conda-envs", "current": release_id(4), "works": "yes", "high_water": "5", "machine": "x86_64",
    "glibc": "glibc 2.31", "folder": "/opt", "writable": "yes", "free_kib": str(1 << 30),
}  # fmt: skip


@pytest.fixture
def wanted(tmp_path: Path) -> Release:
    root = Path("/opt/conda-envs")
    return make_release(tmp_path, root, 5, env="runtime", formats=("tar.zst", "tar.gz"), glibc="2.17").wanted


def refused(wanted: Release, **seen: str) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        _bootstrap.check_host({**SEEN, **seen}, wanted, "ws1", allow_downgrade=False)
    assert all((caught.value.problem, caught.value.wanted, caught.value.found, caught.value.where, caught.value.remedy))
    return caught.value


def test_a_good_host_is_not_refused(wanted: Release) -> None:
    _bootstrap.check_host(SEEN, wanted, "ws1", allow_downgrade=False)
    _bootstrap.check_host({**SEEN, "high_water": "", "current": ""}, wanted, "ws1", allow_downgrade=False)
    _bootstrap.check_host({**SEEN, "high_water": "what?"}, wanted, "ws1", allow_downgrade=False)


def test_another_platform_or_an_older_glibc_is_refused(wanted: Release) -> None:
    error = refused(wanted, machine="aarch64")
    assert (error.code, error.where) == ("platform", "ws1")
    assert (error.wanted, error.found) == ("a release for linux-aarch64", "linux-64")
    error = refused(wanted, glibc="glibc 2.5")
    assert (error.wanted, error.found) == (
        "glibc 2.17 or newer on the host (needed by lib/libneedy.so)", "glibc 2.5",
    )  # fmt: skip
    assert refused(wanted, glibc="").found == "no glibc"


def test_a_place_that_cannot_be_written_is_refused(wanted: Release) -> None:
    error = refused(wanted, writable="")
    assert (error.code, error.where) == ("write", "/opt")


def test_a_file_system_that_starts_no_programs_is_refused(wanted: Release) -> None:
    error = refused(wanted, mount="rw,nosuid,noexec,relatime")
    assert (error.found, error.where) == ("the mount option noexec", "/opt")


@pytest.mark.parametrize(
    ("above", "found"),
    [
        ("1234:0:41ed:/opt", "it belongs to user 1234"),
        ("0:0:41ff:/opt", "mode 777: everybody can write it"),
        ("1234:0:a1ff:/opt", "it belongs to user 1234"),
        ("0:0:81a4:/opt", "no folder"),
    ],
)
def test_a_place_that_others_can_exchange_is_refused(wanted: Release, above: str, found: str) -> None:
    error = refused(wanted, user="0", above_7=above)
    assert (error.found, error.where) == (found, "/opt")
    assert ("remove /opt," if found == "no folder" else "chmod go-w /opt,") in error.remedy
    _bootstrap.check_host({**SEEN, "user": "1234", "above_7": "1234:0:41ed:/opt"}, wanted, "ws1", allow_downgrade=False)
    for fine in ("0:0:43ff:/tmp", "0:50:45fd:/usr/local", "0:0:a1ff:/opt", "", "what?"):
        _bootstrap.check_host({**SEEN, "user": "0", "above_7": fine}, wanted, "ws1", allow_downgrade=False)


def test_the_look_goes_up_both_ways_through_a_link(host: Host) -> None:
    real = host.folder / "re al"
    (real / "deep").mkdir(parents=True)
    real.chmod(0o777)
    host.root.symlink_to(real / "deep")
    seen = [value for name, value in host.look().items() if name.startswith("above_")]
    modes = {value.split(":", 3)[3]: value.split(":")[2] for value in seen}
    assert modes[str(host.root)] == "a1ff"
    assert modes[str(real)] == "41ff"
    assert "/" in modes


def test_a_mount_point_with_a_space_in_its_name_is_found(host: Host) -> None:
    lines = ("none / ext4 rw 0 0", r"none /media/old\040\0401disk tmpfs rw,noexec 0 0")
    write_tree(host.folder, {"mounts": "".join(f"{line}\n" for line in lines)})
    (host.bin / "df").unlink(missing_ok=True)
    df = "Filesystem 1024-blocks Used Available Capacity Mounted on\nnone 9 0 9 0% /media/old  1disk"
    write_tree(host.folder, {"bin/df": f"#!/bin/sh\ncat <<'END'\n{df}\nEND\n"})
    script = _look.look_script(str(host.root)).replace("/proc/self/mounts", f"'{host.folder}/mounts'")
    assert listen(host.sh(marked(script, "m")).stdout, "m", _look.LOOKED).first()["mount"] == "rw,noexec"


def test_a_host_without_room_is_refused(wanted: Release) -> None:
    size = next(payload.size for payload in wanted.payloads if payload.format == "tar.gz")
    need = size + wanted.bytes + wanted.files * PER_FILE + MARGIN
    _bootstrap.check_host({**SEEN, "free_kib": str(-(-need >> 10))}, wanted, "ws1", allow_downgrade=False)
    error = refused(wanted, free_kib=str((need >> 10) - 1))
    assert (error.code, error.where) == ("space", "/opt on ws1")
    assert "runtime 5-00000005" in error.problem
    assert refused(wanted, free_kib="").found == "0 MiB free"


@pytest.mark.parametrize("seen", [{"high_water": "6"}, {"current": release_id(6)}])
def test_an_older_serial_is_refused_unless_it_is_wanted(wanted: Release, seen: dict[str, str]) -> None:
    error = refused(wanted, **seen)
    assert (error.wanted, error.found) == ("serial 6 or higher", "serial 5 (5-00000005)")
    _bootstrap.check_host({**SEEN, **seen}, wanted, "ws1", allow_downgrade=True)


def test_another_root_is_refused(wanted: Release) -> None:
    assert refused(wanted, root="/srv/envs").wanted.endswith("/srv/envs/runtime/5-00000005")


def test_a_release_that_needs_zstd_is_refused(tmp_path: Path) -> None:
    made = make_release(tmp_path, Path("/opt/conda-envs"), 5, env="runtime")
    error = refused(made.wanted)
    assert (error.wanted, error.found) == ("a payload in tar.gz", "tar.zst")
