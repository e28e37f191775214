# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A depot: what is not exactly what the bastion signed is refused, and a release is added whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    Made,
    make_key,
    make_release,
    release_id,
    snapshot,
    without_locks,
)

ROOT = Path("/opt/conda-envs")


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A depot with two signed releases; beside it the key and the allowed signers."""
    folder = tmp_path_factory.mktemp("original")
    key, _signers = make_key(folder)
    for serial in (1, 2):
        made = make_release(folder / "depot", ROOT, serial)
        signature.sign(made.folder / MANIFEST, key)
    return folder


@pytest.fixture
def depot(original: Path, tmp_path: Path) -> Depot:
    shutil.copy(original / "key.signers", tmp_path)
    shutil.copytree(original / "depot", tmp_path / "depot")
    return Depot(tmp_path / "depot")


def signers(depot: Depot) -> Path:
    return depot.path.parent / "key.signers"


def refused(depot: Depot, release: str = release_id(2)) -> AirgapError:
    before = without_locks(depot.path)
    with pytest.raises(AirgapError) as caught:
        depot.verify("demo", release, signers(depot))
    assert snapshot(depot.path) == before
    assert all((caught.value.wanted, caught.value.found, caught.value.where, caught.value.remedy))
    return caught.value


def test_a_whole_release_is_verified(depot: Depot) -> None:
    assert depot.releases("demo") == [release_id(1), release_id(2)]
    assert depot.choose("demo") == release_id(2)
    assert depot.choose("demo", release_id(1)) == release_id(1)
    verified = depot.verify("demo", release_id(1), signers(depot))
    assert verified.signer == "key@bastion"
    result = verified.as_result()
    assert json.loads(json.dumps(result)) == {**result, "payloads": json.loads(json.dumps(result["payloads"]))}
    assert (result["id"], result["root"], result["imports"]) == (release_id(1), str(ROOT), ["json"])
    assert result["path"] == str(depot.folder("demo", release_id(1)))
    newest = depot.latest("demo")
    assert newest is not None
    assert newest.serial == 2
    assert depot.latest("other") is None


@pytest.mark.parametrize(
    ("env", "release", "found"),
    [
        ("demo", "9-00000009", "releases 1-00000001, 2-00000002"),
        ("other", "", "environments demo"),
        ("other", "1-00000001", "environments demo"),
    ],
)
def test_what_is_not_there_is_named(depot: Depot, env: str, release: str, found: str) -> None:
    (depot.path / "empty").mkdir()
    with raised("release-missing") as caught:
        depot.choose(env, release)
    assert caught.value.found == found
    with raised("release-missing", found="environments none"):
        Depot(depot.path / "nowhere").choose("demo")


FIELDS = ["env", "id", "serial", "prefix", "platform", "created", "inputs", "requirements", "packages", "payloads"]
FIELDS += ["bytes", "files", "files_sha256", "checks", "gpu", "schema", "target", "findings", "documents"]


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_of_the_manifest_is_signed(depot: Depot, field: str) -> None:
    path = depot.folder("demo", release_id(2)) / MANIFEST
    data = json.loads(path.read_text(encoding="utf-8"))
    data[field] = {"changed": 1} if isinstance(data[field], dict) else [{}] if isinstance(data[field], list) else 7
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    # It is the signature that refuses, before anything of the manifest is believed.
    assert refused(depot).code == "signature-refused"


def _edit(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _unreadable(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "found"),
    [(_edit, "sha256 "), (_cut, "bytes"), (Path.unlink, "missing"), (_unreadable, "Not a regular file")],
)
@pytest.mark.parametrize("name", ["env.tar.zst.000", "env.tar.zst.002", FILES, "conda.lock"])
def test_a_damaged_file_is_named(depot: Depot, name: str, damage: Callable[[Path], None], found: str) -> None:
    path = depot.folder("demo", release_id(2)) / name
    damage(path)
    error = refused(depot)
    assert error.code == "file-damaged"
    assert error.where == str(path)
    if name.startswith("env."):  # the size of the others is not in the manifest
        assert found in error.found
    depot.verify("demo", release_id(1), signers(depot))


@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE])
def test_a_missing_manifest_or_signature_is_named(depot: Depot, name: str) -> None:
    path = depot.folder("demo", release_id(2)) / name
    path.unlink()
    assert refused(depot).where == str(path)


def test_parts_of_two_releases_cannot_be_mixed(depot: Depot) -> None:
    one, two = (depot.folder("demo", release_id(serial)) for serial in (1, 2))
    for part in one.glob("env.*"):
        shutil.copy(part, two)
    assert refused(depot).code == "file-damaged"


def test_a_host_is_told_the_hash_of_the_signature_that_was_verified(depot: Depot) -> None:
    verified = depot.verify("demo", release_id(2), signers(depot))
    path = depot.folder("demo", release_id(2)) / SIGNATURE
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text("of somebody else", encoding="ascii")
    assert verified.as_result()["signature_sha256"] == wanted


def test_a_release_in_the_folder_of_another_is_refused(depot: Depot) -> None:
    os.rename(depot.folder("demo", release_id(1)), depot.folder("demo", release_id(3)))
    error = refused(depot, release_id(3))
    assert (error.wanted, error.found) == ("demo 3-00000003", "demo 1-00000001")


# --- a new release ---------------------------------------------------------------------------------------------------


def add(depot: Depot, made: Made) -> None:
    with depot.new_release(made.manifest) as folder:
        for path in made.folder.iterdir():
            shutil.copy(path, folder)


def test_a_release_becomes_visible_whole(depot: Depot, tmp_path: Path) -> None:
    made = make_release(tmp_path / "work", ROOT, 3)
    with depot.new_release(made.manifest) as folder:
        (folder / "x").touch()
        assert depot.releases("demo") == [release_id(1), release_id(2)]
    assert [path.name for path in depot.folder("demo", release_id(3)).iterdir()] == ["x"]
    assert depot.folder("demo", release_id(3)).stat().st_mode & 0o777 == 0o755


def fail_half_way(depot: Depot, made: Made, error: BaseException) -> None:
    with depot.new_release(made.manifest) as folder:
        (folder / "half").write_text("x", encoding="ascii")
        raise error


@pytest.mark.parametrize("error", [RuntimeError(), OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_leaves_nothing(depot: Depot, tmp_path: Path, error: BaseException) -> None:
    before = without_locks(depot.path)
    for env in ("demo", "fresh"):
        made = make_release(tmp_path / "work", ROOT, 3, env=env)
        wanted = AirgapError if isinstance(error, OSError) else type(error)
        with pytest.raises(wanted):
            fail_half_way(depot, made, error)
    assert without_locks(depot.path) == before


def test_what_a_killed_run_left_goes_with_the_next(depot: Depot, tmp_path: Path) -> None:
    (depot.path / "demo/.new-abc").mkdir()
    (depot.path / "demo/.new-abc/part").touch()
    add(depot, make_release(tmp_path / "work", ROOT, 3))
    assert sorted(path.name for path in (depot.path / "demo").iterdir()) == [release_id(n) for n in (1, 2, 3)]


@pytest.mark.parametrize("serial", [1, 2])
def test_a_serial_is_given_once(depot: Depot, tmp_path: Path, serial: int) -> None:
    before = without_locks(depot.path)
    with raised("serial-taken") as caught:
        add(depot, make_release(tmp_path / "work", ROOT, serial))
    assert caught.value.wanted == "serial 3 or higher"
    assert without_locks(depot.path) == before


def test_of_two_racing_runs_one_wins(tmp_path: Path) -> None:
    depot, made = Depot(tmp_path / "depot"), [make_release(tmp_path / str(n), ROOT, 1) for n in range(4)]
    barrier, lost = threading.Barrier(len(made)), []

    def race(item: Made) -> None:
        barrier.wait()
        try:
            add(depot, item)
        except AirgapError as error:
            lost.append(error.problem)

    threads = [threading.Thread(target=race, args=(item,)) for item in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == ["Another build published first"] * 3
    assert sorted(path.name for path in (depot.path / "demo").iterdir()) == [release_id(1)]


def test_a_depot_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "depot").write_text("a file", encoding="ascii")
    with raised("system-error", problem="demo 1-00000001") as caught:
        add(Depot(tmp_path / "depot"), make_release(tmp_path / "work", ROOT, 1))
    assert caught.value.where == str(tmp_path / "depot")
