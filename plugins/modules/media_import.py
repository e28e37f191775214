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
    that is missing or damaged. Only when everything is whole it writes to the depot.
  - Each release becomes visible by one rename, after it was read back and its signature was verified once more. An
    error leaves nothing of it.
  - A release that the depot has already is verified there and left alone. One of the same name with another manifest,
    or with a serial that is not newer than what the depot has, is refused.
  - Writes nothing to the drive, which may be mounted read-only.
  - C(environment.yml), C(release.yml), C(conda.lock), C(pip.lock) and C(sbom.cdx.json) travel too. The
    manifest has their hashes, so the signature covers them. They are for people and the next build, no host uses them.
requirements:
  - ssh-keygen of OpenSSH 8.1 or newer
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.media]
options:
  allowed_signers:
    description:
      - File of trusted keys in the format that C(ssh-keygen) calls allowed signers.
      - It must not come from the drive, which is what it is there to judge.
    type: path
    required: true
  allow_downgrade:
    description: Whether a release may be older than the newest that the depot has.
    type: bool
    default: false
  newer_only:
    description:
      - Whether environments that the drive does not have, or has older than the depot, are left out instead of refused.
      - For runs without a person. A drive that has none of O(envs) is still refused.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    details: It verifies as much as it does otherwise.
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
  description: What was done with each chosen release; in check mode what would be done.
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
      description: Who signed it.
      type: str
      returned: success
    action:
      description: V(copied), V(unchanged), or V(older) when it was left out.
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
files:
  description: Number of files copied.
  returned: success
  type: int
bytes:
  description: Their size in bytes.
  returned: success
  type: int
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import SPEC, Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.importer import Import


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
        wanted = Import(
            Depot(Path(params["depot"])),
            Drive(Path(params["drive"]), params["folder"]),
            params["envs"],
            params["releases"],
            Path(params["allowed_signers"]) if params["allowed_signers"] else None,
            params["allow_downgrade"],
            params["require_mount"],
            params["newer_only"],
        )
        result = wanted.run(module.check_mode)
        return {**result, "seconds": round(time.monotonic() - started, 2)}

    run_module(module, step)


if __name__ == "__main__":
    main()
