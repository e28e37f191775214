# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fail when the action group ``all`` of meta/runtime.yml does not list exactly the modules, in order."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Print the difference and return the exit status."""
    listed = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]["all"]
    modules = sorted(path.stem for path in (CHECKOUT / "plugins/modules").glob("*.py"))
    if listed == modules:
        print(f"the action group lists all {len(modules)} modules")
        return 0
    print(f"meta/runtime.yml, action_groups.all: missing {sorted(set(modules) - set(listed))}, ", end="")
    print(f"without a module {sorted(set(listed) - set(modules))}; the rest in alphabetical order")
    return 1


if __name__ == "__main__":
    sys.exit(main())
