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
allowed_signers:
  description: Content of the file of trusted keys, for O(airgap.conda.release#module:signers).
  returned: success
  type: str
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
    id:
      description: Id of the release.
      type: str
    serial:
      description: Its serial.
      type: int
    root:
      description: Folder of the store that it was packed for.
      type: str
    prefix:
      description: Its folder in that store.
      type: str
    platform:
      description: What it runs on, such as V(linux-64).
      type: str
    created:
      description: When it was built, in UTC.
      type: str
    bytes:
      description: Size of the unpacked tree in bytes.
      type: int
    files:
      description: Number of paths in the tree.
      type: int
    ipykernel:
      description: Whether Jupyter can start it.
      type: bool
    gpu:
      description: V(none), V(optional) or V(required).
      type: str
    requirements:
      description: What the tree needs of a host. The newest glibc with the file and the symbol that need it, the CPU
        level, the CUDA runtime with the oldest driver for it, what the frameworks were compiled for.
      type: dict
      contains:
        glibc:
          description: Oldest glibc, empty where none is needed.
          type: str
        glibc_file:
          description: A file that needs it.
          type: str
        glibc_symbol:
          description: What that file wants of it.
          type: str
        glibcxx:
          description: Newest version of libstdc++'s symbols that is needed.
          type: str
        glibcxx_file:
          description: A file that needs it.
          type: str
        glibcxx_own:
          description: The newest one that the release brings itself.
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
          description: Oldest NVIDIA driver that supports all of it.
          type: str
        gpu_architectures:
          description: For a framework, what it was compiled for.
          type: dict
    imports:
      description: Modules of Python that must be importable on a host.
      type: list
      elements: str
    payloads:
      description: The archives with their format, size in bytes, sha256 and parts.
      type: list
      elements: dict
      contains:
        format:
          description: V(tar.zst) or V(tar.gz).
          type: str
        size:
          description: Bytes of all parts.
          type: int
        sha256:
          description: Hash of all parts, one after the other.
          type: str
        parts:
          description: The files, each with C(name), C(size) in bytes and C(sha256).
          type: list
          elements: dict
    path:
      description: Folder of the release in the depot.
      type: str
    signer:
      description: Principal of the key that signed it.
      type: str
    manifest_sha256:
      description: Hash of the verified manifest.
      type: str
    signature_sha256:
      description: Hash of the verified signature.
      type: str
    files_sha256:
      description: Hash of C(files.json.zst).
      type: str
"""
