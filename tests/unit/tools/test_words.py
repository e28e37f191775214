# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Words that the lint refuses in the documentation."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import check_words


def test_a_word_is_found_but_not_in_a_quoted_message() -> None:
    text = "Build it anew.\n`Anew` is a name.\nCommend it: amended.\nIt stands\n"
    assert check_words.faults("a.md", text) == ["a.md:1: 'anew'; write: again", "a.md:4: 'stands'; write: is"]


def test_what_is_looked_at() -> None:
    docs, code = Path("docs/map.md"), Path("plugins/modules/doctor.py")
    assert check_words.words_of(docs) is check_words.WORDS
    assert check_words.words_of(code) is check_words.IN_CODE
    assert check_words.words_of(Path("plugins/module_utils/_activation/script.py")) is None
    assert check_words.words_of(Path("tests/unit/conftest.py")) is None
    assert check_words.faults("a.py", "# -1 when there is none\n# it stands\n", check_words.IN_CODE) == [
        "a.py:2: 'stands'; write: is"
    ]
