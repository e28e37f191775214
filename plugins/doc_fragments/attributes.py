# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attributes that every module documents; each module states its level of support, and tests prove it."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: In check mode, the task changes nothing, and returns whether it would change something.
  diff_mode:
    description: In diff mode, the task shows its changes.
  idempotent:
    description: A second run with the same options changes nothing, unless something else has changed since.
"""
