# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which shell runs the scripts of packages where no user has chosen one: bash where there is one, sh otherwise.

Packages write their scripts for the shell that conda's own users have. What only bash reads is common in them.
"""

from __future__ import annotations

import os

BASH = ("/bin/bash", "/usr/bin/bash")
SH = "/bin/sh"
# -p: neither BASH_ENV nor functions that come with the environment change what a script means.
FIND_BASH = f"""\
shell={SH}
for bash in {" ".join(BASH)}; do if [ -x "$bash" ]; then shell="$bash -p"; break; fi; done"""


def shell() -> list[str]:
    """Return the words that start the shell of this machine, to which ``-c`` and a script are added."""
    return next(([path, "-p"] for path in BASH if os.access(path, os.X_OK)), [SH])
