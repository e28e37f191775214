# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of settings, as docs/guide/settings.md shows it between its markers."""

from __future__ import annotations

from pathlib import Path

from settings_table import PLAYBOOKS, Row, load

PAGE = Path(__file__).resolve().parents[2] / "docs/guide/settings.md"
BEGIN, END = "<!-- settings: ./dev faults --write -->\n", "<!-- end of settings -->\n"


def shown(rows: list[Row]) -> str:
    """Return all rows, in a table for each kind."""
    lines: list[str] = []
    for kind in dict.fromkeys(row.kind for row in rows):
        lines += [
            "",
            f"### {kind[0].upper()}{kind[1:]}",
            "",
            "| setting | tested with | outcome |",
            "| --- | --- | --- |",
        ]
        lines += [f"| {row.text} | {_playbooks(row)} | {row.then} |" for row in rows if row.kind == kind]
    return "\n".join(lines)[1:] + "\n"


def _playbooks(row: Row) -> str:
    return "all" if len(row.results) == len(PLAYBOOKS) else ", ".join(row.results)


def whole(text: str) -> str:
    """Return the page with the table as it is now."""
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:start]}\n{shown(load())}\n{text[end:]}"


def write() -> None:
    """Put the table into the page."""
    PAGE.write_text(whole(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
