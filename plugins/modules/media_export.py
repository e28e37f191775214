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
  - With O(kit), the export also writes what a workstation without a controller installs itself from, C(install.sh) and
    the folder C(kit), and keeps both up to date on this drive. A person compares the line in RV(kit.lines) before
    C(install.sh) runs. What was signed of them is kept apart and signed again whenever it changes.
  - C(environment.yml), C(release.yml), C(conda.lock), C(pip.lock), C(sbom.cdx.json) and C(provenance.intoto.json) are
    copied too. The manifest has their hashes, so the signature covers them. They are for people and the next build;
    hosts do not use them.
  - With O(span), releases that do not fit on one drive are spread over several, one file at a time. Run it once for
    each drive. Each drive has a second depot, C(.span) in the first one, with its share of every release, the manifests
    and signatures, and C(plan.json), which says what the other drives have. C(.span) in O(depot) keeps the plan and
    which drives were written. A drive of the set can be put in again at any time; it is compared and completed.
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
  kit:
    description:
      - Whether the drive gets C(install.sh), C(kit/airgap-envs), C(kit/allowed_signers) and C(kit/docs).
      - It needs O(allowed_signers), O(signing_key), and among the chosen releases one of C(runtime) in a format that
        C(tar) and C(gzip) unpack. All must be built for the same root.
    type: bool
    default: false
  pages:
    description:
      - Pages in Markdown for C(kit/docs), by name without suffix. By default the guides of this collection.
    type: dict
    default: {}
  span:
    description:
      - Whether to use several drives for releases that do not fit on one.
      - The first drive of a set determines the size of all; later ones can be larger.
    type: bool
    default: false
  span_drive:
    description:
      - Number of the drive in its set, to write a lost drive again.
      - The default, V(0), is the first drive that is not written.
    type: int
    default: 0
  destination:
    description:
      - Name of the host that the drive is for, or path of a file with the name of a host on each line; a value with a
        C(/) is a path.
      - Releases that all of these hosts have, according to their newest receipts in C(.receipts) of O(depot), are not
        copied.
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
- name: Copy the newest release of each environment to the drive
  airgap.conda.media_export:
    depot: /srv/depot
    drive: /media/usb
    allowed_signers: /srv/allowed_signers
    signing_key: ~/.ssh/releases

- name: Make a drive from which a lone workstation installs by itself
  airgap.conda.media_export:
    depot: /srv/depot
    drive: /media/usb
    allowed_signers: /srv/allowed_signers
    signing_key: ~/.ssh/releases
    kit: true

- name: Copy the two newest releases of demo and one certain release of imaging
  airgap.conda.media_export:
    depot: /srv/depot
    drive: /media/usb
    envs: [demo, imaging]
    releases:
      demo: 2
      imaging: [3-1c0ffee5]

- name: Copy what ws-01 lacks, to several drives if it does not fit on one
  airgap.conda.media_export:
    depot: /srv/depot
    drive: /media/usb
    allowed_signers: /srv/allowed_signers
    destination: ws-01
    span: true
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
      description:
        - V(copied), V(completed) if the drive had some of it, V(unchanged), or V(installed) if O(destination) has it.
        - With several drives, it is about the files for this drive.
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
      description: Numbers of the drives that are still to be written.
      type: list
      elements: int
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
    lines:
      description:
        - With O(kit), what C(sha256sum install.sh) prints for the C(install.sh) on this drive. Write it down; it is
          compared on the workstation.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._kit.files import kit_files
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
            "kit": {"type": "bool", "default": False},
            "pages": {"type": "dict", "default": {}},
            "span": {"type": "bool", "default": False},
            "span_drive": {"type": "int", "default": 0},
            "destination": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params

    def step() -> dict[str, Any]:
        started = time.monotonic()
        depot, drive = Depot(Path(params["depot"])), Drive(Path(params["drive"]), params["folder"])
        papers = Papers(depot.path, drive, module.check_mode)
        papers.require_ready()

        def workstation(releases: Sequence[Release]) -> Mapping[str, bytes]:
            signers = Path(params["allowed_signers"]).read_text(encoding="utf-8")
            return kit_files(releases, signers, params["folder"], params["pages"])

        export = Export(
            depot,
            drive,
            params["envs"],
            params["releases"],
            Path(params["allowed_signers"]) if params["allowed_signers"] else None,
            params["require_mount"],
            Path(params["signing_key"]) if params["signing_key"] else None,
            papers.exported,
            workstation if params["kit"] else None,
            params["span"],
            params["span_drive"],
            params["destination"],
            Progress(Path(params["progress"]) if params["progress"] else None),
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
