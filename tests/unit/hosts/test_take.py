# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Receipts that come on a drive: what is taken in, and what of a forged one is not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import FOLDER, KEY, SUFFIX, Receipt
from ansible_collections.airgap.conda.plugins.module_utils._contract.sshsig import BEGIN, END
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import hosts, known
from ansible_collections.airgap.conda.plugins.module_utils._hosts.take import Offered, from_answer, take, take_from
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import make_key, put, receipt, sign
from ansible_collections.airgap.conda.tests.unit.tiny_release import snapshot, without_locks


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the key of a host, and another one."""
    folder = tmp_path_factory.mktemp("keys")
    return make_key(folder, "host"), make_key(folder, "other")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Return the depot of a drive."""
    return tmp_path / "drive"


@pytest.fixture
def depot(tmp_path: Path) -> Path:
    """Return a depot on a bastion."""
    (tmp_path / "depot").mkdir()
    return tmp_path / "depot"


def codes(taken: list[Any]) -> list[str]:
    """Return what was refused, by the codes of the faults."""
    return [fault.code for one in taken for fault in one.faults]


def test_the_first_sight_pins_the_key_and_says_so(drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    put(drive, receipt(1, keys[0]), keys[0])
    (first,) = take_from(drive, depot)
    assert (first.host, first.new, first.faults) == ("ws1", 1, [])
    assert first.pinned in "".join(first.warnings())
    assert first.pinned.startswith("SHA256:")
    public = " ".join(keys[0].with_suffix(".pub").read_text().split()[:2])
    assert (depot / FOLDER / "ws1" / KEY).read_text() == f"{public}\n"
    (seen,) = known(depot)
    assert (seen.name, seen.signed) == ("ws1", True)


def test_the_same_again_changes_nothing(drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    put(drive, receipt(1, keys[0]), keys[0])
    take_from(drive, depot)
    before = snapshot(depot)
    assert take_from(drive, depot) == []
    assert snapshot(depot) == before


def test_check_mode_only_says_it(drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    put(drive, receipt(1, keys[0]), keys[0])
    (seen,) = take_from(drive, depot, check=True)
    assert seen.new == 1
    assert list(depot.iterdir()) == []


def test_newer_ones_are_added_and_the_oldest_go(
    drive: Path, depot: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RECEIPTS", 2)
    for number in (1, 2):
        put(drive, receipt(number, keys[0]), keys[0])
    take_from(drive, depot)
    put(drive, receipt(3, keys[0]), keys[0])
    (taken,) = take_from(drive, depot)
    assert (taken.new, taken.pinned) == (1, "")
    there = sorted(path.name for path in (depot / FOLDER / "ws1").glob("*.json"))
    assert there == [receipt(number).file_name for number in (2, 3)]
    assert known(depot)[0].receipt.number == receipt(3).number


def test_an_older_one_is_not_taken_again(drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    old = put(drive, receipt(1, keys[0]), keys[0])
    put(drive, receipt(2, keys[0]), keys[0])
    take_from(drive, depot)
    for path in (depot / FOLDER / "ws1").glob(f"{old.name}*"):
        path.unlink()
    put(drive, receipt(2, keys[0]), keys[0]).unlink()
    assert take_from(drive, depot) == []
    assert known(depot)[0].receipt.number == receipt(2).number


def test_an_older_one_is_not_taken_from_a_host_either(drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    old = put(drive, receipt(1, keys[0]), keys[0])
    signature = old.with_name(old.name + SUFFIX).read_bytes()
    offered = Offered(old.name, old.read_bytes(), signature, "an answer")
    put(drive, receipt(2, keys[0]), keys[0])
    take_from(drive, depot)
    assert take("ws1", [offered], depot).new == 0
    (depot / FOLDER / "ws1" / old.name).unlink()
    assert take("ws1", [offered], depot).new == 0
    assert not (depot / FOLDER / "ws1" / old.name).exists()


def test_a_receipt_has_an_end() -> None:
    with pytest.raises(AirgapError) as caught:
        Receipt.from_json(receipt().to_json() + b" " * limits.RECEIPT, "here")
    assert caught.value.code == "receipt-unusable"


def test_another_key_is_one_fault_for_a_person(drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    put(drive, receipt(1, keys[0]), keys[0])
    take_from(drive, depot)
    before = without_locks(depot)
    for number in (2, 3):
        put(drive, receipt(number, keys[1]), keys[1])
    assert codes(take_from(drive, depot)) == ["receipt-key-changed"]
    assert without_locks(depot) == before


def test_a_person_lets_another_key_in(drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    put(drive, receipt(1, keys[0]), keys[0])
    take_from(drive, depot)
    put(drive, receipt(2, keys[1]), keys[1])
    for path in (depot / FOLDER / "ws1").iterdir():
        path.unlink()
    put(drive, receipt(1), None).unlink()
    (taken,) = take_from(drive, depot)
    assert taken.new == 1


def test_without_a_signature_it_is_shown_as_that_until_there_is_one(
    drive: Path, depot: Path, keys: tuple[Path, Path]
) -> None:
    put(drive, receipt(9), None)
    take_from(drive, depot)
    assert known(depot)[0].state == "unsigned"
    assert [one.new for one in take_from(drive, depot)] == [0]
    put(drive, receipt(1, keys[0]), keys[0])
    take_from(drive, depot)
    (seen,) = known(depot)
    assert (seen.state, seen.receipt.number) == ("signed", receipt(1).number)
    put(drive, receipt(10), None)
    assert codes(take_from(drive, depot)) == ["receipt-unsigned"]


def forged(change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Path], str]:
    """Return what puts a receipt on a drive whose content was changed before it was signed."""

    def forge(drive: Path, key: Path) -> str:
        data = json.loads(receipt(2, key).to_json())
        change(data)
        put(drive, receipt(2, key), key, content=json.dumps(data).encode())
        return "receipt-unusable"

    return forge


def _other_host(drive: Path, key: Path) -> str:
    put(drive, receipt(2, key, name="ws2"), key, host="ws1")
    return "receipt-misplaced"


def _other_name(drive: Path, key: Path) -> str:
    put(drive, receipt(2, key), key, name=receipt(99).file_name)
    return "receipt-misplaced"


def _changed_afterwards(drive: Path, key: Path) -> str:
    path = put(drive, receipt(2, key), key)
    path.write_bytes(replace(receipt(2, key), ok=False).to_json())
    return "receipt-forged"


def _other_purpose(drive: Path, key: Path) -> str:
    path = put(drive, receipt(2, key), None)
    sign(path, key, "file")
    return "receipt-forged"


def _key_of_another(drive: Path, key: Path) -> str:
    """Sign with another key, and write the pinned one into the signature."""
    path = put(drive, receipt(2, key), None)
    other = make_key(drive.parent / "more")
    sign(path, other)
    signature = path.with_name(path.name + SUFFIX)
    blob = base64.b64decode("".join(signature.read_text().splitlines()[1:-1]))
    made_by, pinned = (base64.b64decode(one.with_suffix(".pub").read_text().split()[1]) for one in (other, key))
    assert made_by in blob
    text = base64.b64encode(blob.replace(made_by, pinned)).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    signature.write_text("\n".join([BEGIN.decode(), *lines, END.decode(), ""]))
    return "receipt-forged"


def _huge(drive: Path, key: Path) -> str:
    path = put(drive, receipt(2, key), key)
    with open(path, "r+b") as stream:
        stream.truncate(1 << 40)
    return "receipt-unusable"


def _deep(drive: Path, key: Path) -> str:
    put(drive, receipt(2, key), key, content=b"[" * (limits.RECEIPT - 1))
    return "receipt-unusable"


def _link(drive: Path, key: Path) -> str:
    path = put(drive, receipt(2, key), key)
    path.rename(drive / "elsewhere")
    path.symlink_to(drive / "elsewhere")
    return "receipt-unusable"


FINDING = dict.fromkeys((field.name for field in fields(Finding)), "ok")
FORGERIES: dict[str, Callable[[Path, Path], str]] = {
    "of another host": _other_host,
    "under another name": _other_name,
    "changed after it was signed": _changed_afterwards,
    "signed for another purpose": _other_purpose,
    "signed by another key in the name of the pinned one": _key_of_another,
    "a sparse terabyte": _huge,
    "nested without an end": _deep,
    "a link": _link,
    "a path as the host": forged(lambda data: data["host"].update(name="../../etc")),
    "a path as an environment": forged(lambda data: data["envs"].update({"../x": data["envs"]["demo"]})),
    "a path as a release": forged(lambda data: data["envs"]["demo"].update(current="../../x")),
    "control characters": forged(lambda data: data["host"].update(os="Ubuntu\x1b[2J")),
    "bidirectional marks": forged(lambda data: data["host"].update(kernel="4.15\u202e")),
    "a line break": forged(lambda data: data["host"].update(os="a\nb")),
    "half a character": forged(lambda data: data["host"].update(os="a\ud800")),
    "an unknown event": forged(lambda data: data.update(event="format")),
    "a number without an end": forged(lambda data: data.update(number=10**15)),
    "a negative number": forged(lambda data: data["host"].update(free_bytes=-1)),
    "true for a number": forged(lambda data: data.update(number=True)),
    "a date that is none": forged(lambda data: data.update(when="2026-02-31T12:00:00Z")),
    "another schema": forged(lambda data: data.update(schema=2)),
    "a field less": forged(lambda data: data.pop("ok")),
    "a thousand environments": forged(
        lambda data: data["envs"].update({f"e{number}": data["envs"]["demo"] for number in range(1000)})
    ),
    "a long text": forged(lambda data: data["host"].update(os="x" * 100_000)),
    "a list for a text": forged(lambda data: data["host"].update(os=["Ubuntu"])),
    "an error of other fields": forged(lambda data: data.update(error={"msg": "x"})),
    "a verdict that is none": forged(lambda data: data.update(findings=[{**FINDING, "verdict": "fine"}])),
    "a finding of control characters": forged(lambda data: data.update(findings=[{**FINDING, "found": "\x07"}])),
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_what_is_forged_stays_out(kind: str, drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    put(drive, receipt(1, keys[0]), keys[0])
    take_from(drive, depot)
    before = without_locks(depot)
    code = FORGERIES[kind](drive, keys[0])
    assert codes(take_from(drive, depot)) == [code]
    assert without_locks(depot) == before


def test_what_is_damaged_does_not_keep_newer_ones_out(drive: Path, depot: Path, keys: tuple[Path, Path]) -> None:
    put(drive, receipt(1, keys[0]), keys[0], content=b"{")
    put(drive, receipt(2, keys[0]), keys[0])
    (taken,) = take_from(drive, depot)
    assert (taken.new, codes([taken])) == (1, ["receipt-unusable"])


@pytest.mark.parametrize("name", ["..", ".ssh", "WS1", "a b", "a" * 64, "-rf", "a\n"])
def test_a_folder_that_has_no_plain_name_is_no_host(name: str, drive: Path, keys: tuple[Path, Path]) -> None:
    put(drive, receipt(1, keys[0]), keys[0])
    if name != "..":
        put(drive, receipt(1, keys[0]), keys[0], host=name)
    assert hosts(drive) == ["ws1"]


def test_links_for_folders_are_not_followed(drive: Path, depot: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    put(tmp_path / "other", receipt(1, keys[0]), keys[0])
    drive.mkdir()
    (drive / FOLDER).symlink_to(tmp_path / "other" / FOLDER)
    assert take_from(drive, depot) == []
    (drive / FOLDER).unlink()
    (drive / FOLDER).mkdir()
    (drive / FOLDER / "ws1").symlink_to(tmp_path / "other" / FOLDER / "ws1")
    assert take_from(drive, depot) == []


def test_all_that_is_wrong_is_told_at_once() -> None:
    data = {**receipt().to_dict(), "event": "format", "number": 0}
    with pytest.raises(AirgapError) as caught:
        Receipt.from_dict(data, "here")
    assert caught.value.code == "receipt-unusable"
    assert "event" in caught.value.wanted
    assert "number" in caught.value.wanted


def test_what_is_written_is_what_is_read() -> None:
    one = receipt(5)
    assert Receipt.from_json(one.to_json(), "here") == one


@pytest.mark.parametrize("answer", [{}, {"name": "a", "content": "b"}, {"name": "a", "content": 1, "signature": ""}])
def test_an_answer_without_a_receipt_is_refused(answer: dict[str, Any]) -> None:
    with raised("receipt-unusable") as caught:
        from_answer(answer, "ws1")
    assert caught.value.where == "ws1"
