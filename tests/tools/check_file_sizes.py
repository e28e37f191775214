# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fail when a source file that git knows or would add is longer than 400 lines."""

from __future__ import annotations

import sys
from pathlib import Path

from sanity import tracked_files

CHECKOUT = Path(__file__).resolve().parents[2]
LIMIT = 400
SUFFIXES = (".py", ".sh", ".yml", ".yaml")


def is_source(name: Path) -> bool:
    """Tell whether the limit holds for a file; ./dev has no suffix."""
    return name.suffix in SUFFIXES or name == Path("dev")


def main() -> int:
    """Print every file over the limit with its length and return the exit status."""
    sizes = {
        name: len((CHECKOUT / name).read_bytes().splitlines()) for name in tracked_files(CHECKOUT) if is_source(name)
    }
    long = sorted((name, size) for name, size in sizes.items() if size > LIMIT)
    print(
        "\n".join(f"{name}: {size} lines, the limit is {LIMIT}" for name, size in long) or f"no file over {LIMIT} lines"
    )
    return 1 if long else 0


if __name__ == "__main__":
    sys.exit(main())
