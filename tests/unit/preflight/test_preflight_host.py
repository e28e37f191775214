# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of verdicts: each component of a host, each fault of it, and all of them in one look."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, DEGRADED, OK
from ansible_collections.airgap.conda.plugins.module_utils._fit.facts import HostFacts
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import (
    BASELINE,
    CPU_LEVELS,
    cpu_level,
    folders,
)
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import RefusedError, Table
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools
from ansible_collections.airgap.conda.plugins.module_utils._preflight import gather
from ansible_collections.airgap.conda.plugins.module_utils._preflight.gather import cpu_flags, owned
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_gpu import MODULE
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, skip_flushes, snapshot, write_tree

HAVE_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
FLAGS = {level: " ".join(list(CPU_LEVELS.values())[:count]) for count, level in enumerate([BASELINE, *CPU_LEVELS])}


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    return tmp_path / "proc"


@pytest.fixture
def store(tmp_path: Path, proc: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A host on which everything is well: x86-64-v3, glibc 2.31, Linux 5.4, driver 535."""
    skip_flushes(monkeypatch)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "node", lambda: "ws1")
    monkeypatch.setattr(os, "confstr", lambda _name: "glibc 2.31")
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release="5.4.0-150-generic"))
    real = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((*real[:8], 0, real[9])))
    version = MODULE.format(driver="535.183.01")
    write_tree(proc, {"cpuinfo": cpuinfo("x86-64-v3"), "driver/nvidia/version": version})
    return Store(tmp_path / "opt")


def cpuinfo(level: str) -> str:
    return f"processor\t: 0\nmodel name\t: a processor\nflags\t\t: fpu vme {FLAGS[level]} tsc\nbugs\t\t:\n\n"


def look(store: Store, **needs: Any) -> Table:
    """Return the verdicts on a host for one release; what it says is RefusedError's, when it refuses."""
    made = make_release(store.root.parent / "depot", store.root, glibc="2.29", gpu=needs.pop("gpu", "none"))
    wanted = replace(made.wanted, created=needs.pop("created", made.wanted.created))
    wanted = replace(wanted, requirements=replace(wanted.requirements, **needs))
    table, before = Table(), snapshot(store.root.parent)
    tools = Tools(1.0, "no-such-program", store.root.parent / "proc")
    if _refuses(lambda: inspect(store, [wanted], 2, False, ["tar.zst"], table=table, tools=tools)):
        assert table.refusals()
    assert snapshot(store.root.parent) == before
    for verdict in table.verdicts:
        texts = (verdict.problem, verdict.where, verdict.remedy)
        assert all((verdict.wanted, verdict.found))
        assert all(texts) if verdict.verdict != OK else not any(texts), verdict
    return table


def _refuses(step: Callable[[], object]) -> bool:
    try:
        step()
    except RefusedError:
        return True
    return False


def found(table: Table, check: str) -> Any:
    (verdict,) = [verdict for verdict in table.verdicts if verdict.check == check]
    return verdict


def test_a_good_host_has_a_whole_table_of_ok(store: Store) -> None:
    table = look(store, cpu="x86-64-v3", cpu_file="lib/x.so", gpu="required", driver="525.60.13", driver_full="530")
    assert [verdict.check for verdict in table.verdicts] == [
        "serial", "place", "platform", "glibc", "cpu", "driver", "payload",
        "kernel", "write", "mount", "folders", "space", "inodes", "clock",
    ]  # fmt: skip
    assert {verdict.verdict for verdict in table.verdicts} == {OK}
    assert found(table, "cpu").found == "level x86-64-v3"
    assert found(table, "driver").found == "driver 535.183.01"
    assert table.warnings() == []


def test_one_look_finds_everything_and_one_message_says_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "confstr", lambda _name: "glibc 2.27")
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release="2.6.32"))
    made = make_release(store.root.parent / "depot", store.root, glibc="2.29")
    wanted = replace(made.wanted, requirements=replace(made.wanted.requirements, cpu="x86-64-v4"))
    with pytest.raises(RefusedError) as caught:
        inspect(store, [wanted], 2, False, ["tar.zst"], tools=Tools(1.0, "nothing", store.root.parent / "proc"))
    assert (caught.value.code, caught.value.found) == ("glibc", "glibc 2.27")
    assert caught.value.problem.startswith("demo 1-00000001 ")
    assert caught.value.problem.endswith("(refused for 2 more: cpu of demo, kernel)")
    verdicts = {item["check"]: item["verdict"] for item in caught.value.as_result()["verdicts"]}
    assert [check for check, verdict in verdicts.items() if verdict == BROKEN] == ["glibc", "cpu", "kernel"]
    assert verdicts["space"] == OK


