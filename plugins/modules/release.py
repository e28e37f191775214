#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Install, check and switch to releases on a host
version_added: 0.1.0
description:
  - Unpacks each release next to the others, runs its checks and makes it current by one rename. A release whose checks
    fail is removed, and the current one stays. For a release that requires a GPU, the GPU is checked as well.
  - Writes or removes the Jupyter kernel of each environment, as M(airgap.conda.preflight) decided.
  - Removes old releases, but never the current one, the previous one, or one that a process still uses.
  - Installs the command C(bin/airgap-envs) below O(root), with which people list, verify and roll back at the host.
  - Adds a line to the audit chain C(.state/.audit.jsonl) below O(root) for each release that it changes, and writes a
    signed receipt of the host to C(.state/.receipts). What cannot be written there causes a warning.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store, airgap.conda.gpu_probe]
options:
  releases:
    description: The releases that M(airgap.conda.depot_info) verified.
    type: list
    elements: dict
    required: true
  steps:
    description: The steps that M(airgap.conda.preflight) returned.
    type: list
    elements: dict
    required: true
  keep:
    description: How many releases of an environment to keep on the host.
    type: int
    default: 2
  facts:
    description: Whether to install a program in C(/etc/ansible/facts.d) that provides C(ansible_local.conda_envs).
    type: bool
    default: false
  signers:
    description:
      - Whose releases the host takes when it serves itself with C(airgap-envs install),
        as RV(airgap.conda.depot_info#module:allowed_signers) has it. Empty to leave the list on the host as it is.
      - Root's list is C(/etc/airgap-conda/allowed_signers), that of another user
        C(~/.config/airgap-conda/allowed_signers). A list that the collection did not write is not replaced.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Install what was fetched and make it current
  airgap.conda.release:
    releases: "{{ depot.releases }}"
    steps: "{{ preflight.steps }}"
"""

RETURN = r"""
current:
  description: The current release of each environment, by its name.
  returned: success
  type: dict
  sample: {demo: 2-1c0ffee5}
pruned:
  description: The removed releases, each prefixed with its environment.
  returned: success
  type: list
  elements: str
again:
  description:
    - Environments whose release could not be made out of an older one, because that is not as it was signed. They are
      as they were; M(airgap.conda.preflight) asks for the whole release with O(airgap.conda.preflight#module:deltas)
      off.
  returned: success
  type: list
  elements: str
seconds:
  description: Duration of each step in seconds, by environment.
  returned: success
  type: dict
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each
from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._cli.facts import apply_facts, has_facts
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import wanted_command, write_command
from ansible_collections.airgap.conda.plugins.module_utils._cli.found import found_command
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import PROBE_SPEC, Tools
from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted
from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy, to_prune
from ansible_collections.airgap.conda.plugins.module_utils._store.state_line import state_line, state_now
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "releases": {"type": "list", "elements": "dict", "required": True},
            "steps": {"type": "list", "elements": "dict", "required": True},
            "root": {"type": "path", "default": "/opt/conda-envs"},
            "keep": {"type": "int", "default": 2},
            "facts": {"type": "bool", "default": False},
            "signers": {"type": "str", "default": ""},
            "gpu_probe": PROBE_SPEC,
        },
        supports_check_mode=True,
    )
    params = module.params
    store = Store(Path(params["root"]))
    tools = Tools.from_params(params["gpu_probe"])

    def step() -> dict[str, Any]:
        releases = each(Release.from_dict, params["releases"], "releases of airgap.conda.release")
        steps = each(Step.from_dict, params["steps"], "steps of airgap.conda.release")
        hashes = {item.env: (item.manifest_sha256, item.signature_sha256) for item in releases}
        before = [f"bin/airgap-envs {found_command(store)[:8]}\n", f"local facts {has_facts(store)}\n"]
        after = [f"bin/airgap-envs {wanted_command(store)[:8]}\n", f"local facts {params['facts']}\n"]
        if params["signers"]:
            before.append(f"allowed signers {_signers.short()}\n")
            after.append(f"allowed signers {_signers.sum_of(params['signers'])}\n")
        pins = bool(params["signers"]) and not _signers.is_pinned(params["signers"])
        differs = pins or before != after
        if differs and not module.check_mode:
            write_command(store)
            apply_facts(store, params["facts"])
            if pins:
                _signers.pin(params["signers"])
        pruned, seconds, again = [], {}, []
        with noted(store, "install", module.warn, dry=module.check_mode, tools=tools) as note:
            for item in steps:
                env, there = item.env, store.releases(item.env)
                before += [state_now(store, env), _installed(env, there)]
                if module.check_mode:
                    gone = to_prune(store, item, params["keep"])
                else:
                    manifest, signature = hashes.get(env, ("", ""))
                    try:
                        done = deploy(store, item, manifest, params["keep"], tools, signature)
                    except AirgapError as error:
                        if error.code != "delta-refused":
                            raise
                        module.warn(str(error))
                        again.append(env)
                        after += before[-2:]
                        continue
                    gone, seconds[env] = done.pruned, done.seconds
                    note.deployed(item, done.seconds, gone)
                    for text in done.warnings:
                        module.warn(text)
                after += [state_line(env, item.id, item.kernel), _installed(env, {*there, item.id} - {*gone})]
                pruned += [f"{env} {name}" for name in gone]
        return {
            "changed": differs or any(item.action != "none" for item in steps),
            "current": {item.env: item.id for item in steps if item.id and item.env not in again},
            "again": again,
            "pruned": pruned,
            "seconds": seconds,
            "diff": {"before": "".join(before), "after": "".join(after)},
        }

    run_module(module, step)


def _installed(env: str, releases: Iterable[str]) -> str:
    return f"{env} installed: {' '.join(sorted(filter(None, releases), key=serial_of)) or '-'}\n"


if __name__ == "__main__":
    main()
