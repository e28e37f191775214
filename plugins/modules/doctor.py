#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module airgap.conda.doctor: what is wrong with a built environment, before it is packed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor
short_description: Find what will break when a conda environment is packed
version_added: 0.1.0
author:
  - airgap.conda contributors (@airgap-conda)
description:
  - Inspects an environment and its spec, and finds problems that make packing fail or break the environment on another
    machine. Examples are files of conda packages that pip replaced, duplicate packages, editable installs, incompatible
    channels and paths that cannot be rewritten.
  - Sources every activation script once, in bash and in sh, and redirects the files that it writes.
  - Errors fail the task with one message that lists all of them, each with the line of C(environment.yml) to change.
    Warnings are shown and returned.
  - Works with any environment, no matter which program created it, and does not change it.
extends_documentation_fragment: [airgap.conda.attributes]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It never changes anything.
requirements:
  - python >= 3.9
  - packaging
  - PyYAML
options:
  prefix:
    description: Directory of the environment.
    type: path
    required: true
  spec:
    description: Directory with the C(environment.yml) of the environment, and an optional C(release.yml).
    type: path
    required: true
  dest_prefix:
    description:
      - Absolute path of the environment on the hosts. Without it, the module does not check whether that path fits into
        binary files.
    type: path
  work:
    description:
      - Folder in which this and other environments are built. Files may contain no path below it except O(prefix). The
        default is the parent of O(prefix).
    type: path
  allow:
    description:
      - Findings to allow, in addition to those under C(allow) in the spec's C(release.yml). Each key is the name of
        a finding, each value the reason, which is kept with the release.
    type: dict
    default: {}
seealso:
  - module: airgap.conda.environment
  - module: airgap.conda.pack
"""

EXAMPLES = r"""
- name: Look at an environment before it is packed
  airgap.conda.doctor:
    prefix: /srv/build/demo
    spec: "{{ playbook_dir }}/envs/demo"
    dest_prefix: /opt/conda-envs/demo/1-1c0ffee5

- name: Let one finding pass
  airgap.conda.doctor:
    prefix: /srv/build/demo
    spec: "{{ playbook_dir }}/envs/demo"
    allow:
      defaults-terms: we have a licence, see contract 42
"""

RETURN = r"""
findings:
  description: All findings, errors first. Also returned if the module fails because of them.
  type: list
  elements: dict
  returned: when the environment could be read
  contains:
    name:
      description: Name of the finding, as in O(allow).
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
      contains:
        manager:
          description: V(conda) or V(pip).
          type: str
        name:
          description: Name of the package.
          type: str
        version:
          description: Version of the package.
          type: str
        channel:
          description: Name of the channel, V(pypi) for pip.
          type: str
    allowed:
      description: The reason for allowing it, or empty.
      type: str
  sample:
    - name: defaults-terms
      level: warning
      what: openssl 1.1.1t (conda, channel defaults)
      packages: [{manager: conda, name: openssl, version: 1.1.1t, channel: defaults}]
      allowed: ""
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import diagnose, require_sound
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "prefix": {"type": "path", "required": True},
            "spec": {"type": "path", "required": True},
            "dest_prefix": {"type": "path"},
            "work": {"type": "path"},
            "allow": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params

    def step() -> dict[str, Any]:
        prefix, spec = Path(params["prefix"]).absolute(), load_spec(Path(params["spec"]))
        work = Path(params["work"]).absolute() if params["work"] else None
        findings = diagnose(prefix, spec, params["dest_prefix"] or "", params["allow"], work)
        result = [finding.as_dict() for finding in findings]
        for finding in findings:
            if not finding.stops and not finding.allowed:
                module.warn(str(finding.as_error()))
        try:
            require_sound(findings)
        except AirgapError as error:
            module.fail_json(findings=result, **error.as_result())
        return {"changed": False, "findings": result}

    run_module(module, step)


if __name__ == "__main__":
    main()
