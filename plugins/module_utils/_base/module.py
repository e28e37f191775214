# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place where library errors become a module's failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError


def run_module(module: AnsibleModule, step: Callable[[], dict[str, Any]]) -> None:
    """Call ``step`` and leave the process with its result, or with the one message of its error."""
    try:
        with os_errors("A step of this task", Path.cwd()):
            result = step()
    except AirgapError as error:
        module.fail_json(**error.as_result())
    module.exit_json(**result)
