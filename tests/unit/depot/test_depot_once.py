# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One verification for all hosts that want the same, and for those alone."""

from __future__ import annotations

import shutil
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.action.depot_info import slips, verified
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.plugin_utils._once import once
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id

ROOT = Path("/opt/conda-envs")
ONE, TWO = release_id(1), release_id(2)


@pytest.fixture
def depot(tmp_path: Path) -> Depot:
    key, _signers = make_key(tmp_path)
    for serial in (1, 2):
        made = make_release(tmp_path / "depot", ROOT, serial)
        signature.sign(made.folder / MANIFEST, key)
    (tmp_path / "run").mkdir(mode=0o700)
    return Depot(tmp_path / "depot")


def _ids(depot: Depot, *wanted: tuple[str, Path]) -> list[str]:
    run = depot.path.parent / "run"
    return [verified(depot, "demo", pin, signers, run)["id"] for pin, signers in wanted]


def _count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each verification adds its release."""
    seen: list[str] = []
    real = Depot.verify

    def verify(depot: Depot, env: str, release: str, signers: Path) -> Any:
        seen.append(release)
        return real(depot, env, release, signers)

    monkeypatch.setattr(Depot, "verify", verify)
    return seen


def test_hosts_that_want_the_same_share_one_verification(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    signers, seen = depot.path.parent / "key.signers", _count(monkeypatch)
    assert _ids(depot, *[("", signers)] * 3, *[(ONE, signers)] * 3, ("", signers)) == [TWO] * 3 + [ONE] * 3 + [TWO]
    assert seen == [TWO, ONE]


def test_another_list_of_keys_is_another_verification(depot: Depot) -> None:
    folder = depot.path.parent
    (folder / "other").mkdir()
    _key, stricter = make_key(folder / "other")
    assert _ids(depot, ("", folder / "key.signers")) == [TWO]
    with raised("signature-refused"):
        _ids(depot, ("", stricter))
    # The same file with other keys in it, later in the run.
    shutil.copy(stricter, folder / "key.signers")
    with raised("signature-refused"):
        _ids(depot, ("", folder / "key.signers"))


def test_a_part_that_changes_in_the_run_is_verified_again(depot: Depot) -> None:
    signers = depot.path.parent / "key.signers"
    assert _ids(depot, ("", signers)) == [TWO]
    part = next((depot.path / "demo" / TWO).glob("env.*"))
    content = bytearray(part.read_bytes())
    content[0] ^= 1
    part.write_bytes(content)
    with raised("file-damaged"):
        _ids(depot, ("", signers))


def test_a_refusal_is_shared_as_well(tmp_path: Path) -> None:
    calls = []

    def refuse() -> dict[str, Any]:
        calls.append(1)
        raise AirgapError("No", code="no", wanted="w", found="f", where="x", remedy="r")

    said = []
    for _host in range(3):
        with raised("no") as caught:
            once(tmp_path, {"x": 1}, refuse)
        said.append(str(caught.value))
    assert (calls, said) == ([1], ["No. Wanted: w. Found: f. Where: x. Remedy: r."] * 3)


def _work(folder: Path) -> dict[str, Any]:
    def work() -> dict[str, Any]:
        with open(folder / "calls", "a", encoding="ascii") as stream:
            stream.write("x")
        time.sleep(0.3)  # so that all others are there before it ends
        return {"a": 1}

    return once(folder, {"x": 1}, work)


def test_the_first_of_many_processes_works(tmp_path: Path) -> None:
    with get_context("fork").Pool(8) as pool:
        assert pool.map(_work, [tmp_path] * 24) == [{"a": 1}] * 24
    assert (tmp_path / "calls").read_text(encoding="ascii") == "x"


def test_half_a_record_of_a_process_that_was_ended_counts_for_nothing(tmp_path: Path) -> None:
    assert _work(tmp_path) == {"a": 1}
    record = next(tmp_path.glob("airgap-conda-*"))
    record.write_text(record.read_text(encoding="utf-8")[:-3], encoding="utf-8")
    assert _work(tmp_path) == _work(tmp_path) == {"a": 1}
    assert (tmp_path / "calls").read_text(encoding="ascii") == "xx"


def test_all_that_the_depot_lacks_is_one_message(depot: Depot) -> None:
    faults = Faults()
    for env in ("one", "two"):
        with faults.gathered():
            depot.choose(env)
    error = faults.error("what is wanted of the depot")
    assert error is not None
    assert error.as_result()["wanted"] == "(1) one (the newest); (2) two (the newest)"
    assert str(error).startswith("There are 2 errors in what is wanted of the depot.\n1. The depot does not have")


def test_a_pin_that_is_a_slip_of_the_pen(depot: Depot) -> None:
    envs = ["runtime", "dem", "imaging"]
    assert slips(depot, {"dmeo": ONE, "imagin": ONE, "other": ONE, "demo": ONE, "imaging": ONE}, envs) == ["imagin"]
