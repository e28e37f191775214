# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What hosts answer becomes text that every page and terminal can show."""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.filter.readable import FilterModule


def test_an_answer_without_text_is_readable_all_the_way_down() -> None:
    readable = FilterModule().filters()["readable"]
    answer = {"caf\udce9": ["\ud83d", ("é", 5), None, {"x": b"\xff"}], "ok": True}
    assert readable(answer) == {"caf?": ["?", ["é", 5], None, {"x": b"\xff"}], "ok": True}
