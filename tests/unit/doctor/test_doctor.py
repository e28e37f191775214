# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor as a whole: what it says, what may be allowed, what stops a build, how long it takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.complaints import (
    ALLOWABLE,
    CATALOGUE,
    DOCTOR,
)
from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import pin
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import (
    FINDERS,
    Complaints,
    diagnose,
    require_sound,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.conftest import CHECKOUT, COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_channel import write_spec
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import Patient
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

pytest.importorskip("rattler")
pytest.importorskip("packaging")

# Two errors and a warning: a file of two packages, one that was edited, and a channel with terms.
SICK = "- one\n- two\n- openssl\n"


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return Patient(tmp_path, monkeypatch)


@pytest.fixture
def sick(patient: Patient) -> Patient:
    patient.channel().add("one", "1.0", files={"lib/shared": b"1", "lib/one": b"1"})
    patient.channel().add("two", "1.0", files={"lib/shared": b"2"})
    patient.channel("main").add("openssl", "1.1")
    patient.channel("r")
    patient.build(SICK, channels="near, defaults")
    (patient.prefix / "lib/one").write_text("2")
    return patient


def run_module(patient: Patient, **parameters: object) -> dict[str, object]:
    """Run the module as Ansible does, on the interpreter of the tests."""
    code = (
        "import json,sys\n"
        f"sys.path.insert(0, {str(COLLECTIONS)!r})\n"
        "from ansible.module_utils import basic\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        "from ansible_collections.airgap.conda.plugins.modules import doctor\n"
        "with patch_module_args(json.loads(sys.argv[1])): doctor.main()\n"
    )
    arguments = {"prefix": str(patient.prefix), "spec": str(patient.folder / "demo"), **parameters}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)], capture_output=True, text=True, check=False
    )
    return dict(json.loads(done.stdout))


# --- what it says ---------------------------------------------------------------------------------------------------


def test_each_finding_says_wanted_found_where_why_and_the_line_and_how_to_allow_it(sick: Patient) -> None:
    findings = sick.ask()
    assert [finding.check for finding in findings] == [
        "conda-files-changed",
        "conda-files-owned-twice",
        "defaults-terms",
    ]
    for finding in findings:
        text = str(finding.as_error())
        assert re.search(r"\(" + finding.check + r"\)\. .*\. Wanted: .*\. Found: .*\. Where: /.*\. Remedy: .*\.$", text)
        assert f'allow: {{{finding.check}: "the reason"}}' in text
        assert ".." not in text.replace("...", "")
        assert all(str(package) in text for package in finding.packages)


def test_all_errors_stop_the_build_in_one_message_and_warnings_do_not(sick: Patient) -> None:
    with pytest.raises(Complaints) as caught:
        require_sound(sick.ask())
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 complaints stop the build."
    assert [line[:2] for line in lines[1:]] == ["1.", "2."]
    assert all("Wanted: " in line and "Remedy: " in line for line in lines[1:])
    assert "defaults-terms" not in str(caught.value)
    assert all(caught.value.as_result().values())


def test_what_goes_into_the_manifest(sick: Patient) -> None:
    owned = sick.ask(conda_files_owned_twice="known and harmless")[1].as_dict()
    assert owned == {
        "name": "conda-files-owned-twice",
        "level": "error",
        "what": "one 1.0 (conda, channel near), two 1.0 (conda, channel near) contain lib/shared",
        "packages": [
            {"manager": "conda", "name": "one", "version": "1.0", "channel": "near"},
            {"manager": "conda", "name": "two", "version": "1.0", "channel": "near"},
        ],
        "allowed": "known and harmless",
    }
    assert json.loads(json.dumps(owned)) == owned


def test_a_sound_environment_has_nothing_to_say(patient: Patient) -> None:
    patient.channel().add("tool", "1.0")
    assert patient.build("- tool\n") == []
    require_sound([])


def test_a_folder_that_is_no_environment_is_refused(patient: Patient) -> None:
    write_spec(patient.folder / "demo", "channels: [near]\ndependencies: [tool]\n")
    spec = load_spec(patient.folder / "demo")
    with raised("prefix-missing", found="no such folder"):
        diagnose(patient.folder / "nothing", spec)
    (patient.folder / "broken/conda-meta").mkdir(parents=True)
    (patient.folder / "broken/conda-meta/a-1-0.json").write_text('{"name": "a"}')
    with raised("record-unreadable", found="KeyError: 'version'", where="a-1-0.json"):
        diagnose(patient.folder / "broken", spec)


# --- what may be allowed --------------------------------------------------------------------------------------------


def test_a_reason_in_release_yml_lets_an_error_pass_and_stands_in_the_manifest(sick: Patient) -> None:
    reasons = {"conda-files-changed": "ours", "conda-files-owned-twice": "known"}
    write_spec(
        sick.folder / "demo", (sick.folder / "demo/environment.yml").read_text(), f"allow: {json.dumps(reasons)}\n"
    )
    assert load_spec(sick.folder / "demo").release.allow == reasons
    findings = sick.ask()
    require_sound(findings)
    assert [finding.allowed for finding in findings] == ["ours", "known", ""]
    assert sick.ask(conda_files_changed="said twice")[0].allowed == "said twice"


def test_a_complaint_is_a_finding_as_those_of_hosts_are(sick: Patient) -> None:
    found = sick.ask()
    assert all(isinstance(finding, Finding) for finding in found)
    assert {finding.code == finding.check == finding.as_error().code for finding in found} == {True}
    assert {finding.verdict for finding in found if finding.stops} == {BROKEN}
    # What is signed keeps its form.
    entry = found[0].as_dict()
    assert [*entry] == ["name", "level", "what", "packages", "allowed"]
    assert (entry["name"], entry["what"]) == (found[0].check, found[0].found)


