# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""conda, mamba and micromamba: how they are called, what is made of their answers, and of answers that are none."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Outcome, Request, make
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import PROGRAMS, RattlerBackend, backend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit import tiny_conda
from ansible_collections.airgap.conda.tests.unit.tiny_channel import TinyChannel, write_spec

pytest.importorskip("rattler")

SPEC = "channels: [near, far]\ndependencies: [tool, 'lib >=2', far::other]\n"
TARGET = 'target: {glibc: "2.31", cuda: "11.8", cpu: x86-64-v2}\n'
SHA256, MD5 = "a" * 64, "b" * 32


def fetched(name: str, version: str) -> dict[str, Any]:
    """Return an entry as conda lists it under FETCH, and libmamba under LINK."""
    url = f"https://h/{'far' if name == 'other' else 'near'}/noarch/{name}-{version}-0.tar.bz2"
    found = {"name": name, "version": version, "build": "0", "build_number": 0, "subdir": "noarch", "size": 462}
    return {**found, "fn": url.rsplit("/", 1)[-1], "url": url, "sha256": SHA256, "md5": MD5, "depends": []}


def linked(name: str, version: str) -> dict[str, Any]:
    """Return an entry as conda lists it under LINK."""
    found = {"name": name, "version": version, "build_string": "0", "build_number": 0, "platform": "noarch"}
    return {**found, "base_url": "https://h/near", "channel": "near", "dist_name": f"{name}-{version}-0"}


PACKAGES = [("tool", "1.0"), ("lib", "2.0"), ("other", "3.0")]
CONDA = {
    "success": True,
    "dry_run": True,
    "prefix": "/p",
    "actions": {
        "FETCH": [fetched(*package) for package in PACKAGES],
        "LINK": [linked(*package) for package in PACKAGES],
        "PREFIX": "/p",
    },
}
LIBMAMBA = {
    "success": True,
    "dry_run": True,
    "prefix": "/p",
    "actions": {"LINK": [{**fetched(*package), "build_string": "0"} for package in PACKAGES], "PREFIX": "/p"},
}
ANSWERS = {"conda": CONDA, "mamba": LIBMAMBA, "micromamba": LIBMAMBA}


