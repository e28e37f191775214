# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shows how far airgap.conda.media_export is, takes in what it answers, and brings it the guides for a kit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.airgap.conda.plugins.plugin_utils._progress_action import ProgressAction

# They are next to the plugins on the machine that runs ansible-playbook; the module runs on the bastion.
GUIDES = Path(__file__).resolve().parents[2] / "docs/guide"


class ActionModule(ProgressAction):
    """Controller side of airgap.conda.media_export."""

    def arguments(self) -> dict[str, Any]:
        """Return the options of the task."""
        args = super().arguments()
        if boolean(args.get("kit") or False, strict=False) and not args.get("pages"):
            args["pages"] = {page.stem: page.read_text(encoding="utf-8") for page in sorted(GUIDES.glob("*.md"))}
        return args
