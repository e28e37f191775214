#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: media_export
short_description: Copy releases from a depot to a mounted drive
version_added: 0.1.0
description:
  - Verifies the chosen releases in the depot, compares them with the files read back from the drive, and copies files
    that are missing there or differ. A run that changes nothing reads both sides once.
  - Each file is written under a temporary name, flushed to the medium, read back and only then renamed. The manifest
    follows the files that it names, and its signature is last. A release on the drive without a signature is
    incomplete; the next run completes it.
  - The drive has the layout of a depot, in one folder. Only the chosen releases in it change, and outside of it only
    the two files of the next paragraph. Sizes and names of files are valid on FAT32.
  - The files on the drive outside its depot are the kit for setting up a controller. The export writes C(SHA256SUMS)
    and a signature over it, C(SHA256SUMS.sig), in the namespace C(kit@airgap.conda) of C(ssh-keygen -Y), and keeps both
    in C(.kit) in O(depot). If a kit differs from the signed one, on this drive or another, the export fails after it
    has copied the releases. To sign a new kit, remove C(.kit).
  - C(environment.yml), C(release.yml), C(conda.lock), C(pip.lock), C(sbom.cdx.json) and C(provenance.intoto.json) are
    copied too. The manifest has their hashes, so the signature covers them. They are for people and the next build;
    hosts do not use them.
  - Receipts of hosts that are on the drive are taken into O(depot). Each must be signed by the key that its host had
    when it was first seen; one that is not causes a warning and stays out. A release that would not run on one of these
    hosts causes a warning that names the host.
  - Adds a line for each copied release to the audit chains C(.audit.jsonl) of O(depot) and of the drive.
  - Unmount the drive before you unplug it.
requirements:
  - ssh-keygen of OpenSSH 8.1 or newer, for O(allowed_signers)
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.media]
options:
  allowed_signers:
    description:
      - File of trusted keys in the allowed signers format of C(ssh-keygen).
      - Without it, the releases are only compared with their manifests.
    type: path
  signing_key:
    description:
      - Private key that signs the kit, or a public one whose private half is in an ssh-agent or on a hardware key.
      - It is used only for a kit that is not signed yet. Without it, such a kit causes a warning, and is not read.
    type: path
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Copy the newest release of each environment to the drive
  airgap.conda.media_export:
    depot: /srv/depot
    drive: /media/usb
    allowed_signers: /srv/allowed_signers
    signing_key: ~/.ssh/releases

- name: Copy the two newest releases of demo and one certain release of imaging
  airgap.conda.media_export:
    depot: /srv/depot
    drive: /media/usb
    envs: [demo, imaging]
    releases:
      demo: 2
      imaging: [3-1c0ffee5]
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
      description: Principal of the key that signed it. Empty without O(allowed_signers).
      type: str
      returned: success
    action:
      description: V(copied), V(completed) if the drive had some of it, or V(unchanged).
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
kit:
  description: The files on the drive outside its depot.
  returned: success
  type: dict
  contains:
    action:
      description: V(none) if there are no files, V(unchanged), V(signed), or V(unsigned) without a key.
      type: str
      returned: success
    files:
      description: Number of its files. V(0) without O(signing_key).
      type: int
      returned: success
    bytes:
      description: Their size in bytes.
      type: int
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
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import SPEC, Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.exporter import Export
from ansible_collections.airgap.conda.plugins.module_utils._media.papers import Papers


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **SPEC,
            "allowed_signers": {"type": "path"},
            "signing_key": {"type": "path", "no_log": False},
        },
        supports_check_mode=True,
    )
    params = module.params

    def step() -> dict[str, Any]:
        started = time.monotonic()
        depot, drive = Depot(Path(params["depot"])), Drive(Path(params["drive"]), params["folder"])
        papers = Papers(depot.path, drive, module.check_mode)
        papers.require_ready()
        export = Export(
            depot,
            drive,
            params["envs"],
            params["releases"],
            Path(params["allowed_signers"]) if params["allowed_signers"] else None,
            params["require_mount"],
            Path(params["signing_key"]) if params["signing_key"] else None,
            papers.exported,
        )
        result = export.run(module.check_mode)
        receipts = papers.collect()
        papers.hold(result["releases"])
        for text in [*result.pop("warnings"), *papers.warnings]:
            module.warn(text)
        changed = result["changed"] or any(one["new"] for one in receipts)
        return {**result, "changed": changed, "receipts": receipts, "seconds": round(time.monotonic() - started, 2)}

    run_module(module, step)


if __name__ == "__main__":
    main()
