# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lint that wants a code in each error."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import CODE
from ansible_collections.airgap.conda.plugins.module_utils._contract.complaints import ALLOWABLE

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import check_codes

PARTS = "wanted='w', found='f', where='x', remedy='r'"


@pytest.mark.parametrize("code", ['"drive-unusable"', '"locked" if held else "gone"', "GLIBC", "error.code", "code"])
def test_what_is_a_code(code: str) -> None:
    assert check_codes.faults("a.py", f"AirgapError('No', code={code}, {PARTS})") == []


@pytest.mark.parametrize(
    "code", ['"Drive"', '"a_b"', '"a-b-c-d"', '""', 'f"drive-{x}"', '"a" if b else "A"', "name", "7"]
)
def test_what_is_none(code: str) -> None:
    (fault,) = check_codes.faults("a.py", f"\nSpecialError('No', code={code}, {PARTS})")
    assert fault.startswith("a.py:2: ")


def test_an_error_without_one_is_found_whatever_its_class() -> None:
    for call in (f"AirgapError('No', {PARTS})", f"super().__init__('No', {PARTS})", "AirgapError('No')"):
        assert check_codes.faults("a.py", f"x = {call}") == ["a.py:1: an error without a code"]
    assert check_codes.faults("a.py", "AirgapError(**fields)") == []


def test_the_code_that_a_function_falls_back_to() -> None:
    assert check_codes.faults("a.py", "def error(problem, *, code='value-invalid', code2='X'): ...") == []
    assert check_codes.faults("a.py", "def error(problem, code='Not one'): ...")
    assert check_codes.faults("a.py", "def error(problem, *, code='Not one'): ...")


def test_every_code_passes_between_controller_and_host() -> None:
    texts = "\n".join(path.read_text(encoding="utf-8") for path in check_codes.PLUGINS.rglob("*.py"))
    codes = re.findall(r'\bcode="([^"]*)"', texts)
    assert len(set(codes)) > 100
    assert all(CODE.fullmatch(code) for code in [*codes, *ALLOWABLE])
