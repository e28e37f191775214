# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process that the tests share."""

from __future__ import annotations

import sys


def test_no_test_file_makes_this_process_a_controller() -> None:
    """Modules that tests run in it would send their warnings to the screen then, not into their result.

    ``ansible.errors`` and action plugins do; what needs them runs in a process of its own.
    """
    assert "ansible._internal" not in sys.modules