# --- processor -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", FLAGS)
def test_the_level_of_a_processor(level: str) -> None:
    assert cpu_level(cpu_flags(cpuinfo(level))) == level


@pytest.mark.parametrize(
    ("level", "flag"), [(level, flag) for level in CPU_LEVELS for flag in CPU_LEVELS[level].split()]
)
def test_every_missing_flag_takes_a_level_away(level: str, flag: str) -> None:
    text = cpuinfo("x86-64-v4").replace(f" {flag} ", " ", 1)
    assert cpu_level(cpu_flags(text)) == [BASELINE, *CPU_LEVELS][list(CPU_LEVELS).index(level)]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 processors have levels")
def test_this_machine_has_a_level() -> None:
    assert cpu_level(cpu_flags(Path("/proc/cpuinfo").read_text(encoding="ascii"))) in FLAGS


def test_an_older_processor_is_refused_with_what_it_lacks(store: Store, proc: Path) -> None:
    (proc / "cpuinfo").write_text(cpuinfo("x86-64-v3").replace(" avx2 ", " "), encoding="ascii")
    verdict = found(look(store, cpu="x86-64-v3", cpu_file="lib/fast.so"), "cpu")
    assert verdict.verdict == BROKEN
    assert verdict.wanted == "a processor of level x86-64-v3 or newer (needed by lib/fast.so)"
    assert verdict.found == "level x86-64-v2, without avx2"
    assert "target.cpu to x86-64-v2" in verdict.remedy


@pytest.mark.parametrize(("text", "needed"), [("", "x86-64-v3"), (cpuinfo("x86-64-v4"), "haswell")])
def test_a_processor_that_cannot_be_compared_is_a_warning(store: Store, proc: Path, text: str, needed: str) -> None:
    (proc / "cpuinfo").write_text(text, encoding="ascii")
    table = look(store, cpu=needed)
    assert found(table, "cpu").verdict == DEGRADED
    assert "cannot be told" in table.warnings()[0]


# --- kernel, driver, clock, mount ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "verdict"), [("3.2.0", OK), ("3.1.10-x", BROKEN), ("2.6.32", BROKEN), ("10.0", OK)]
)
def test_kernel(store: Store, monkeypatch: pytest.MonkeyPatch, release: str, verdict: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=release))
    assert found(look(store), "kernel").verdict == verdict


@pytest.mark.parametrize(
    ("loaded", "gpu", "verdict"),
    [
        ("535.183.01", "required", OK),
        ("525.60.13", "required", DEGRADED),
        ("525.60.12", "required", BROKEN),
        ("470.42.01", "optional", BROKEN),
        ("", "required", BROKEN),
        ("", "optional", OK),
    ],
)
def test_driver(store: Store, proc: Path, loaded: str, gpu: str, verdict: str) -> None:
    (proc / "driver/nvidia/version").write_text(MODULE.format(driver=loaded) if loaded else "", encoding="ascii")
    needs = {"driver": "525.60.13", "driver_full": "530.30.02", "cuda_runtime": "12.1"}
    found_driver = found(look(store, gpu=gpu, **needs), "driver")
    assert found_driver.verdict == verdict
    if verdict != OK:
        assert found_driver.where.endswith("proc/driver/nvidia/version")


