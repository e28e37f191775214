#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: media_import
short_description: Copy releases from a mounted drive to a depot
version_added: 0.1.0
description:
  - Verifies the signature and every part of each chosen release on the drive, reading the medium itself, and names all
    missing or damaged files. Writes to the depot only if everything is complete.
  - Each release becomes visible by one rename, after it was read back and its signature was verified again. An error
    leaves nothing behind.
  - A release that is already in the depot is verified there and not copied. A release of the same name with another
    manifest, or with a serial that is not newer than the depot's, is refused.
  - Drives of a set, which M(airgap.conda.media_export) wrote with its option C(span), can be imported in any order and
    repeatedly. Verified files wait in C(.incoming) of O(depot) until all files of a release
    have come; then it becomes visible like any other. A warning names the drives that are missing and their files.
  - Writes nothing to the drive, which can be mounted read-only.
  - Receipts of hosts that are on the drive are taken into O(depot), as M(airgap.conda.media_export) does.
  - Adds a line for each copied release to the audit chain C(.audit.jsonl) of O(depot).
  - C(environment.yml), C(release.yml), C(conda.lock), C(pip.lock), C(sbom.cdx.json) and C(provenance.intoto.json) are
    copied too. The manifest has their hashes, so the signature covers them. They are for people and the next build;
    hosts do not use them.
requirements:
  - ssh-keygen of OpenSSH 8.1 or newer
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.media]
options:
  allowed_signers:
    description:
      - File of trusted keys in the allowed signers format of C(ssh-keygen).
      - It must not come from the drive, because it decides whether to trust the drive.
    type: path
    required: true
  allow_downgrade:
    description: Whether a release may be older than the newest one in the depot.
    type: bool
    default: false
  newer_only:
    description:
      - Whether to skip environments that are missing or outdated on the drive instead of refusing them.
      - For unattended runs. A drive that has none of O(envs) is still refused.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    details: It verifies everything as usual.
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Copy the newest release of each environment on the drive to the depot
  airgap.conda.media_import:
    depot: /srv/depot
    drive: /media/usb
    allowed_signers: /srv/allowed_signers
"""

RETURN = r"""
releases:
  description: The action for each chosen release; in check mode the planned one.
  returned: success
  type: list
  elements: dict
  contains:
    env:
      description: Name of the environment.
      type: str
      returned: success
    id:
      description: Id of the release.
      type: str
      returned: success
    signer:
      description: Principal of the key that signed it.
      type: str
      returned: success
    action:
      description:
        - V(copied), V(unchanged), or V(older) if it was skipped.
        - V(gathered) if files on other drives are missing.
      type: str
      returned: success
    files:
      description: Number of files copied.
      type: int
      returned: success
    bytes:
      description: Their size in bytes.
      type: int
      returned: success
span:
  description: The drives that the releases are on.
  returned: success
  type: dict
  contains:
    drive:
      description: Number of this drive in its set.
      type: int
      returned: success
    drives:
      description: Number of drives. V(1) if the releases are on one drive.
      type: int
      returned: success
    left:
      description: Numbers of the drives that are still to be imported.
      type: list
      elements: int
      returned: success
    missing:
      description: For each of these drives, its files that the depot lacks.
      type: list
      elements: str
      returned: success
receipts:
  description: The receipts on the drive that were not in O(depot), by host; in check mode those that would be taken.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: Name of the host.
      type: str
      returned: success
    new:
      description: Number of receipts that were taken.
      type: int
      returned: success
    pinned:
      description: Fingerprint of the host's key if it was seen for the first time, else empty.
      type: str
      returned: success
    refused:
      description: Number of kinds of faults because of which receipts were refused.
      type: int
      returned: success
files:
  description: Number of files copied.
  returned: success
  type: int
bytes:
  description: Their size in bytes.
  returned: success
  type: int
seconds:
  description: Duration in seconds.
  returned: success
  type: float
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import SPEC, Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.importer import Import
from ansible_collections.airgap.conda.plugins.module_utils._media.papers import Papers


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **SPEC,
            "allowed_signers": {"type": "path", "required": True},
            "allow_downgrade": {"type": "bool", "default": False},
            "newer_only": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params

    def step() -> dict[str, Any]:
        started = time.monotonic()
        depot, drive = Depot(Path(params["depot"])), Drive(Path(params["drive"]), params["folder"])
        papers = Papers(depot.path, drive, module.check_mode)
        papers.require_ready()
        wanted = Import(
            depot,
            drive,
            params["envs"],
            params["releases"],
            Path(params["allowed_signers"]) if params["allowed_signers"] else None,
            params["allow_downgrade"],
            params["require_mount"],
            params["newer_only"],
            papers.imported,
            Progress(Path(params["progress"]) if params["progress"] else None),
        )
        result = wanted.run(module.check_mode)
        receipts = papers.collect()
        for text in papers.warnings:
            module.warn(text)
        for text in result["span"]["missing"]:
            module.warn(f"A release is not whole yet, because a drive is missing: {text}")
        changed = result["changed"] or any(one["new"] for one in receipts)
        return {**result, "changed": changed, "receipts": receipts, "seconds": round(time.monotonic() - started, 2)}

    run_module(module, step)


if __name__ == "__main__":
    main()
