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

# In a process of its own: ensurepip turns the pip configuration of the process it runs in off.
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL, check=True)
if "--no-setuptools" in sys.argv:
    # Debian's ensurepip brings one of 2023, of which pylint makes a warning, and ansible-test a failure.
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools"], check=True)
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
subprocess.run([sys.executable, "-m", "pip", "install", *arguments], check=True)
