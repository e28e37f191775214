#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: depot_info
short_description: Verify releases in a depot and return what hosts need to know about them
version_added: 0.1.0
description:
  - Verifies the signature of each release and the hash of each of its files. Runs on the controller, and changes
    nothing.
  - Hosts that want the same release from the same depot with the same trusted keys share one verification per run.
    Each host gets its own result, so the task needs no C(run_once).
requirements:
  - ssh-keygen of OpenSSH 8.1 or newer
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  depot:
    description:
      - Folder of the depot on the controller. A relative path starts in the folder in which C(ansible-playbook) was
        called.
    type: path
    required: true
  envs:
    description: Environments to look for.
    type: list
    elements: str
    required: true
  releases:
    description: Release to use for an environment, by name of the environment. The default is the newest one.
    type: dict
    default: {}
  allowed_signers:
    description:
      - File of trusted keys on the controller, in the allowed signers format of C(ssh-keygen).
      - A relative path starts in the folder in which C(ansible-playbook) was called.
    type: path
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It never changes anything.
"""

EXAMPLES = r"""
- name: Verify the newest release of demo
  airgap.conda.depot_info:
    depot: /srv/depot
    envs: [demo]
    allowed_signers: /srv/allowed_signers
  register: depot
"""

RETURN = r"""
releases:
  description: What M(airgap.conda.preflight), M(airgap.conda.fetch) and M(airgap.conda.release) need about each
    release.
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
    path:
      description: Folder of the release in the depot.
      type: str
      returned: success
    signer:
      description: Principal of the key that signed it.
      type: str
      returned: success
    manifest_sha256:
      description: Hash of the verified manifest.
      type: str
      returned: success
    signature_sha256:
      description: Hash of the verified signature.
      type: str
      returned: success
"""
