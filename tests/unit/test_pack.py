# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an environment to a pack, with the real conda-pack, and from a pack to a signed release."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils import _pack
from ansible_collections.airgap.conda.plugins.module_utils._depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._extract import extract
from ansible_collections.airgap.conda.plugins.module_utils._files import compare_tree, read_files
from ansible_collections.airgap.conda.plugins.module_utils._pack import PackRequest, check_request, pack, packed
from ansible_collections.airgap.conda.plugins.module_utils._plan import plan
from ansible_collections.airgap.conda.plugins.module_utils._publish import Built, Signing, publish
from ansible_collections.airgap.conda.plugins.module_utils._release import FILES, Finding, Requirements
from ansible_collections.airgap.conda.plugins.module_utils._sbom import SBOM
from ansible_collections.airgap.conda.plugins.module_utils._spec import Spec, load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_elf import make_elf
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, skip_flushes, snapshot, write_tree

pytest.importorskip("conda_pack")

RELEASE = "1-1c0ffee5"
DEST_PREFIX = f"/opt/conda-envs/demo/{RELEASE}"
PLACEHOLDER = "/placeholder" * 10
BUILT = Built("a" * 64, "@EXPLICIT\n", "", ({"name": "tool", "version": "1"},))


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)


def make_environment(folder: Path) -> Path:
    """Make what conda makes: a package in a cache, and an environment with its files and its own prefix in them."""
    prefix, cached = folder / "prefix", folder / "pkgs/tool-1-0"
    files = {"bin/tool": "#!{}/bin/sh\nexec tool\n", "lib/tool.txt": "plain"}
    write_tree(cached, {name: text.format(PLACEHOLDER) for name, text in files.items()})
    paths = [{"_path": "bin/tool", "path_type": "hardlink", "prefix_placeholder": PLACEHOLDER, "file_mode": "text"}]
    paths += [{"_path": "lib/tool.txt", "path_type": "hardlink"}]
    write_tree(cached, {"info/paths.json": json.dumps({"paths": paths, "paths_version": 1})})
    record = {
        "name": "tool",
        "version": "1",
        "url": "",
        "files": list(files),
        "link": {"source": str(cached), "type": 1},
    }
    write_tree(prefix, {name: text.format(prefix) for name, text in files.items()})
    write_tree(prefix, {"conda-meta/tool-1-0.json": json.dumps(record), "conda-meta/history": "", "share/pip.txt": "x"})
    (prefix / "lib/link").symlink_to("../share")
    return prefix


@pytest.fixture
def request_(tmp_path: Path) -> PackRequest:
    return PackRequest(make_environment(tmp_path), tmp_path / "pack", DEST_PREFIX, ("tar.zst", "tar.gz"))


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_pack_holds_the_environment_for_its_place_on_the_hosts(tmp_path: Path, request_: PackRequest) -> None:
    before = snapshot(request_.prefix)
    result = pack(request_)
    assert packed(request_.dest) == json.loads(json.dumps(result))
    entries = read_files((request_.dest / FILES).read_bytes(), "x")
    (tmp_path / "out").mkdir()
    extract([request_.dest / "env.tar.zst"], "tar.zst", entries, tmp_path / "out")
    assert (tmp_path / "out/bin/tool").read_text(encoding="ascii") == f"#!{DEST_PREFIX}/bin/sh\nexec tool\n"
    assert list(compare_tree(tmp_path / "out", entries)) == []
    assert {"share/pip.txt", "lib/link", "conda-meta/tool-1-0.json"} <= {entry.path for entry in entries}
    assert not [entry.path for entry in entries if entry.path.startswith("tmp")]  # conda-pack's stray file
    assert (result["files"], result["bytes"]) == (len(entries), sum(entry.size for entry in entries))
    assert snapshot(request_.prefix) == before  # hard links to it are only read
    assert left_over(tmp_path) == []


def test_a_second_pack_has_the_same_bytes(tmp_path: Path, request_: PackRequest) -> None:
    first = pack(request_)
    second = pack(replace(request_, dest=tmp_path / "again"))
    assert first["payloads"] == second["payloads"]
    assert first["files_sha256"] == second["files_sha256"]


def _touch(prefix: Path) -> None:
    os.utime(prefix / "lib/tool.txt", (1, 1))


def _relink(prefix: Path) -> None:
    (prefix / "lib/link").unlink()
    (prefix / "lib/link").symlink_to("../bin")


@pytest.mark.parametrize(
    "change",
    [
        _touch,
        _relink,
        lambda prefix: (prefix / "lib/tool.txt").chmod(0o755),
        lambda prefix: (prefix / "new").write_text("x"),
        lambda prefix: (prefix / "new").mkdir(),
        lambda prefix: (prefix / "share/pip.txt").unlink(),
    ],
)
def test_every_change_of_the_environment_is_seen(request_: PackRequest, change: Callable[[Path], object]) -> None:
    before = request_.fingerprint()
    list(request_.prefix.rglob("*"))
    assert request_.fingerprint() == before
    change(request_.prefix)
    assert request_.fingerprint() != before


