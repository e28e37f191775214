# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/guide/drive-contents.md has each file that is on a drive, and none that is not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.papers import Papers
from ansible_collections.airgap.conda.tests.conftest import CHECKOUT
from ansible_collections.airgap.conda.tests.unit.tiny_kit import make_place
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import make_key, put, receipt

PAGE = CHECKOUT / "docs/guide/drive-contents.md"
# What the words in <> of the page stand for.
WORDS = {
    "env": r"[a-z][a-z0-9_-]*",
    "release": r"[0-9]+-[0-9a-f]{8}",
    "format": r"tar\.(zst|gz)",
    "part": r"[0-9]+",
    "document": r"(environment\.yml|release\.yml|(conda|pip)\.lock|sbom\.cdx\.json|provenance\.intoto\.json)",
    "host": r"[a-z0-9.-]+",
    "receipt": r"[0-9]{8}T[0-9]{6}Z-[0-9]+",
    "page": r"[a-z-]+\.(html|txt)",
}

pytestmark = pytest.mark.usefixtures("quick_disk")


def rows() -> dict[str, re.Pattern[str]]:
    """Return the paths of the page, and what matches them."""
    names = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        name: re.compile("".join(WORDS[part[1:-1]] if part[:1] == "<" else re.escape(part) for part in split(name)))
        for name in names
    }


def split(name: str) -> list[str]:
    return [part for part in re.split(r"(<\w+>)", name) if part]


def test_the_page_has_each_file_of_a_drive_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_place(tmp_path, monkeypatch)
    key = make_key(tmp_path / "host")
    put(place.drive / "depot", receipt(1, key), key)
    shutil.rmtree(place.drive / "depot/demo", ignore_errors=True)
    place.export(copied=Papers(place.path / "depot", Drive(place.drive), check=False).exported)
    there = {str(path.relative_to(place.drive)) for path in place.drive.rglob("*") if path.is_file()}
    unknown = {name for name in there if not any(pattern.fullmatch(name) for pattern in rows().values())}
    assert unknown == set()
    missing = {name for name, pattern in rows().items() if not any(map(pattern.fullmatch, there))}
    assert missing == set()