def test_a_release_without_a_gpu_is_not_held_to_a_driver(store: Store) -> None:
    table = look(store, driver="999", cuda_runtime="99.0")
    assert "driver" not in {verdict.check for verdict in table.verdicts}


def test_no_driver_with_an_nvidia_smi_is_asked_later(store: Store, proc: Path) -> None:
    (proc / "driver/nvidia/version").unlink()
    made = make_release(store.root.parent / "depot", store.root, gpu="required")
    inspect(store, [made.wanted], 2, False, ["tar.zst"], tools=Tools(1.0, "/bin/true", proc))


@pytest.mark.parametrize(
    ("years", "verdict"), [(-10, DEGRADED), (10, OK), (0, OK)],
)  # fmt: skip
def test_a_clock_that_is_absurd_is_a_warning(
    store: Store, monkeypatch: pytest.MonkeyPatch, years: int, verdict: str
) -> None:
    built = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    now = time.time() + years * 31_536_000
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(
        time, "gmtime", lambda seconds=None, real=time.gmtime: real(now if seconds is None else seconds)
    )
    table = look(store, created=built)
    assert found(table, "clock").verdict == verdict
    assert table.refusals() == []


@pytest.mark.parametrize(("flag", "verdict"), [(0, OK), (os.ST_NOEXEC, BROKEN), (os.ST_NOSUID | os.ST_NODEV, OK)])
def test_mount_options(store: Store, monkeypatch: pytest.MonkeyPatch, flag: int, verdict: str) -> None:
    real = os.statvfs("/")
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((*real[:8], flag, real[9])))
    mount = found(look(store), "mount")
    assert mount.verdict == verdict
    assert verdict == OK or mount.where == str(store.root.parent)


@pytest.mark.parametrize(("name", "refused"), [("demo", True), (".staging", True), ("", False), ("other", False)])
def test_the_store_is_one_file_system(
    store: Store, proc: Path, monkeypatch: pytest.MonkeyPatch, name: str, refused: bool
) -> None:
    store = Store(store.root.parent / "with space")
    place = store.root / name
    escaped = str(place).replace(" ", r"\040")
    lines = ("22 1 254:0 / / rw - ext4 /dev/a rw", f"40 22 254:16 / {escaped} rw - ext4 /dev/b rw")
    write_tree(proc, {"mountinfo": "\n".join(lines)})
    monkeypatch.setattr(gather, "MOUNTS", proc / "mountinfo")
    verdict = found(look(store), "mount")
    assert verdict.verdict == (BROKEN if refused else OK)
    assert verdict.where == (str(place) if refused else "")
    assert ("unmount it" in verdict.remedy) == refused


# --- the folders above the store, and in it --------------------------------------------------------------------------

FOLDERS = ["", "srv", "srv/a", "srv/a/opt", "srv/a/opt/demo", "srv/a/opt/.state", "srv/a/opt/.staging"]


def _give_away(path: Path) -> None:
    os.chown(path, 1234, -1)


def _share(path: Path) -> None:
    os.chown(path, -1, 1234)
    path.chmod(0o775)


FAULTS = [
    pytest.param(lambda path: path.chmod(0o777), "everybody can write it", BROKEN, id="world-writable"),
    pytest.param(_give_away, "belongs to user 1234", BROKEN, id="another owner", marks=HAVE_ROOT),
    pytest.param(
        _share,
        "group 1234 can write it",
        DEGRADED,
        id="a group that may write",
        marks=HAVE_ROOT,
    ),
]


def tree(tmp_path: Path) -> Path:
    """Make a store below folders that are well, and return the top one."""
    box = tmp_path / "box"
    for name in FOLDERS:
        (box / name).mkdir()
        (box / name).chmod(0o755)
    return box


