#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: pack
short_description: Pack a conda environment with conda-pack for one path on other machines
version_added: 0.1.0
description:
  - Lets conda-pack rewrite the environment's prefix to O(dest_prefix), so that nothing has to run after unpacking, and
    writes archives that are identical for identical environments.
  - Writes C(env.tar.zst) or C(env.tar.gz), split into parts if they are large, C(files.json.zst) with the hash of every
    file, C(sbom.cdx.json) with every package, and C(pack.json), which is also the result of this module.
  - Removes users, passwords and tokens from URLs in the records and configurations of conda and pip, and reports files
    that still contain a secret. M(airgap.conda.publish) does not sign those.
requirements:
  - conda-pack
  - zstandard
  - pyelftools
  - cyclonedx-python-lib
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  prefix:
    description: The environment to pack.
    type: path
    required: true
  dest:
    description: Folder for the archives. Its contents are replaced.
    type: path
    required: true
  dest_prefix:
    description: Absolute path at which the environment is unpacked on the other machines.
    type: path
    required: true
  formats:
    description:
      - Formats of the payload, as C(formats) in C(release.yml) has them. V(tar.zst) is the fastest, V(tar.gz) is for
        hosts that have no Python yet. V(squashfs) is an image that hosts with systemd mount instead; to make one,
        this machine needs C(mksquashfs) 4.5 or newer.
    type: list
    elements: str
    default: [tar.zst]
  part_size:
    description: Largest size of one file, in bytes.
    type: int
    default: 33554432
  credentials:
    description: The credentials file of M(airgap.conda.environment). Every packed file is searched for its secrets.
    type: path
  allow:
    description: Names of findings of M(airgap.conda.doctor) to allow. conda-pack would otherwise refuse some of them.
    type: list
    elements: str
    default: []
  progress:
    description: File for one line about the progress, which the task shows every five seconds.
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
- name: Pack an environment that will be unpacked at /opt/conda-envs/demo/1-1c0ffee5
  airgap.conda.pack:
    prefix: /srv/work/demo/prefix
    dest: /srv/work/demo/pack
    dest_prefix: /opt/conda-envs/demo/1-1c0ffee5
    formats: [tar.zst, tar.gz]
"""

RETURN = r"""
fingerprint:
  description: Hash of the request and of the state of the environment. An unchanged environment is not packed again.
  returned: success
  type: str
payloads:
  description: The archives with their format, size in bytes, sha256 and parts.
  returned: when packed
  type: list
  elements: dict
  contains:
    format:
      description: One of O(formats).
      type: str
    size:
      description: Size of all parts in bytes.
      type: int
    sha256:
      description: Hash of the concatenated parts.
      type: str
    parts:
      description: The files, each with C(name), C(size) in bytes and C(sha256).
      type: list
      elements: dict
bytes:
  description: Size of the unpacked tree in bytes.
  returned: when packed
  type: int
files:
  description: Number of paths in the tree.
  returned: when packed
  type: int
files_sha256:
  description: Hash of C(files.json.zst).
  returned: when packed
  type: str
requirements:
  description: Requirements of the tree on a host. The newest glibc with the file and the symbol that need it, the CPU
    level, the CUDA runtime with the oldest driver for it, and the GPU architectures of frameworks.
  returned: when packed
  type: dict
  contains:
    glibc:
      description: Oldest usable glibc, empty if none is needed.
      type: str
    glibc_file:
      description: A file that needs it.
      type: str
    glibc_symbol:
      description: The symbol that this file needs.
      type: str
    glibcxx:
      description: Newest required symbol version of libstdc++.
      type: str
    glibcxx_file:
      description: A file that needs it.
      type: str
    glibcxx_own:
      description: Newest symbol version of the release's own libstdc++.
      type: str
    cpu:
      description: Level of the processor, such as V(x86-64-v3).
      type: str
    cpu_file:
      description: A file that needs it.
      type: str
    cuda_runtime:
      description: Version of the CUDA runtime in the tree.
      type: str
    cuda_file:
      description: The library of that runtime.
      type: str
    driver:
      description: Oldest NVIDIA driver that runs it at all.
      type: str
    driver_full:
      description: Oldest NVIDIA driver that fully supports it.
      type: str
    gpu_architectures:
      description: The architectures that each framework was compiled for.
      type: dict
leaks:
  description: The files that contain a secret, and its kind.
  returned: when packed
  type: list
  elements: dict
  contains:
    path:
      description: The file, relative to the tree.
      type: str
    kind:
      description: Kind of the secret. The secret itself is not returned.
      type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, check_request, pack, packed
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import PART_SIZE
from ansible_collections.airgap.conda.plugins.module_utils._secrets.places import credentials_of


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "prefix": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "dest_prefix": {"type": "path", "required": True},
            "formats": {
                "type": "list",
                "elements": "str",
                "default": ["tar.zst"],
            },
            "part_size": {"type": "int", "default": PART_SIZE},
            "credentials": {"type": "path", "no_log": False},
            "allow": {"type": "list", "elements": "str", "default": []},
            "progress": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params

    def step() -> dict[str, Any]:
        request = PackRequest(
            Path(params["prefix"]),
            Path(params["dest"]),
            params["dest_prefix"],
            tuple(params["formats"]),
            params["part_size"],
            credentials_of(params["credentials"]),
            tuple(params["allow"]),
        )
        progress = Progress(Path(params["progress"]) if params["progress"] else None)
        check_request(request)
        before = packed(request.dest)
        fingerprint = request.fingerprint()
        if before.get("fingerprint") == fingerprint:
            return {"changed": False, **before}
        diff = {"before": before.get("fingerprint", "") + "\n", "after": fingerprint + "\n"}
        if module.check_mode:
            return {"changed": True, "fingerprint": fingerprint, "diff": diff}
        return {"changed": True, "diff": diff, **pack(request, fingerprint, progress)}

    run_module(module, step)


if __name__ == "__main__":
    main()
