# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the Python of an environment has its packages, and how these are called, found without running it.

The folder is called after the Python, and not every one is called lib/pythonX.Y: pypy3.9, python3.13t, or what its
conda record says.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

_PATTERNS = ("lib*/*/site-packages", "lib*/*/dist-packages", "site-packages")


def site_folders(tree: Path) -> list[Path]:
    """Return the folders below ``tree`` that its Python imports packages from, sorted.

    Folders, and not links to them or through them: conda's Python brings lib/python3.1 -> python3.11. Every package
    would be met twice, once by a path that no record has.
    """
    named = {path for pattern in _PATTERNS for path in tree.glob(pattern)}
    named |= {tree / path for path in map(recorded_site, sorted(tree.glob("conda-meta/python-*.json"))) if path}
    top = os.path.realpath(tree)
    return sorted(
        path for path in named if path.is_dir() and os.path.realpath(path) == os.path.join(top, path.relative_to(tree))
    )


def recorded_site(record: Path) -> str:
    """Return where a conda record says that Python has its packages, relative to the prefix; empty without a word."""
    try:
        path = json.loads(record.read_text(encoding="utf-8"))["python_site_packages_path"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    inside = isinstance(path, str) and not path.startswith("/") and ".." not in path.split("/")
    return os.path.normpath(path) if inside and path else ""


def normal_name(name: str) -> str:
    """Return the one spelling of a Python package's name (PEP 503): ``Foo.Bar_baz`` is foo-bar-baz."""
    return re.sub(r"[-_.]+", "-", name).lower()
