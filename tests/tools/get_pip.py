# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand in for the get-pip script that ansible-test downloads from its project's own server.

./dev puts a copy where ansible-test looks before it downloads, so that the sanity tests need a Python package
index and nothing else. ansible-test passes get-pip's arguments: pip options, packages, --no-setuptools, --no-wheel.
"""

from __future__ import annotations

import subprocess
import sys

# Written here by sanity.py: the Python that has a pip. This pip installs the wanted one into the new environment, which
# takes a quarter of the time of ensurepip, its setuptools that nobody wants, and an upgrade.
PYTHON = "python3"

arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
subprocess.run([PYTHON, "-m", "pip", "--python", sys.executable, "install", *arguments], check=True)
