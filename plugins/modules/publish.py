#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: publish
short_description: Add a packed environment to a depot as a signed release
version_added: 0.1.0
description:
  - Writes the manifest, signs it with C(ssh-keygen -Y sign) and moves everything into the depot by one rename.
  - A release that exists is never changed.
  - Warns of hosts on which the release would not run, by the receipts that are in O(depot).
  - Adds lines to the audit chain of O(depot), C(.audit.jsonl).
  - Refuses to sign a release that the target of C(release.yml) cannot run, or that contains a secret. A file that only
    resembles one, such as a key for tests, can be allowed with C(allow) in C(release.yml).
requirements:
  - ssh-keygen of OpenSSH 8.1 or newer
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  depot:
    description: Folder of the depot.
    type: path
    required: true
  spec:
    description: Folder of the spec that was built.
    type: path
    required: true
  release:
    description: Id of the release, serial and hash.
    type: str
    required: true
  pack:
    description: Folder that M(airgap.conda.pack) wrote. It is removed once the release is in the depot.
    type: path
    required: true
  environment:
    description: The result of M(airgap.conda.environment).
    type: dict
    required: true
  request_sha256:
    description: The value that M(airgap.conda.plan_info) returned.
    type: str
    required: true
  target:
    description: Keys that override those of C(target) in C(release.yml).
    type: dict
    default: {}
  signing_key:
    description:
      - SSH private key to sign with, without a passphrase; or a public key (C(.pub)), whose private half is in the
        ssh-agent at E(SSH_AUTH_SOCK) or on a hardware key. Touch a hardware key while the task waits.
    type: path
    required: true
  allowed_signers:
    description:
      - The list of keys that the controller trusts. If it is given, a key that is not in it is refused here.
    type: path
  findings:
    description: The findings of M(airgap.conda.doctor), which are kept in the manifest.
    type: list
    elements: dict
    default: []
  credentials:
    description: The credentials file of M(airgap.conda.environment). No document may contain its secrets.
    type: path
  deltas:
    description:
      - From how many of the newest releases in O(depot) the new one gets a delta, the payload for hosts that have that
        release. One that would be larger than 70 % of the whole payload is not kept.
    type: int
    default: 0
  part_size:
    description: Maximum size of one file of a delta, in bytes.
    type: int
    default: 33554432
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Publish release 1 of demo
  airgap.conda.publish:
    depot: /srv/depot
    spec: envs/demo
    release: 1-1c0ffee5
    pack: /srv/work/demo/pack
    environment: "{{ environment_result }}"
    request_sha256: "{{ plan.request_sha256 }}"
    signing_key: ~/.ssh/releases
"""

RETURN = r"""
release:
  description: Id of the release.
  returned: success
  type: str
  sample: 1-1c0ffee5
path:
  description: Folder of the release in the depot.
  returned: success
  type: str
findings:
  description: The findings in the manifest, including those of this module. Warnings are also shown.
  returned: when published
  type: list
  elements: dict
  contains:
    name:
      description: Name of the finding, as M(airgap.conda.doctor) has it.
      type: str
    level:
      description: V(error) or V(warning).
      type: str
    what:
      description: What was found, in one sentence.
      type: str
    packages:
      description: The packages concerned, each with C(manager), C(name), C(version) and C(channel).
      type: list
      elements: dict
    allowed:
      description: The reason for allowing it, or empty.
      type: str
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import (
    DEPOT_CHAIN,
    add,
    deed_of,
    require_ready,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import typed
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.publish import Built, Deltas, Signing, publish
from ansible_collections.airgap.conda.plugins.module_utils._hosts.fit import misfits
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import PART_SIZE
from ansible_collections.airgap.conda.plugins.module_utils._secrets.places import credentials_of
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "depot": {"type": "path", "required": True},
            "spec": {"type": "path", "required": True},
            "release": {"type": "str", "required": True},
            "pack": {"type": "path", "required": True},
            "environment": {"type": "dict", "required": True},
            "request_sha256": {"type": "str", "required": True},
            "target": {"type": "dict", "default": {}},
            "signing_key": {"type": "path", "required": True, "no_log": False},
            "allowed_signers": {"type": "path"},
            "findings": {"type": "list", "elements": "dict", "default": []},
            "credentials": {"type": "path", "no_log": False},
            "deltas": {"type": "int", "default": 0},
            "part_size": {"type": "int", "default": PART_SIZE},
        },
        supports_check_mode=True,
    )
    params = module.params
    signers = params["allowed_signers"]

    def step() -> dict[str, Any]:
        spec = load_spec(Path(params["spec"]))
        depot = Depot(Path(params["depot"]))
        releases = depot.releases(spec.name)
        result = {"release": params["release"], "path": str(depot.folder(spec.name, params["release"]))}
        if params["release"] in releases:
            return {"changed": False, **result}
        names = [*releases, params["release"]]
        result["diff"] = {"before": "\n".join(releases) + "\n", "after": "\n".join(names) + "\n"}
        if not module.check_mode:
            chain = depot.path / DEPOT_CHAIN
            require_ready(chain)
            found = params["environment"]
            lists = (tuple(found["packages"]), tuple(found.get("files", ())))
            built = Built(found["inputs_sha256"], found["conda_lock"], found["pip_lock"], *lists)
            concerns: list[str] = []
            manifest = publish(
                depot,
                spec,
                params["release"],
                Path(params["pack"]),
                built,
                params["request_sha256"],
                params["target"],
                Signing(Path(params["signing_key"]), Path(signers) if signers else None),
                [typed(Finding, finding) for finding in params["findings"]],
                credentials_of(params["credentials"]),
                Deltas(params["deltas"], params["part_size"]),
                concerns,
            )
            record = depot.folder(spec.name, params["release"])
            add(chain, [deed_of(what, spec.name, params["release"], record) for what in ("built", "signed")])
            for text in misfits(depot.path, [Release.of(manifest, str(record), "", "", "")]):
                module.warn(text)
            for text in concerns:
                module.warn(text)
            for finding in manifest.findings[len(params["findings"]) :]:
                module.warn(f"{spec.name} {params['release']}: {finding.what}")
            result["findings"] = [asdict(finding) for finding in manifest.findings]
        return {"changed": True, **result}

    run_module(module, step)


if __name__ == "__main__":
    main()