def judge(root: Path) -> Any:
    table = Table()
    inside = [root / name for name in (".state", ".staging", ".incoming", "demo")]
    facts = HostFacts("ws1", str(root), str(root), user=os.geteuid(), owned=owned(root, inside))
    table.judge("folders", "", lambda: folders(facts))
    return table.verdicts[0]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize(("change", "says", "verdict"), FAULTS)
def test_each_folder_with_each_fault(
    tmp_path: Path, folder: str, change: Callable[[Path], object], says: str, verdict: str
) -> None:
    box = tree(tmp_path)
    root = box / "srv/a/opt"
    assert judge(root).verdict == OK
    change(box / folder)
    seen = judge(root)
    assert (seen.verdict, seen.where) == (verdict, str(box / folder))
    assert says in seen.found
    assert str(box / folder) in seen.remedy


@pytest.mark.parametrize("folder", ["", "srv", "srv/a", "srv/a/opt"])
def test_a_sticky_folder_is_well(tmp_path: Path, folder: str) -> None:
    box = tree(tmp_path)
    (box / folder).chmod(0o1777)
    assert judge(box / "srv/a/opt").verdict == OK


@pytest.mark.parametrize("kind", ["absolute", "relative", "up and down", "chain"])
@pytest.mark.parametrize(("change", "says", "verdict"), FAULTS)
def test_a_link_on_the_way_is_followed_to_where_it_leads(
    tmp_path: Path, kind: str, change: Callable[[Path], object], says: str, verdict: str
) -> None:
    box = tree(tmp_path)
    link = tmp_path / "link"
    (tmp_path / "chain").symlink_to(box / "srv")
    targets = {"absolute": str(box / "srv"), "relative": "box/srv", "up and down": "box/../box/srv", "chain": "chain"}
    link.symlink_to(targets[kind])
    root = link / "a/opt"
    assert judge(root).verdict == OK
    change(box / "srv")
    assert (judge(root).verdict, judge(root).where) == (verdict, str(box / "srv"))
    assert says in judge(root).found


@HAVE_ROOT
def test_a_link_that_belongs_to_somebody_else_is_refused(tmp_path: Path) -> None:
    box = tree(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(box)
    os.chown(link, 1234, -1, follow_symlinks=False)
    assert (judge(link / "srv/a/opt").verdict, judge(link / "srv/a/opt").where) == (BROKEN, str(link))


@pytest.mark.parametrize("name", [".state", ".staging", ".incoming", "demo"])
def test_a_link_inside_the_store_is_refused(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path) / "srv/a/opt"
    if (root / name).is_dir():
        (root / name).rmdir()
    (root / name).symlink_to(tmp_path)
    assert (judge(root).verdict, judge(root).found) == (BROKEN, "a link")
    assert judge(root).remedy.startswith(f"remove {root / name}, or")


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    box = tree(tmp_path)
    (box / "file").touch()
    assert (judge(box / "file/opt").verdict, judge(box / "file/opt").found) == (BROKEN, "no folder")


def test_links_without_an_end_do_not_hang(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert judge(tmp_path / "a/opt").verdict == OK


def test_folders_that_are_not_there_yet_are_no_fault(tmp_path: Path) -> None:
    assert judge(tree(tmp_path) / "srv/new/opt").verdict == OK


@HAVE_ROOT
def test_another_user_trusts_root_and_himself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = tree(tmp_path)
    os.chown(box / "srv", 4321, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    verdict = judge(box / "srv/a/opt")
    assert (verdict.verdict, verdict.wanted) == (OK, "folders that only root or user 4321 can write")
    os.chown(box / "srv/a", 1234, -1)
    assert judge(box / "srv/a/opt").where == str(box / "srv/a")


def test_a_host_where_nothing_is_to_be_done_is_not_looked_at(store: Store) -> None:
    table = Table()
    assert inspect(store, [], 2, False, ["tar.zst"], table=table) == []
    assert table.verdicts == []


def test_an_unexpected_error_is_no_verdict() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Table().judge("x", "", lambda: (str(int("x")), ""))