def test_every_change_of_the_request_is_seen(request_: PackRequest) -> None:
    others = [
        replace(request_, dest_prefix="/srv/demo/1-1c0ffee5"),
        replace(request_, formats=("tar.zst",)),
        replace(request_, part_size=5),
        replace(request_, credentials=("canary-7f3a9c",)),  # who has other secrets has to be searched again
    ]
    assert len({item.fingerprint() for item in [request_, *others]}) == 5


@pytest.mark.parametrize("name", ["env.tar.zst", FILES, SBOM, "pack.json"])
def test_a_pack_that_is_not_whole_is_none(request_: PackRequest, name: str) -> None:
    pack(request_)
    if name == FILES:
        (request_.dest / name).unlink()
    else:
        (request_.dest / name).write_bytes((request_.dest / name).read_bytes()[:-3])
    assert packed(request_.dest) == {}


def test_a_dest_with_something_else_is_not_replaced(tmp_path: Path, request_: PackRequest) -> None:
    write_tree(request_.dest, {"precious": "x"})
    for dest in (request_.dest, request_.prefix, request_.prefix / "inside", request_.prefix / "bin/tool"):
        with pytest.raises(AirgapError, match="would be replaced"):
            pack(replace(request_, dest=dest))
    assert (request_.dest / "precious").is_file()
    (request_.dest / "precious").unlink()
    pack(request_)  # an empty one is fine
    pack(request_)  # and an earlier pack
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"formats": ()}, "format is not known"),
        ({"formats": ("zip",)}, "format is not known"),
        ({"part_size": 0}, "part is too small"),
        ({"dest_prefix": "relative"}, "cannot be written into scripts"),
        ({"dest_prefix": "/opt/with space"}, "cannot be written into scripts"),
        ({"dest_prefix": "/opt/$HOME"}, "cannot be written into scripts"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(request_: PackRequest, change: dict[str, Any], match: str) -> None:
    with pytest.raises(AirgapError, match=match):
        check_request(replace(request_, **change))


def test_a_folder_that_is_no_environment_is_refused(tmp_path: Path, request_: PackRequest) -> None:
    for prefix, found in ((tmp_path / "no", "no such folder"), (tmp_path, "a folder without conda-meta")):
        with pytest.raises(AirgapError, match="no conda environment") as caught:
            check_request(replace(request_, prefix=prefix))
        assert caught.value.found == found


def test_a_pack_tells_what_is_in_it(request_: PackRequest) -> None:
    write_tree(request_.prefix, {"lib/new.so": make_elf(["GLIBC_2.34"], {"dlopen": "GLIBC_2.34"})})
    result = pack(request_)
    needs = result["requirements"]
    assert (needs["glibc"], needs["glibc_file"], needs["glibc_symbol"]) == ("2.34", "lib/new.so", "dlopen")
    sbom = json.loads((request_.dest / SBOM).read_text(encoding="utf-8"))
    assert [item["name"] for item in sbom["components"]] == ["tool"]
    assert (sbom["metadata"]["component"]["name"], sbom["metadata"]["component"]["version"]) == ("demo", RELEASE)


def unpacked(folder: Path, request: PackRequest) -> Path:
    entries = read_files((request.dest / FILES).read_bytes(), "x")
    folder.mkdir()
    extract([request.dest / "env.tar.zst"], "tar.zst", entries, folder)
    return folder


def test_what_tools_wrote_down_of_credentials_is_not_packed(tmp_path: Path, request_: PackRequest) -> None:
    path = request_.prefix / "conda-meta/history"
    path.write_text("# cmd: conda create -c https://me:geheim@host.example/t/tok-1234/main\n", encoding="ascii")
    write_tree(request_.prefix, {".condarc": "channels: [https://me:geheim@host.example/main]\n"})
    before = snapshot(request_.prefix)
    result = pack(replace(request_, credentials=("geheim", "tok-1234")))
    assert result["leaks"] == []
    out = unpacked(tmp_path / "out", request_)
    assert "https://host.example/main" in (out / "conda-meta/history").read_text(encoding="ascii")
    assert (out / ".condarc").read_text(encoding="ascii") == "channels: [https://host.example/main]\n"
    assert snapshot(request_.prefix) == before


def test_what_is_left_of_secrets_is_told_and_not_repeated(request_: PackRequest) -> None:
    write_tree(request_.prefix, {"share/state": "x=canary-7f3a9c", "share/key": "-----BEGIN PRIVATE " + "KEY-----"})
    result = pack(replace(request_, credentials=("canary-7f3a9c",)))
    assert {leak["path"] for leak in result["leaks"]} == {"share/state", "share/key"}
    assert "canary" not in (request_.dest / "pack.json").read_text(encoding="utf-8")
    assert "canary" not in repr(replace(request_, credentials=("canary-7f3a9c",)))


def _overwrite(folder: Path) -> None:
    (folder / "prefix/lib/tool.txt").unlink()


def _clean(folder: Path) -> None:
    shutil.rmtree(folder / "pkgs")


@pytest.mark.parametrize(
    ("damage", "says"), [(_overwrite, "tool 1: lib/tool.txt"), (_clean, "without entries in the package cache")]
)
def test_what_conda_pack_finds_is_an_error_that_names_it(
    tmp_path: Path, request_: PackRequest, damage: Callable[[Path], None], says: str
) -> None:
    pack(request_)
    before = snapshot(request_.dest)
    damage(tmp_path)
    with pytest.raises(AirgapError, match="conda-pack could not pack") as caught:
        pack(request_)
    assert says in caught.value.found
    assert snapshot(request_.dest) == before
    assert left_over(tmp_path) == []


def test_a_full_disk_leaves_the_old_pack(
    tmp_path: Path, request_: PackRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(request_)
    before = snapshot(request_.dest)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_pack, "write_payloads", full)
    with pytest.raises(AirgapError, match=r"Packing .* failed") as caught:
        pack(request_)
    assert "free space" in caught.value.remedy
    assert snapshot(request_.dest) == before
    assert left_over(tmp_path) == []


# --- publish ---------------------------------------------------------------------------------------------------------


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
        "manifest.json.sig", "pip.lock", "release.yml", "sbom.cdx.json",
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
    with pytest.raises(AirgapError, match="needs a newer glibc than its hosts have") as caught:
        do_publish(request_, spec, key, **target)
    assert caught.value.wanted.startswith(says)
    assert caught.value.found == f"glibc {needed}, needed by lib/libnew.so.1 for the symbol new"
    assert not (tmp_path / "depot").exists()
    assert packed(request_.dest)


def test_a_failed_publish_leaves_the_depot_and_the_pack(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, _signers = make_key(tmp_path)
    pack(request_)
    before = snapshot(request_.dest)
    (tmp_path / "no-key").write_text("not a key", encoding="ascii")
    (tmp_path / "no-key").chmod(0o600)
    for bad, match in ((tmp_path / "missing", "signing key is missing"), (tmp_path / "no-key", "could not be signed")):
        with pytest.raises(AirgapError, match=match):
            do_publish(request_, spec, bad)
        assert [path.name for path in (tmp_path / "depot").iterdir()] == [".lock"]
        assert snapshot(request_.dest) == before
    do_publish(request_, spec, key)


def test_a_pack_that_was_damaged_since_is_not_signed(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, _signers = make_key(tmp_path)
    pack(request_)
    path = request_.dest / "env.tar.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(AirgapError, match="damaged or missing") as caught:
        do_publish(request_, spec, key)
    assert caught.value.where.endswith("/env.tar.gz")
    assert [p.name for p in (tmp_path / "depot").iterdir()] == [".lock"]


@pytest.mark.parametrize("release", ["2-1c0ffee5", "1-00000000"])
def test_the_pack_of_another_release_is_refused(
    tmp_path: Path, request_: PackRequest, spec: Spec, release: str
) -> None:
    key, _signers = make_key(tmp_path)
    with pytest.raises(AirgapError, match="not the one to publish") as caught:
        do_publish(request_, spec, key, release)
    assert caught.value.found == "no whole pack"
    pack(request_)
    with pytest.raises(AirgapError, match="not the one to publish") as caught:
        do_publish(request_, spec, key, release)
    assert caught.value.found == DEST_PREFIX


def test_a_serial_is_published_once(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, signers = make_key(tmp_path)
    pack(request_)
    depot = do_publish(request_, spec, key)
    other = replace(request_, dest_prefix="/opt/conda-envs/demo/1-00000000")
    pack(other)
    with pytest.raises(AirgapError, match="was faster"):
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
    assert sorted(documents) == ["conda.lock", "environment.yml", "pip.lock", "release.yml", "sbom.cdx.json"]
    for name in ("environment.yml", "release.yml"):
        assert (folder / name).read_bytes() == (spec.directory / name).read_bytes()
    for name in documents:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b"#")
        with pytest.raises(AirgapError, match="damaged or missing") as caught:
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
    assert error.problem == "The hosts' side does not accept the signing key"
    assert (error.wanted, error.where) == (f"a key of {others}", str(others))
    assert f"{key}.pub" in error.remedy
    error = refused_publish(request_, spec, key, signing=Signing(key, tmp_path / "no-list"))
    assert (error.problem, error.where) == ("The list of allowed signers is missing", str(tmp_path / "no-list"))
    publish(Depot(tmp_path / "depot"), spec, RELEASE, request_.dest, BUILT, "b" * 64, {}, Signing(key, signers))


def test_nothing_is_signed_while_a_canary_is_in_the_tree(tmp_path: Path, request_: PackRequest, spec: Spec) -> None:
    key, _signers = make_key(tmp_path)
    write_tree(request_.prefix, {"share/deep/state": "x=canary-7f3a9c"})
    pack(replace(request_, credentials=("canary-7f3a9c",)))
    spec = replace(spec, release=replace(spec.release, allow={"secret-in-release": "for tests"}))
    error = refused_publish(request_, spec, key)
    assert error.problem == f"demo {RELEASE} would carry secrets to every host"
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
    with pytest.raises(AirgapError) as caught:
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