@pytest.mark.parametrize(
    ("allow", "code", "texts"),
    [
        ("{pip-replaced-conda-file: because}", "key-unknown", {"remedy": "'pip-replaced-conda-files'"}),
        ("{nonsense: because}", "key-unknown", {"wanted": "one of " + ", ".join(ALLOWABLE)}),
        ("{link-leads-out: no host takes it}", "key-unknown", {"problem": "'link-leads-out'"}),
        ("{defaults-terms: }", "text-missing", {}),
        ("{defaults-terms: ''}", "text-missing", {}),
        ("{defaults-terms: true}", "text-unquoted", {}),
        ("[defaults-terms]", "mapping-missing", {}),
    ],
)
def test_release_yml_refuses_unknown_names_and_missing_reasons(
    tmp_path: Path, allow: str, code: str, texts: dict[str, str]
) -> None:
    folder = write_spec(tmp_path / "demo", "channels: [near]\ndependencies: [tool]\n", f"gpu: none\nallow: {allow}\n")
    with raised(code, **texts) as caught:
        load_spec(folder)
    assert "release.yml:2:" in caught.value.where


@pytest.mark.parametrize("allow", [{"nonsense": "because"}, {"defaults-terms": " "}, {"defaults-terms": None}])
def test_the_parameter_allow_is_held_to_the_same(sick: Patient, allow: dict[str, str]) -> None:
    with raised("allow-invalid", wanted=ALLOWABLE[0]):
        diagnose(sick.prefix, load_spec(sick.folder / "demo"), "", allow)


# --- the module -----------------------------------------------------------------------------------------------------


def test_the_module_fails_with_every_error_and_all_findings(sick: Patient) -> None:
    result = run_module(sick)
    assert result["failed"] is True
    assert str(result["msg"]).startswith("2 complaints stop the build.\n1. Files of a conda package were changed")
    assert [item["name"] for item in result["findings"]] == [finding.check for finding in sick.ask()]  # type: ignore[attr-defined]
    assert "defaults-terms" in str(result["warnings"])


def test_the_module_passes_what_is_allowed_and_warns_of_the_rest(sick: Patient) -> None:
    allow = {"conda-files-changed": "ours", "conda-files-owned-twice": "known"}
    result = run_module(sick, allow=allow)
    assert "failed" not in result
    assert result["changed"] is False
    assert [item["allowed"] for item in result["findings"]] == ["ours", "known", ""]  # type: ignore[attr-defined]
    assert len(result["warnings"]) == 1  # type: ignore[arg-type]
    assert "warnings" not in run_module(sick, allow={**allow, "defaults-terms": "licensed"})


# --- the catalogue --------------------------------------------------------------------------------------------------


def test_every_complaint_has_a_finder_and_all_that_a_reader_needs() -> None:
    assert list(FINDERS) == [complaint.name for complaint in CATALOGUE if complaint.step == DOCTOR]
    assert len({complaint.name for complaint in CATALOGUE}) == len(CATALOGUE)
    for complaint in CATALOGUE:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", complaint.name)
        assert complaint.level in ("error", "warning")
        assert all(asdict(complaint)[field].strip() for field in ("title", "wanted", "why", "remedy"))
        assert bool(complaint.before) == bool(complaint.after)
        assert complaint.title[0].isupper() or complaint.title.startswith(("pip", "conda"))
        assert not complaint.title.endswith(".")
        assert not complaint.wanted.endswith(".")
        assert complaint.why.endswith(".")
        assert complaint.remedy.endswith(".")


def test_the_guide_is_that_of_the_catalogue() -> None:
    command = [sys.executable, str(CHECKOUT / "tests/tools/build_complaints.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- pins -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "bounds", "wanted"),
    [
        ("11.0.0", ["<12,>=4.0.0"], "x=11.*"),
        ("11.0.0", ["<12,>=4.0.0", "<11.2"], "x=11.0.*"),
        ("1.26.4", ["~=1.26"], "x=1.26.*"),
        ("1.26.4", ["==1.26.*"], "x=1.26.*"),
        ("1.26.4", ["==1.26.4"], "x=1.26.4"),
        ("2023.4", ["<2024"], "x=2023.*"),
        ("3.2", ["!=3.5"], "x=3.2.*"),
        ("2.0", [], "x=2.*"),
        ("not a version", ["<12"], "x=not a version"),
    ],
)
def test_a_pin_is_as_loose_as_every_requirement_allows(version: str, bounds: list[str], wanted: str) -> None:
    from packaging.specifiers import SpecifierSet

    assert pin("x", version, [SpecifierSet(text) for text in bounds]) == wanted


# --- time -----------------------------------------------------------------------------------------------------------


def test_seven_thousand_files_take_less_than_two_seconds(patient: Patient) -> None:
    # To compress one byte over and over takes no time.
    files = {f"lib/folder{number % 70}/file{number}": b"%d\n" % number + b" " * 2500 for number in range(7000)}
    patient.channel().add("big", "1.0", files=files)
    assert patient.build("- big\n") == []
    with (patient.prefix / "lib/folder69/file6999").open("r+b") as stream:
        stream.write(b"0")
    began = time.process_time()
    findings = patient.ask()
    assert time.process_time() - began < 2
    assert [finding.found for finding in findings] == ["big 1.0 (conda, channel near): changed: lib/folder69/file6999"]
