# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a pack to a signed release."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Finding, Requirements
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.plan import plan
from ansible_collections.airgap.conda.plugins.module_utils._depot.publish import Built, Signing, publish
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack, packed
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import Spec, load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_elf import make_elf
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_pack import (
    DEST_PREFIX,
    RELEASE,
    make_request,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, snapshot, write_tree

pytest.importorskip("conda_pack")

BUILT = Built("a" * 64, "@EXPLICIT\n", "", ({"name": "tool", "version": "1"},))


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def request_(tmp_path: Path) -> PackRequest:
    return make_request(tmp_path)


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    write_tree(
        tmp_path / "envs/demo",
        {
            "environment.yml": "channels: [conda-forge]\ndependencies: [python]\n",
            "release.yml": "target: {glibc: '2.27', driver: '470.42.01'}\nchecks: {imports: [json], timeout: 7}\n",
        },
    )
    return load_spec(tmp_path / "envs/demo")


def do_publish(request_: PackRequest, spec: Spec, key: Path, release: str = RELEASE, **target: str) -> Depot:
    depot = Depot(request_.dest.parent / "depot")
    publish(depot, spec, release, request_.dest, BUILT, "b" * 64, target, Signing(key))
    return depot


def test_a_published_release_is_what_was_packed(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, signers = make_key(tmp_path)
    result = pack(request_)
    depot = do_publish(request_, spec, key, cuda="11.8")
    manifest = depot.verify("demo", RELEASE, signers).manifest
    assert manifest.prefix == DEST_PREFIX
    assert manifest.requirements == Requirements()
    assert manifest.target == {"platform": "linux-64", "glibc": "2.27", "driver": "470.42.01", "cuda": "11.8"}
    assert (manifest.checks, manifest.packages) == (spec.release.checks, BUILT.packages)
    assert (manifest.bytes, manifest.files) == (result["bytes"], result["files"])
    assert sorted(path.name for path in depot.folder("demo", RELEASE).iterdir()) == [
        "conda.lock", "env.tar.gz", "env.tar.zst", "environment.yml", "files.json.zst", "manifest.json",
        "manifest.json.sig", "pip.lock", "provenance.intoto.json", "release.yml", "sbom.cdx.json",
    ]  # fmt: skip
    assert not request_.dest.exists()
    found = plan(depot, spec, "/opt/conda-envs", [], {})
    assert (found.serial, found.latest, found.latest_inputs_sha256) == (2, RELEASE, "a" * 64)


def test_the_same_request_is_up_to_date(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    depot = Depot(tmp_path / "depot")
    first = plan(depot, spec, "/opt/conda-envs", [], {})
    assert (first.serial, first.latest, first.up_to_date) == (1, "", False)
    pack(request_)
    publish(depot, spec, RELEASE, request_.dest, BUILT, first.request_sha256, {}, Signing(make_key(tmp_path)[0]))
    assert plan(depot, spec, "/opt/conda-envs", [], {}).up_to_date
    root = "/opt/conda-envs"
    for other in (
        plan(depot, spec, "/srv", [], {}),
        plan(depot, spec, root, ["x"], {}),
        plan(depot, spec, root, [], {"a": "b"}),
    ):
        assert not other.up_to_date
    (spec.directory / "environment.yml").write_text("channels: [conda-forge]\ndependencies: [pip]\n", encoding="ascii")
    assert not plan(depot, load_spec(spec.directory), "/opt/conda-envs", [], {}).up_to_date


@pytest.mark.parametrize(
    ("needed", "target", "says"),
    [
        ("2.34", {}, "glibc 2.27 or older"),
        ("2.34", {"glibc": "2.31"}, "glibc 2.31 or older"),
        ("2.34", {"glibc": "2.34"}, None),
        ("2.4", {}, None),
    ],
)
def test_a_tree_that_is_too_new_for_its_hosts_is_refused(
    tmp_path: Path,
    request_: PackRequest,
    spec: Spec,
    needed: str,
    target: dict[str, str],
    says: str | None,
) -> None:
    version = f"GLIBC_{needed}"
    write_tree(request_.prefix, {"lib/libnew.so.1": make_elf(["GLIBC_2.2.5", version], {"new": version})})
    key, _signers = make_key(tmp_path)
    pack(request_)
    if says is None:
        do_publish(request_, spec, key, **target)
        return
    with raised("glibc-too-new") as caught:
        do_publish(request_, spec, key, **target)
    assert caught.value.wanted.startswith(says)
    assert caught.value.found == f"glibc {needed}, needed by lib/libnew.so.1 for the symbol new"
    assert not (tmp_path / "depot").exists()
    assert packed(request_.dest)


def test_hosts_are_asked_for_no_more_than_the_target_where_more_is_allowed(
    tmp_path: Path, request_: PackRequest, spec: Spec
) -> None:
    symbols = {"new": "GLIBC_2.34"}
    write_tree(request_.prefix, {"lib/libnew.so.1": make_elf(["GLIBC_2.34"], symbols)})
    key, signers = make_key(tmp_path)
    pack(request_)
    allowing = replace(spec, release=replace(spec.release, allow={"glibc-too-new": "nothing loads it"}))
    manifest = do_publish(request_, allowing, key).verify("demo", RELEASE, signers).manifest
    assert (manifest.requirements.glibc, manifest.requirements.glibc_file) == ("2.27", "lib/libnew.so.1")
    assert [(item.name, item.allowed) for item in manifest.findings] == [("glibc-too-new", "nothing loads it")]


def test_a_failed_publish_leaves_the_depot_and_the_pack(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, _signers = make_key(tmp_path)
    pack(request_)
    before = snapshot(request_.dest)
    (tmp_path / "no-key").write_text("not a key", encoding="ascii")
    (tmp_path / "no-key").chmod(0o600)
    for bad, code in ((tmp_path / "missing", "key-missing"), (tmp_path / "no-key", "sign-failed")):
        with raised(code):
            do_publish(request_, spec, bad)
        assert [path.name for path in (tmp_path / "depot").iterdir()] == [".locks"]
        assert snapshot(request_.dest) == before
    do_publish(request_, spec, key)


def test_a_pack_that_was_damaged_since_is_not_signed(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, _signers = make_key(tmp_path)
    pack(request_)
    path = request_.dest / "env.tar.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with raised("file-damaged") as caught:
        do_publish(request_, spec, key)
    assert caught.value.where.endswith("/env.tar.gz")
    assert [p.name for p in (tmp_path / "depot").iterdir()] == [".locks"]


def test_what_every_reader_would_refuse_is_not_signed(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, _signers = make_key(tmp_path)
    pack(request_)
    path = request_.dest / "pack.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "bytes": -1}), encoding="utf-8")
    with raised("manifest-unusable"):
        do_publish(request_, spec, key)
    assert [p.name for p in (tmp_path / "depot").iterdir()] == [".locks"]


@pytest.mark.parametrize("release", ["2-1c0ffee5", "1-00000000"])
def test_the_pack_of_another_release_is_refused(
    tmp_path: Path, request_: PackRequest, spec: Spec, release: str
) -> None:
    key, _signers = make_key(tmp_path)
    with raised("pack-unusable") as caught:
        do_publish(request_, spec, key, release)
    assert caught.value.found == "no whole pack"
    pack(request_)
    with raised("pack-unusable") as caught:
        do_publish(request_, spec, key, release)
    assert caught.value.found == DEST_PREFIX


def test_a_serial_is_published_once(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, signers = make_key(tmp_path)
    pack(request_)
    depot = do_publish(request_, spec, key)
    other = replace(request_, dest_prefix="/opt/conda-envs/demo/1-00000000")
    pack(other)
    with raised("serial-taken"):
        do_publish(other, spec, key, "1-00000000")
    assert depot.releases("demo") == [RELEASE]
    depot.verify("demo", RELEASE, signers)
    assert packed(other.dest)


def test_all_that_a_second_build_needs_is_signed(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, signers = make_key(tmp_path)
    pack(request_)
    depot = do_publish(request_, spec, key)
    folder = depot.folder("demo", RELEASE)
    documents = depot.verify("demo", RELEASE, signers).manifest.documents
    names = ["conda.lock", "environment.yml", "pip.lock", "provenance.intoto.json", "release.yml", "sbom.cdx.json"]
    assert sorted(documents) == names
    for name in ("environment.yml", "release.yml"):
        assert (folder / name).read_bytes() == (spec.directory / name).read_bytes()
    for name in documents:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b"#")
        with raised("file-damaged") as caught:
            depot.verify("demo", RELEASE, signers)
        assert caught.value.where == str(folder / name)
        (folder / name).write_bytes(content)


def test_requirements_files_are_written_into_environment_yml(tmp_path: Path, request_: PackRequest) -> None:
    write_tree(
        tmp_path,
        {
            "envs/common.txt": "six==1.17.0  # for all\n-r more/extra.txt\n",
            "envs/more/extra.txt": "tqdm>=4\n",
            "envs/demo/environment.yml": "channels: [a, b]\ndependencies:\n  - python=3.11\n"
            "  - pip:\n      - -r ../common.txt\n      - rich; python_version>'3.8'\nvariables: {A: '007'}\n",
        },
    )
    spec = load_spec(tmp_path / "envs/demo")
    pack(request_)
    depot = do_publish(request_, spec, make_key(tmp_path)[0])
    alone = tmp_path / "alone/demo"
    alone.mkdir(parents=True)
    shutil.copy(depot.folder("demo", RELEASE) / "environment.yml", alone)
    again = load_spec(alone)
    assert again.pip == ("six==1.17.0", "tqdm>=4", "rich; python_version>'3.8'")
    assert again.sha256 == spec.sha256


def refused_publish(request: PackRequest, spec: Spec, key: Path, **options: Any) -> AirgapError:
    """Want a refusal that leaves no release and the pack as it was."""
    before = snapshot(request.dest)
    depot = Depot(request.dest.parent / "depot")
    with pytest.raises(AirgapError) as caught:
        publish(depot, spec, RELEASE, request.dest, BUILT, "b" * 64, {}, **{"signing": Signing(key), **options})
    assert depot.releases("demo") == []
    assert snapshot(request.dest) == before
    return caught.value


def test_a_key_that_the_hosts_do_not_trust_is_refused_at_the_build(
    tmp_path: Path, request_: PackRequest, spec: Spec
) -> None:
    key, signers = make_key(tmp_path)
    _other, others = make_key(tmp_path, "other")
    pack(request_)
    error = refused_publish(request_, spec, key, signing=Signing(key, others))
    assert error.code == "key-untrusted"
    assert (error.wanted, error.where) == (f"a key of {others}", str(others))
    assert f"{key}.pub" in error.remedy
    error = refused_publish(request_, spec, key, signing=Signing(key, tmp_path / "no-list"))
    assert (error.code, error.where) == ("signers-missing", str(tmp_path / "no-list"))
    publish(Depot(tmp_path / "depot"), spec, RELEASE, request_.dest, BUILT, "b" * 64, {}, Signing(key, signers))


def test_nothing_is_signed_while_a_canary_is_in_the_tree(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, _signers = make_key(tmp_path)
    write_tree(request_.prefix, {"share/deep/state": "x=canary-7f3a9c"})
    pack(replace(request_, credentials=("canary-7f3a9c",)))
    spec = replace(spec, release=replace(spec.release, allow={"secret-in-release": "for tests"}))
    error = refused_publish(request_, spec, key)
    assert error.code == "secrets-found"
    assert f"demo {RELEASE}" in error.problem
    assert error.found == "share/deep/state (a credential that this build used)"


def test_nothing_is_signed_while_a_canary_is_in_a_document(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, _signers = make_key(tmp_path)
    pack(request_)
    path = spec.directory / "environment.yml"
    path.write_text(path.read_text(encoding="ascii") + "# canary-7f3a9c\n", encoding="ascii")
    error = refused_publish(request_, spec, key, credentials=("canary-7f3a9c",))
    assert error.found == "environment.yml (a credential that this build used)"
    leaky = replace(BUILT, packages=({"name": "tool", "version": "canary-7f3a9c"},))
    path.write_text("channels: [a]\ndependencies: [python]\n", encoding="ascii")
    depot = Depot(tmp_path / "depot")
    with raised("secrets-found") as caught:
        publish(depot, spec, RELEASE, request_.dest, leaky, "b" * 64, {}, Signing(key), credentials=("canary-7f3a9c",))
    assert caught.value.found == "manifest.json (a credential that this build used)"
    assert depot.releases("demo") == []


def test_a_key_for_tests_is_signed_with_its_reason(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, signers = make_key(tmp_path)
    write_tree(request_.prefix, {"share/key": "-----BEGIN PRIVATE " + "KEY-----"})
    pack(request_)
    assert "allow" in refused_publish(request_, spec, key).remedy
    spec = replace(spec, release=replace(spec.release, allow={"secret-in-release": "only for tests"}))
    known = Finding("mixed-channels", "warning", "two channels")
    depot = Depot(tmp_path / "depot")
    publish(depot, spec, RELEASE, request_.dest, BUILT, "b" * 64, {}, Signing(key), findings=[known])
    first, second = depot.verify("demo", RELEASE, signers).manifest.findings
    assert first == known
    assert (second.name, second.allowed) == ("secret-in-release", "only for tests")
    assert second.what == "a private key in share/key"
