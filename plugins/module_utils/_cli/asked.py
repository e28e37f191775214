# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a deploy asks a host: is there anything to do?

Two answer that with the same code: the module airgap.conda.preflight, which the controller sends, and the command of
the host. Where that is byte for byte the one that the controller wants, there is nothing to send.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each
from ansible_collections.airgap.conda.plugins.module_utils._cli.facts import has_facts, require_ours
from ansible_collections.airgap.conda.plugins.module_utils._cli.found import found_command
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Table
from ansible_collections.airgap.conda.plugins.module_utils._gpu.tools import PROBE_SPEC, Tools
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# The options of airgap.conda.preflight.
OPTIONS: dict[str, dict[str, Any]] = {
    "releases": {"type": "list", "elements": "dict", "required": True},
    "bring_runtime": {"type": "bool", "default": False},  # done by the controller
    "root": {"type": "path", "default": "/opt/conda-envs"},
    "deltas": {"type": "bool", "default": True},
    "keep": {"type": "int", "default": 2},
    "allow_downgrade": {"type": "bool", "default": False},
    "jupyter_kernels": {"type": "path", "default": ""},
    "facts": {"type": "bool", "default": False},
    "signers": {"type": "str", "default": ""},
    "gpu_probe": PROBE_SPEC,
    "command": {"type": "str", "default": ""},
}
# Characters of a line of the answer, of which a shell hands on as many as there are.
LINE = 2_000


def looked(options: Mapping[str, Any], warn: Callable[[str], object]) -> dict[str, Any]:
    """Return what airgap.conda.preflight returns, of which these are the options; raises AirgapError."""
    store, table = Store(Path(options["root"])), Table()
    wanted = each(Release.from_dict, options["releases"], "releases of airgap.conda.preflight")
    steps = inspect(
        store,
        wanted,
        options["keep"],
        options["allow_downgrade"],
        kernels=options["jupyter_kernels"].rstrip("/"),
        table=table,
        tools=Tools.from_params(options["gpu_probe"]),
        deltas=options["deltas"],
    )
    for text in table.warnings():
        warn(text)
    signers, facts = options["signers"], options["facts"]
    if facts:
        require_ours()
    if signers:
        _signers.require_ours(signers)
    pins = bool(signers) and not _signers.is_pinned(signers)
    differs = pins or found_command(store) != options["command"] or has_facts(store) != facts
    return {
        "changed": False,
        "work": differs or any(found.action != "none" for found in steps),
        "steps": [found.to_dict() for found in steps],
        "verdicts": table.as_result(),
    }


def main(arguments: Sequence[str]) -> None:
    """Print what ``looked`` says to the options in the first argument, in lines; nothing where releases are missing.

    What else has to be known then is the module's to find out.
    """
    options = json.loads(arguments[0])
    store = Store(Path(options["root"]))
    for item in options["releases"]:
        if store.current(item["env"]) != item["id"] or item["id"] not in store.releases(item["env"]):
            return
    warnings: list[str] = []
    text = json.dumps({**looked(options, warnings.append), "warnings": warnings})
    sys.stdout.write("".join(f"{text[start : start + LINE]}\n" for start in range(0, len(text), LINE)))
