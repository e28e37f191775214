# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text in data: nothing is lost of text, and of data what could be a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._secrets.runs import SHORTEST, text_of
from ansible_collections.airgap.conda.plugins.module_utils._secrets.search import find_leaks

NOISE = bytes([*range(9), *range(128, 256)]) * 37
TOKEN = b"ghp_" + b"a1B2" * 9


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"plain\n",
        "Gr\u00fc\u00dfe ".encode() * 99,
        b"\xe4\xf6\xfc latin " * 99,
        (b"one \0 in many" + b"." * 50) * 9,
    ],
)
def test_text_is_left_as_it_is(text: bytes) -> None:
    assert text_of(text) == text


@pytest.mark.parametrize("run", [b"password", b"://u:p@h", TOKEN, b"a\tb\r\nc def"])
@pytest.mark.parametrize("place", ["begin", "middle", "end"])
def test_runs_of_data_are_found_where_they_are(run: bytes, place: str) -> None:
    before, after = (b"" if place == "begin" else NOISE), (b"" if place == "end" else NOISE)
    assert text_of(before + run + after) == run
    assert text_of(before + run[: SHORTEST - 1] + after) == b""


def test_runs_keep_apart() -> None:
    assert text_of(NOISE + b"password" + NOISE + b"= secret1" + NOISE) == b"password\n= secret1"


@pytest.mark.parametrize("at", [0, 5069, (1 << 20) - 20, (1 << 20) + 1])
def test_a_token_in_data_is_found_wherever_it_lies(tmp_path: Path, at: int) -> None:
    """Also across two blocks that are read."""
    data = NOISE * 300
    (tmp_path / "weights").write_bytes(data[:at] + TOKEN + data[at:])
    assert [leak.kind for leak in find_leaks(tmp_path, ["weights"], [], [])] == ["a GitHub token"]
