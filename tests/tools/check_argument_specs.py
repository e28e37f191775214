# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fail when a role's defaults/main.yml and the main options of its meta/argument_specs.yml differ.

Both name the same variables, but for the required ones: a default there would switch Ansible's own check off. A
default that both state is the same value.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"


def load(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, an empty one if there is no file or nothing in it."""
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def differences(role: Path) -> list[str]:
    """Return one line for each variable of the role on which the two files do not agree."""
    defaults = load(role / "defaults/main.yml")
    specs = load(role / "meta/argument_specs.yml").get("argument_specs", {})
    if "main" not in specs:
        return [f"{role.name}: meta/argument_specs.yml has no entry 'main'"]
    options = specs["main"].get("options", {})
    lines = [f"{role.name}: {name} has a default but is not in argument_specs" for name in defaults.keys() - options]
    for name, option in options.items():
        required = option.get("required", False)
        if required and name in defaults:
            lines.append(f"{role.name}: {name} is required and has a default")
        elif not required and name not in defaults:
            lines.append(f"{role.name}: {name} is optional in argument_specs and has no default")
        elif "default" in option and option["default"] != defaults.get(name):
            lines.append(
                f"{role.name}: {name}: {defaults.get(name)!r} in defaults, {option['default']!r} in argument_specs"
            )
    return lines


def main() -> int:
    """Check every role; print the differences and return the exit status."""
    lines = [line for role in sorted(ROLES.glob("*")) if role.is_dir() for line in sorted(differences(role))]
    print("\n".join(lines) if lines else "defaults and argument_specs agree")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
