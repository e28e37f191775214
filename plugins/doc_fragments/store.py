# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of every module that works on a host's store."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  root:
    description: Root of the store on the host.
    type: path
    default: /opt/conda-envs
notes:
  - Where C(ansible_python_interpreter) is C(that of this collection), a module that runs on the host runs with the
    Python of the runtime in O(root), and fails where none is there that works.
"""
