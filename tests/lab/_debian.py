# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Debian packages without touching this machine's package manager: which mirror, and one call of mmdebstrap."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from _common import LabError, need, run

# Settings of the machine's own apt that a download must share to get through.
APT_SETTINGS = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::https::CAInfo")


def mirror() -> str | None:
    """Return the Debian mirror: LAB_DEBIAN_MIRROR, else the one apt uses here, else None.

    None means that this machine's apt knows no Debian mirror (Ubuntu): mmdebstrap then takes its built-in one.
    """
    named = os.environ.get("LAB_DEBIAN_MIRROR")
    if named:
        return named
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"],
        capture_output=True,
        text=True,
        check=False,
    )
    usable = [uri for uri in asked.stdout.split() if uri.startswith(("http://", "https://", "file:", "copy:"))]
    return usable[0] if usable else None


def _apt_options() -> list[str]:
    options = []
    for key in APT_SETTINGS:
        value = run(["apt-config", "shell", "value", key]).strip().removeprefix("value=").strip("'")
        if value:
            options.append(f'--aptopt={key} "{value}"')
    return options


def bootstrap(suite: str, target: Path, *, variant: str, packages: Sequence[str], extra: Sequence[str] = ()) -> None:
    """Make a Debian ``suite`` with ``packages`` at ``target`` (a directory, or a tar by its name).

    ``variant`` is mmdebstrap's: ``extract`` only unpacks the packages and works for an ordinary user;
    ``minbase`` makes a system that boots and needs root.
    """
    need("mmdebstrap", "apt-get")
    mode = "root" if os.geteuid() == 0 else "chrootless"
    command = ["mmdebstrap", f"--mode={mode}", f"--variant={variant}", f"--include={','.join(packages)}", *extra]
    source = mirror()
    try:
        run([*command, *_apt_options(), suite, target, *([source] if source else [])])
    except LabError as error:
        raise LabError(
            f"{error}\nIf {source or 'the mirror'} has no {suite}, name one in LAB_DEBIAN_MIRROR."
        ) from error