class Bastion:
    """A bastion with a stand-in for one program, a spec, and the prefix to make it in."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.prefix = folder, name, folder / "prefixes/demo"
        self.program = folder / "bin" / name
        (folder / "bin/answers").mkdir(parents=True)
        self.program.write_text(f"#!{sys.executable} -IS\n{Path(tiny_conda.__file__).read_text()}")
        self.program.chmod(0o755)
        self.deadline = 20.0
        write_spec(folder / "demo", SPEC, TARGET)
        self.answer("create-dry-run", ANSWERS[name])

    def answer(self, command: str, content: Any, ending: str = "json") -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / "bin/answers" / f"{command}.{ending}").write_text(text)

    def fail(self, command: str, content: Any = "", err: str = "", rc: int = 1) -> None:
        self.answer(command, content)
        self.answer(command, err, "err")
        self.answer(command, str(rc), "rc")

    def request(self) -> Request:
        spec = load_spec(self.folder / "demo")
        chosen = backend(self.name, str(self.program), self.folder / "cache", self.deadline)
        channels = Channels(spec.channels, chosen.alias, str(spec.directory / "environment.yml"))
        return Request(self.prefix, spec, channels, spec.release.target, self.folder / "cache", chosen)

    def make(self, update: bool = False, check: bool = False) -> Outcome:
        return make(self.request(), update, check)

    def refused(self) -> AirgapError:
        with pytest.raises(AirgapError) as caught:
            self.make()
        error = caught.value
        assert all((error.wanted, error.found, error.where, error.remedy))
        assert not self.prefix.exists()
        return error

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "bin/calls.jsonl").read_text().splitlines()]


@pytest.fixture(params=PROGRAMS)
def bastion(request: pytest.FixtureRequest, tmp_path: Path) -> Bastion:
    return Bastion(tmp_path, request.param)


@pytest.fixture
def conda(tmp_path: Path) -> Bastion:
    return Bastion(tmp_path, "conda")


def test_the_whole_way(bastion: Bastion) -> None:
    outcome = bastion.make()
    assert outcome.changed
    assert (bastion.prefix / "share/tool").read_text() == "tool 1.0\n"
    assert outcome.environment.conda_lock == "@EXPLICIT\n" + "".join(
        f"https://h/{channel}/noarch/{name}-0.tar.bz2#sha256:{SHA256}\n"
        for channel, name in (("far", "other-3.0"), ("near", "lib-2.0"), ("near", "tool-1.0"))
    )
    lib = outcome.environment.packages[0]
    assert lib == {
        "manager": "conda",
        "name": "lib",
        "version": "2.0",
        "build": "0",
        "channel": "near",
        "sha256": SHA256,
        "size": 462,
    }
    calls = len(bastion.calls())
    assert not bastion.make().changed
    assert len(bastion.calls()) == calls


def test_what_the_program_is_told(bastion: Bastion) -> None:
    bastion.make()
    solve, install = bastion.calls()
    arguments = [argument for argument in solve["arguments"] if not argument.startswith("--prefix=")]
    extra = ["--no-default-packages"] if bastion.name == "conda" else []
    assert arguments == [
        *["create", "--json", "--yes", "--dry-run", "--override-channels", *extra],
        *["--channel=near", "--channel=far", "tool", "lib >=2", "far::other"],
    ]
    command, *options = install["arguments"]
    assert [command, *(option.partition("=")[0] for option in options)] == [
        *["create", "--json", "--yes", "--prefix", "--file"]
    ]
    assert f"--prefix={bastion.prefix}" in options


def test_the_target_is_told_and_not_the_bastions(bastion: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "99.9")
    monkeypatch.setenv("CONDA_SUBDIR", "osx-arm64")
    monkeypatch.setenv("CONDA_PREFIX", "/somewhere")
    monkeypatch.setenv("CONDA_CHANNEL_ALIAS", "https://the.institutions.own")
    bastion.make()
    for call in bastion.calls():
        told = call["variables"]
        assert told["CONDA_OVERRIDE_GLIBC"] == "2.31"
        assert told["CONDA_OVERRIDE_CUDA"] == "11.8"
        assert told["CONDA_OVERRIDE_LINUX"] == "3.10"
        assert told["CONDA_OVERRIDE_ARCHSPEC"] == "x86_64_v2"
        assert told["CONDA_SUBDIR"] == "linux-64"
        assert told["CONDA_CHANNEL_ALIAS"] == "https://the.institutions.own"
        assert "CONDA_PREFIX" not in told
    write_spec(bastion.folder / "demo", SPEC, 'target: {glibc: "2.31"}\n')
    bastion.make()
    assert bastion.calls()[-1]["variables"]["CONDA_OVERRIDE_CUDA"] == ""  # none, whatever the bastion has


@pytest.mark.parametrize("priority", ["strict", "disabled"])
def test_the_priority_is_told(bastion: Bastion, priority: str) -> None:
    request = bastion.request()
    make(replace(request, channels=replace(request.channels, priority=priority)))
    told = bastion.calls()[0]["variables"]
    assert (told["CONDA_CHANNEL_PRIORITY"], told["MAMBA_CHANNEL_PRIORITY"]) == (priority, priority)


def test_an_alias_that_is_given_makes_addresses(conda: Bastion) -> None:
    request = conda.request()
    make(replace(request, channels=Channels(("near", "defaults"), "https://mirror/conda", "here")))
    channels = [argument for argument in conda.calls()[0]["arguments"] if argument.startswith("--channel")]
    expected = ["near/", "main/", "r/", "far/"]
    assert channels == [f"--channel=https://mirror/conda/{name}" for name in expected]


def test_credentials_of_the_program_stay_with_it(bastion: Bastion) -> None:
    answer = json.dumps(ANSWERS[bastion.name]).replace("https://h/near", "https://me:canary-pw@h/t/canary-tk/near")
    bastion.answer("create-dry-run", answer)
    outcome = bastion.make()
    listing = (bastion.folder / "bin/listing").read_text()
    assert "https://me:canary-pw@h/t/canary-tk/near/noarch/tool-1.0-0.tar.bz2#sha256:" in listing
    assert "canary" not in outcome.environment.to_text()
    assert "https://h/near/noarch/tool-1.0-0.tar.bz2#" in outcome.environment.conda_lock
    for path in [*bastion.prefix.rglob("*"), *(bastion.folder / "cache").rglob("*")]:
        assert path.is_dir() or b"canary" not in path.read_bytes(), path
    assert not any("canary" in argument for call in bastion.calls() for argument in call["arguments"])


def test_the_records_say_nothing_of_the_program(bastion: Bastion) -> None:
    bastion.make()
    assert (bastion.prefix / "conda-meta/history").read_bytes() == b""
    assert not (bastion.prefix / ".mambarc").exists()
    assert sorted(os.listdir(bastion.prefix / "share")) == ["lib", "other", "tool"]  # no byte code of conda's
    record = json.loads((bastion.prefix / "conda-meta/tool-1.0-0.json").read_text())
    assert record["files"] == ["share/tool"]
    assert [path["_path"] for path in record["paths_data"]["paths"]] == ["share/tool"]
    assert "requested_spec" not in record
    assert record["channel"] == "https://h/near"


def test_from_a_lock_nothing_is_solved(bastion: Bastion) -> None:
    first = bastion.make().environment
    (bastion.folder / "demo/conda.lock").write_text(first.conda_lock)
    shutil.rmtree(bastion.prefix)
    bastion.fail("create-dry-run")
    outcome = bastion.make()
    assert outcome.environment.inputs_sha256 == first.inputs_sha256
    assert (bastion.folder / "bin/listing").read_text().splitlines()[0] == "@EXPLICIT"


def test_rattler_and_a_program_make_the_same_environment(conda: Bastion, tmp_path: Path) -> None:
    """The same packages have the same name, whoever chose them."""
    channel = TinyChannel(tmp_path / "near")
    sums = {}
    for name, version in PACKAGES:
        channel.add(name, version)
    repodata = json.loads((tmp_path / "near/noarch/repodata.json").read_text())["packages"]
    for entry in repodata.values():
        sums[entry["name"]] = (entry["sha256"], entry["md5"])
    answer = json.loads(re.sub("https://h/(near|far)", channel.folder.as_uri(), json.dumps(CONDA)))
    for entry in answer["actions"]["FETCH"]:
        entry["sha256"], entry["md5"] = sums[entry["name"]]
    conda.answer("create-dry-run", answer)
    write_spec(tmp_path / "demo", "channels: [near]\ndependencies: [tool, lib, other]\n", TARGET)
    by_conda = conda.make().environment
    request = conda.request()
    alone = Channels(("near",), tmp_path.as_uri(), "here")
    by_rattler = make(
        replace(
            request,
            channels=alone,
            backend=RattlerBackend(tmp_path / "cache"),
            prefix=tmp_path / "other/demo",
        )
    ).environment
    assert by_conda.inputs_sha256 == by_rattler.inputs_sha256
    assert by_conda.conda_lock == by_rattler.conda_lock


def test_a_package_that_another_cache_has(conda: Bastion) -> None:
    answer = json.loads(json.dumps(CONDA))
    entry = answer["actions"]["FETCH"].pop()
    conda.answer("create-dry-run", answer)
    cache = conda.folder / "their-pkgs"
    (cache / "other-3.0-0/info").mkdir(parents=True)
    (cache / "other-3.0-0/info/repodata_record.json").write_text(json.dumps(entry))
    conda.answer("info", {"pkgs_dirs": ["/nowhere", str(cache)]})
    assert "other-3.0-0.tar.bz2#sha256:" in conda.make().environment.conda_lock


TOS = "Terms of Service have not been accepted for the following channels: https://repo.anaconda.com/pkgs/main"
ABSENT = {
    "exception_name": "PackagesNotFoundInChannelsError",
    "message": "The following packages are not available from current channels:\n\n  - nosuch\n",
}
UNSATISFIABLE = {"exception_name": "LibMambaUnsatisfiableError", "message": "nothing provides __glibc >=2.36"}


def test_terms_of_service(conda: Bastion) -> None:
    conda.fail("create-dry-run", {"exception_name": "CondaToSNonInteractiveError", "message": TOS})
    error = conda.refused()
    assert error.code == "terms-not-accepted"
    assert "pkgs/main" in error.found
    assert "CONDA_PLUGINS_AUTO_ACCEPT_TOS" in error.remedy
    assert "conda-forge" in error.remedy


@pytest.mark.parametrize("answer", [ABSENT, UNSATISFIABLE, {"success": False, "solver_problems": ["nosuch", "b"]}])
def test_unsolvable(bastion: Bastion, answer: dict[str, Any]) -> None:
    bastion.fail("create-dry-run", answer)
    error = bastion.refused()
    assert error.code == "unsolvable"
    assert error.wanted == "tool, lib >=2, far::other"
    assert error.where == str(bastion.folder / "demo/environment.yml")
    assert "nosuch" in error.found or "__glibc >=2.36" in error.found
    assert "__glibc 2.31" in error.remedy
    assert "\n" not in str(error)


def test_a_failure_with_exit_status_0(bastion: Bastion) -> None:
    bastion.answer("create-dry-run", {"success": False, "error": "no network"})
    error = bastion.refused()
    assert (error.code, error.found) == ("query-failed", "no network")
    assert bastion.name in error.problem


@pytest.mark.parametrize(
    ("answer", "err", "found"),
    [
        ("", "Traceback\nBoom: https://me:canary@h/c", "Traceback; Boom: https://***@h/c"),
        ("not JSON", "", "not JSON"),
        ("", "", "exit status 3 without output"),
        ({"message": "x" * 5000}, "", "x" * 1500 + "…"),
    ],
)
def test_other_failures(bastion: Bastion, answer: Any, err: str, found: str) -> None:
    bastion.fail("create-dry-run", answer, err, rc=3)
    error = bastion.refused()
    assert error.found == found
    assert error.where == str(bastion.program)
    assert f"{bastion.name} create --dry-run" in error.remedy


NO_ADDRESS = {"actions": {"LINK": [linked("tool", "1.0")], "FETCH": []}}


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{",
        "[1, 2]",
        '"text"',
        "{}",
        '{"actions": []}',
        '{"actions": {}}',
        '{"actions": {"LINK": "x"}}',
        '{"actions": {"LINK": [1]}}',
        '{"actions": {"LINK": [{"name": "tool"}]}}',
        '{"actions": {"LINK": [{"name": "a", "version": "1", "build": "0", "url": "no address"}]}}',
        json.dumps({"actions": {"LINK": [{**fetched("tool", "1.0"), "size": "x"}]}}),
        json.dumps(NO_ADDRESS),
    ],
)
def test_garbage(bastion: Bastion, answer: str) -> None:
    bastion.answer("create-dry-run", answer)
    error = bastion.refused()
    assert error.code == "solver-answer"
    assert bastion.name in error.problem
    assert error.where == str(bastion.program)


def test_an_answer_after_other_output(bastion: Bastion) -> None:
    noise = 'warning: {not json}\n{"fetch": "repodata", "progress": 0.5}\0\n'
    bastion.answer("create-dry-run", noise + json.dumps(ANSWERS[bastion.name]))
    assert bastion.make().changed


def test_a_program_that_hangs(bastion: Bastion) -> None:
    bastion.deadline = 0.5
    bastion.answer("create-dry-run", "60", "sleep")
    start = time.monotonic()
    error = bastion.refused()
    assert time.monotonic() - start < 50
    assert error.code == "solver-unfinished"
    assert bastion.name in error.problem
    assert "build_backend_timeout" in error.remedy


def test_a_program_that_hangs_while_it_installs(bastion: Bastion) -> None:
    bastion.deadline = 2
    bastion.answer("create", "30", "sleep")
    assert bastion.refused().code == "solver-unfinished"
    assert sorted(os.listdir(bastion.prefix.parent)) == [".locks"]


def test_an_install_that_fails_names_the_package(bastion: Bastion) -> None:
    text = "ChecksumMismatchError: checksum mismatch for https://h/near/noarch/lib-2.0-0.tar.bz2 (sha256 a != c)"
    bastion.fail("create", {"exception_name": "ChecksumMismatchError", "message": text})
    error = bastion.refused()
    assert error.code == "install-failed"
    assert "lib 2.0" in error.problem
    assert (error.wanted, error.found) == (f"lib-2.0-0.tar.bz2 with sha256 {SHA256}", text)


def test_an_archive_that_the_program_did_not_look_at(bastion: Bastion) -> None:
    archive = bastion.folder / "cache" / bastion.name / "pkgs/lib-2.0-0.tar.bz2"
    archive.parent.mkdir(parents=True)
    archive.write_text("something else")
    error = bastion.refused()
    assert error.code == "install-failed"
    assert "lib 2.0" in error.problem
    assert str(archive) in error.found


def test_an_environment_with_other_packages(bastion: Bastion) -> None:
    source = bastion.program.read_text().replace(".splitlines()[1:]", ".splitlines()[2:]")
    bastion.program.write_text(source)
    assert bastion.refused().code == "packages-differ"
