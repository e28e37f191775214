# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stage ssh-keygen for a conda package from Debian's own: what a host verifies with whose own OpenSSH is too old.

conda-forge's package of this name has all of OpenSSH; of this one a runtime needs no more.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import _cpython
from _common import LabError

DEBIAN_PACKAGES = ("openssh-client",)


def stage(root: Path, prefix: Path, beside: Path) -> str:
    """Copy ssh-keygen out of the unpacked Debian tree ``root`` into ``prefix``, with the libraries that it needs.

    Those that the package staged at ``beside`` brings are left to it. Returns OpenSSH's version ("8.4p1").
    """
    (prefix / "bin").mkdir(parents=True)
    (prefix / "lib").mkdir()
    shutil.copy2(root / "usr/bin/ssh-keygen", prefix / "bin")
    _cpython.bring_libraries(root, prefix, beside)
    found = re.search(rb"OpenSSH_(\d+\.\d+p\d+)", (root / "usr/bin/ssh").read_bytes())
    if found is None:
        raise LabError("Debian's ssh does not name its version any more")
    return found.group(1).decode()
