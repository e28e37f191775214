# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a host: each reason to refuse has its own message, and what is there is not sent again."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import (
    MARGIN,
    PER_FILE,
)
from ansible_collections.airgap.conda.plugins.module_utils._preflight.gather import host_glibc
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    Made,
    release_id,
    skip_flushes,
    snapshot,
)
from ansible_collections.airgap.conda.tests.unit.tiny_store import make

FORMATS = ("tar.zst", "tar.gz")


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is the same on every machine: x86-64, glibc 2.31."""
    skip_flushes(monkeypatch)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("platform.node", lambda: "ws1")
    monkeypatch.setattr(os, "confstr", lambda name: {"CS_GNU_LIBC_VERSION": "glibc 2.31"}[name])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "opt")


def bring(store: Store, serial: int, **options: Any) -> Made:
    made = make(store, serial, **options)
    made.send(store)
    deploy(store, made.step(), made.sha256, 2)
    return made


def look(store: Store, *made: Made, downgrade: bool = False, formats: tuple[str, ...] = FORMATS) -> list[Step]:
    """Inspect, and make sure that nothing was written."""
    before = snapshot(store.root.parent)
    try:
        return inspect(store, [item.wanted for item in made], 2, downgrade, formats)
    finally:
        assert snapshot(store.root.parent) == before


def refused(store: Store, *made: Made, **options: Any) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        look(store, *made, **options)
    error = caught.value
    assert all((error.problem, error.wanted, error.found, error.where, error.remedy))
    return error


def test_what_there_is_to_do(store: Store) -> None:
    first = make(store, 1)
    parts = [part.name for part in first.manifest.payloads[0].parts]
    assert len(parts) > 2
    assert look(store, first) == [Step("demo", release_id(1), "install", "", "tar.zst", parts)]
    first.send(store)
    deploy(store, first.step(), first.sha256, 2)
    assert look(store, first) == [Step("demo", release_id(1), "none", release_id(1))]
    second = bring(store, 2)
    rollback(store, "demo", "", check_mode=False)
    assert look(store, second) == [Step("demo", release_id(2), "switch", release_id(1))]
    third = bring(store, 3)
    assert store.releases("demo") == [release_id(2), release_id(3)]
    rollback(store, "demo", "", check_mode=False)
    fourth = make(store, 4)
    fourth.send(store)
    deploy(store, fourth.step(), fourth.sha256, 5)
    assert look(store, fourth)[0].action == "prune"
    assert look(store, fourth)[0].prune == [release_id(2)]
    assert third.manifest.id in store.releases("demo")


def test_a_current_link_that_leads_nowhere_is_work(store: Store) -> None:
    made = bring(store, 1)
    store.release("demo", release_id(1)).rename(store.root.parent / "away")
    assert look(store, made)[0].action == "install"


def test_only_parts_that_are_not_there_whole_are_missing(store: Store) -> None:
    made = make(store)
    names = [part.name for part in made.manifest.payloads[0].parts]
    incoming = made.send(store)
    assert look(store, made)[0].missing == []
    data = (incoming / names[0]).read_bytes()
    (incoming / names[0]).write_bytes(data[:-1])
    (incoming / names[1]).unlink()
    (incoming / names[2]).write_bytes((incoming / names[2]).read_bytes()[::-1])
    assert look(store, made)[0].missing == names[:3]


def test_the_best_format_of_the_host_is_taken(store: Store) -> None:
    made = make(store, formats=FORMATS)
    assert look(store, made)[0].format == "tar.zst"
    assert look(store, made, formats=("tar.gz",))[0].format == "tar.gz"
    assert look(store, make(store, 2, formats=("tar.gz",)))[0].format == "tar.gz"
    error = refused(store, make(store, 3), formats=("tar.gz",))
    assert (error.wanted, error.found) == ("a payload in tar.gz", "tar.zst")
    assert error.where == "the depot and ws1"
    assert "add tar.gz to formats" in error.remedy


def test_an_older_serial_is_refused_even_when_it_is_still_installed(store: Store) -> None:
    first = bring(store, 1)
    second = bring(store, 2)
    error = refused(store, first)
    assert (error.wanted, error.found) == ("serial 2 or higher", "serial 1 (1-00000001)")
    assert error.where.endswith("/.state/demo/high-water")
    assert "deploy_allow_downgrade" in error.remedy
    assert look(store, first, downgrade=True)[0].action == "switch"
    # After a rollback the older one is current, and offering it again is no work.
    rollback(store, "demo", "", check_mode=False)
    assert look(store, first)[0].action == "none"
    assert look(store, second)[0].action == "switch"


def test_another_platform_is_refused(store: Store) -> None:
    error = refused(store, make(store, platform="linux-aarch64"))
    assert (error.wanted, error.found, error.where) == ("a release for linux-64", "linux-aarch64", "ws1")


def test_an_older_glibc_is_refused_with_both_versions(store: Store) -> None:
    error = refused(store, make(store, glibc="2.34"))
    assert error.wanted == "glibc 2.34 or newer on the host (needed by lib/libneedy.so)"
    assert (error.found, error.where) == ("glibc 2.31", "ws1")
    assert 'target.glibc to "2.31"' in error.remedy


@pytest.mark.parametrize("needed", ["", "2.4", "2.31"])
def test_an_equal_or_newer_glibc_is_fine(store: Store, needed: str) -> None:
    assert look(store, make(store, glibc=needed))[0].action == "install"


@pytest.mark.parametrize("answer", [None, "", ValueError()])
def test_a_host_without_glibc_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    def confstr(_name: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(os, "confstr", confstr)
    assert refused(store, make(store, glibc="2.17")).found == "no glibc"


def test_another_root_is_refused(store: Store) -> None:
    error = refused(Store(store.root.parent / "srv"), make(store))
    assert error.wanted.endswith("/srv/demo/1-00000001")
    assert error.found.endswith("/opt/demo/1-00000001")


def test_an_unknown_folder_in_the_place_is_refused(store: Store) -> None:
    store.release("demo", release_id(1)).mkdir(parents=True)
    assert "in the place of the release" in refused(store, make(store)).problem


@pytest.mark.parametrize(("flag", "found"), [(0, "no permission"), (os.ST_RDONLY, "mounted read-only")])
def test_a_place_that_cannot_be_written_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch, flag: int, found: str
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    disk(monkeypatch, 1 << 40, flag=flag)
    error = refused(store, make(store))
    assert found in error.found
    assert error.where == str(store.root.parent)
    assert ("read-only" in error.found) == ("mount it writable" in error.remedy)


# --- space -----------------------------------------------------------------------------------------------------------


def need(wanted: Release, sent: int = 0) -> int:
    return wanted.payloads[0].size - sent + wanted.bytes + wanted.files * PER_FILE


def disk(monkeypatch: pytest.MonkeyPatch, free: int, inodes: int = 10_000, total: int = 1 << 20, flag: int = 0) -> None:
    status = SimpleNamespace(f_bavail=free, f_frsize=1, f_files=total, f_favail=inodes, f_flag=flag)
    monkeypatch.setattr(os, "statvfs", lambda _path: status)


def test_space_is_refused_one_byte_short(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(store)
    disk(monkeypatch, need(made.wanted) + MARGIN)
    assert look(store, made)[0].action == "install"
    disk(monkeypatch, need(made.wanted) + MARGIN - 1)
    error = refused(store, made)
    assert error.problem == "There is not enough room for demo 1-00000001"
    assert error.wanted.startswith("65 MiB free")
    assert error.found == "64 MiB free"
    assert error.where == f"{store.root.parent} on ws1"
    assert "free space there" in error.remedy


def test_the_needs_of_all_environments_are_added(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = make(store), make(store, env="other")
    disk(monkeypatch, need(one.wanted) + need(two.wanted) + MARGIN)
    assert [step.action for step in look(store, one, two)] == ["install", "install"]
    disk(monkeypatch, need(one.wanted) + need(two.wanted) + MARGIN - 1)
    error = refused(store, one, two)
    assert error.problem == "There is not enough room for demo 1-00000001 and other 1-00000001"
    disk(monkeypatch, need(one.wanted) + MARGIN)
    look(store, one)


def test_parts_that_are_there_need_no_more_space(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(store)
    incoming = made.send(store)
    parts = made.manifest.payloads[0].parts
    (incoming / parts[0].name).unlink()
    there = sum(part.size for part in parts[1:])
    disk(monkeypatch, need(made.wanted, there) + MARGIN)
    assert look(store, made)[0].missing == [parts[0].name]
    disk(monkeypatch, need(made.wanted, there) + MARGIN - 1)
    refused(store, made)


def test_inodes_are_counted_where_they_are_limited(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = make(store), make(store, env="other")
    files = one.wanted.files + two.wanted.files
    disk(monkeypatch, 1 << 40, inodes=files + 100)
    look(store, one, two)
    disk(monkeypatch, 1 << 40, inodes=files + 99)
    error = refused(store, one, two)
    assert (error.wanted, error.found) == (f"{files + 100} free inodes", f"{files + 99} free inodes")
    disk(monkeypatch, 1 << 40, inodes=0, total=0)  # btrfs
    look(store, one, two)


def test_what_is_installed_needs_no_space(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, 1)
    second = bring(store, 2)
    rollback(store, "demo", "", check_mode=False)
    disk(monkeypatch, 0, 0)
    assert look(store, second)[0].action == "switch"


def test_this_machine_has_a_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert host_glibc().startswith("2.")
