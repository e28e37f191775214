#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module airgap.conda.environment: a conda environment on the bastion, made from a spec."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment
short_description: Create a conda environment from a spec
version_added: 0.1.0
author:
  - airgap.conda contributors (@airgap-conda)
description:
  - Solves and installs the conda packages of a spec, runs its C(pip) section with the environment's own pip, makes the
    C(copies), writes the activation variables, copies the C(files) and compiles missing byte code.
  - The bastion needs no other programs, not even conda. Solver and installer are those of py-rattler, unless O(backend)
    names a program of the bastion.
  - With a C(conda.lock) next to the spec, and a C(pip.lock) for its C(pip) section, it installs exactly what these
    name, without solving. The folder of a release in a depot has both. A lock that does not satisfy the spec is
    refused.
  - If C(link_scripts) in C(release.yml) is V(run), post-link scripts of conda packages (C(bin/.NAME-post-link.sh)) run
    with every O(backend). Otherwise their files are removed, and M(airgap.conda.doctor) names them.
  - The C(target) in the spec's C(release.yml) describes the hosts (glibc, CUDA driver, CPU); the bastion does not
    matter. A bastion without GPU builds environments for hosts with one.
  - If anything fails, the previous environment is restored; without one, nothing is left behind.
  - The next run recovers an interrupted one.
  - Do not put passwords and tokens of channels into parameters, because logs show these. A URL with one is refused. Use
    O(credentials), a C(.netrc), or the configuration of the program that O(backend) names.
extends_documentation_fragment: [airgap.conda.attributes]
attributes:
  check_mode:
    support: full
    details: >-
      Solves, and writes only to the cache. For a spec with a C(pip) section, it temporarily links the conda packages
      into the cache, so that their pip can report what it would install.
  diff_mode:
    support: full
    details: >-
      One line for each package that is added, removed or changed, with its version, and with its size if the channel
      provides it. One line for each of the C(files), with its hash.
  idempotent:
    support: full
    details: If the prefix was created from this spec, it is only checked, without network.
requirements:
  - python >= 3.9
  - py-rattler
  - PyYAML
  - packaging, for a spec with a C(pip.lock)
options:
  prefix:
    description:
      - Directory of the environment, absent, empty, or created by this module. Its parents are created.
      - Its lock is a file in the folder C(.locks) next to it.
    type: path
    required: true
  spec:
    description:
      - Directory with the C(environment.yml) and an optional C(release.yml). Its name is the environment's.
    type: path
    required: true
  channels:
    description:
      - Channels to use instead of those in the spec, in order of priority. Names, URLs or absolute paths.
      - A package that the spec pins with C(channel::package) then comes from the one whose URL ends in that channel.
    type: list
    elements: str
  channel_alias:
    description:
      - Base URL of channels given by name, such as a mirror of all of them.
      - The default is V(https://conda.anaconda.org) for rattler, and the program's own configuration for another
        O(backend).
    type: str
  channel_priority:
    description:
      - With V(strict), a package comes from the first channel that has it; with V(disabled), from the channel with the
        newest version.
    type: str
    choices: [strict, disabled]
    default: strict
  backend:
    description:
      - The program that solves and installs. V(conda), V(mamba) and V(micromamba) run with their configuration on the
        bastion (C(.condarc), mirrors, tokens). V(auto) selects the first of micromamba, mamba and conda on PATH,
        otherwise V(rattler).
      - Requires conda 24.9 or newer, mamba and micromamba 2.1 or newer.
      - A change of the backend does not rebuild an existing environment.
    type: str
    choices: [rattler, conda, mamba, micromamba, auto]
    default: rattler
  executable:
    description: Path of the program that O(backend) names, if it is not on PATH.
    type: path
  timeout:
    description: Timeout of one call of the program in seconds.
    type: int
    default: 3600
  credentials:
    description:
      - File on the bastion with users, passwords and tokens of channels, for the O(backend) V(rattler). A JSON object
        with hosts (V(*.example.org) for several) and their credentials, in the format of C(pixi auth login).
      - A value C(${NAME}) is an environment variable of the module.
      - Only its owner may be able to read it.
      - Without it, rattler reads the file in E(RATTLER_AUTH_FILE), C(~/.rattler/credentials.json) and C(.netrc)
        (E(NETRC)).
    type: path
  target:
    description:
      - Keys that override those of C(target) in C(release.yml).
    type: dict
    suboptions:
      platform:
        description: Conda's name of the platform, such as V(linux-64).
        type: str
      glibc:
        description: Oldest glibc among the hosts. If it is in neither place, the default is the bastion's own.
        type: str
      cuda:
        description: Newest CUDA that the driver of every host supports.
        type: str
      driver:
        description: Oldest NVIDIA driver among the hosts.
        type: str
      cpu:
        description: Oldest microarchitecture level among the hosts, such as V(x86-64-v2).
        type: str
  cache:
    description:
      - Directory for downloaded packages and indexes of channels. On the file system of O(prefix), files are hard links
        and take no extra space.
    type: path
    default: ~/.cache/airgap.conda
  update:
    description:
      - Query channels and package index again even if the prefix was created from this spec, and rebuild the
        environment if the result differs.
      - Locks next to the spec are then rewritten instead of used.
    type: bool
    default: false
  container:
    description:
      - Image of the hosts' system, such as V(ubuntu:20.04), in which the environment's own programs run. pip selects
        wheels for its C library and compiles against it. The image needs no Python; to compile C, it needs a compiler.
      - Without a C(target) for glibc, the image's glibc is the target.
      - The container uses the pip configuration, the certificates and the network of this machine.
    type: str
    default: ""
  container_engine:
    description: Name or path of podman or docker. The default is podman if available, otherwise docker.
    type: str
    default: ""
  container_options:
    description: More options of C(podman run) or C(docker run), such as V(--volume=/srv/wheels:/srv/wheels:ro).
    type: list
    elements: str
    default: []
  progress:
    description: File for one line about the progress, which the task shows every five seconds.
    type: path
seealso:
  - module: airgap.conda.pack
"""

EXAMPLES = r"""
- name: Make the environment that envs/demo describes
  airgap.conda.environment:
    prefix: /srv/build/demo
    spec: "{{ playbook_dir }}/envs/demo"

- name: Make it for older hosts, from a mirror
  airgap.conda.environment:
    prefix: /srv/build/demo
    spec: "{{ playbook_dir }}/envs/demo"
    channel_alias: https://mirror.example.org/conda
    target:
      glibc: "2.27"

- name: Make it with the institution's own conda, which knows the mirrors and has the tokens
  airgap.conda.environment:
    prefix: /srv/build/demo
    spec: "{{ playbook_dir }}/envs/demo"
    backend: conda
    executable: /opt/miniforge3/bin/conda

- name: Make it from a private channel
  airgap.conda.environment:
    prefix: /srv/build/demo
    spec: "{{ playbook_dir }}/envs/demo"
    # {"conda.example.org": {"BasicHTTP": {"username": "bastion", "password": "${CHANNEL_PASSWORD}"}},
    #  "other.example.org": {"CondaToken": "${CHANNEL_TOKEN}"}}
    credentials: ~/.config/airgap.conda/credentials.json

- name: See whether newer packages are to be had
  airgap.conda.environment:
    prefix: /srv/build/demo
    spec: "{{ playbook_dir }}/envs/demo"
    update: true
  check_mode: true
  diff: true
"""

RETURN = r"""
prefix:
  description: Directory of the environment.
  type: str
  returned: success
  sample: /srv/build/demo
spec_sha256:
  description: Hash of the spec's meaning. Comments and layout do not change it.
  type: str
  returned: success
inputs_sha256:
  description: >-
    Hash of everything that determines the environment (the spec, the target, each package's hash and what C(files)
    bring).
  type: str
  returned: success
conda_lock:
  description: The conda packages in conda's explicit format, with URLs without credentials.
  type: str
  returned: success
pip_lock:
  description: The packages that pip installed, as requirements with hashes. Empty without a C(pip) section.
  type: str
  returned: success
packages:
  description: Every package.
  type: list
  elements: dict
  returned: success
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
    build:
      description: Conda's build string, empty for pip.
      type: str
    channel:
      description: Name of the channel, V(pypi) for pip.
      type: str
    sha256:
      description: Hash of the package's archive, empty if its source has none.
      type: str
    size:
      description: Size of the package's archive in bytes, 0 if unknown.
      type: int
files:
  description: Every entry of C(files) in C(release.yml).
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: Path in the release.
      type: str
    sha256:
      description: Hash of the file, or of the list of all that is in the folder.
      type: str
    bytes:
      description: Size of all files together, in bytes.
      type: int
    files:
      description: Number of files.
      type: int
messages:
  description: Messages for the user from the packages' scripts.
  type: list
  elements: str
  returned: success
durations:
  description: >-
    Durations of the steps V(solve), V(install), V(link), V(pip), V(files) and V(compile) in seconds. Skipped steps are
    left out.
  type: dict
  returned: success
  sample: {solve: 0.02, install: 0.9, pip: 3.1, compile: 2.2}
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._environment.container import container
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Outcome, Request, make
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import PROGRAMS, RATTLER, backend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import PRIORITIES, Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.credentials import authenticated, refuse_in_url
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import file_lines, package_lines
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import override_target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import ENVIRONMENT, load_spec

TARGET = ("platform", "glibc", "cuda", "driver", "cpu")


def main() -> None:
    """Read the parameters, do it, leave with the result."""
    module = AnsibleModule(
        argument_spec={
            "prefix": {"type": "path", "required": True},
            "spec": {"type": "path", "required": True},
            "channels": {"type": "list", "elements": "str"},
            "channel_alias": {"type": "str"},
            "channel_priority": {"type": "str", "choices": list(PRIORITIES), "default": PRIORITIES[0]},
            "backend": {"type": "str", "choices": [RATTLER, *PROGRAMS, "auto"], "default": RATTLER},
            "executable": {"type": "path"},
            "timeout": {"type": "int", "default": 3600},
            "credentials": {"type": "path"},
            "target": {"type": "dict", "options": {name: {"type": "str"} for name in TARGET}},
            "cache": {"type": "path", "default": "~/.cache/airgap.conda"},
            "update": {"type": "bool", "default": False},
            "container": {"type": "str", "default": ""},
            "container_engine": {"type": "str", "default": ""},
            "container_options": {"type": "list", "elements": "str", "default": []},
            "progress": {"type": "path"},
        },
        supports_check_mode=True,
    )

    def step() -> dict[str, Any]:
        # Whatever is found to be secret on the way is taken out of all that this module says, its parameters included.
        made = run(module.params, module.check_mode, module.no_log_values)
        for text in made.pop("warnings"):
            module.warn(text)
        return made

    run_module(module, step)


def run(params: dict[str, Any], check: bool, secrets: set[str]) -> dict[str, Any]:
    """Do what the parameters ask for and return the module's result; add what nobody may see to ``secrets``."""
    for name in ("channels", "channel_alias"):
        refuse_in_url(params[name] or [], name, secrets)
    spec = load_spec(Path(params["spec"]))
    cache = Path(params["cache"]).absolute()
    chosen = backend(params["backend"], params["executable"], cache, params["timeout"])
    names, where = spec.channels, str(spec.directory / ENVIRONMENT)
    if params["channels"]:
        names, where = tuple(params["channels"]), "the parameter channels"
    target = override_target(spec.release.target, _given(params["target"]), "target")
    image = params["container"]
    inside = container(image, params["container_engine"], params["container_options"]) if image else None
    if inside and not target.glibc:
        target = replace(target, glibc=inside.glibc())
    request = Request(
        prefix=Path(params["prefix"]).absolute(),
        spec=spec,
        channels=Channels(
            names, params["channel_alias"] or chosen.alias, where, bool(params["channels"]), params["channel_priority"]
        ),
        target=target,
        cache=cache,
        backend=chosen,
        container=inside,
        progress=Progress(Path(params["progress"]) if params["progress"] else None),
    )
    with authenticated(params["credentials"], chosen.name, secrets):
        return result(request, make(request, params["update"], check))


def _given(target: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (target or {}).items() if value is not None}


def result(request: Request, outcome: Outcome) -> dict[str, Any]:
    """Return the outcome under the names that RETURN documents."""
    environment = outcome.environment
    return {
        "changed": outcome.changed,
        "warnings": list(request.spec.notes),
        "prefix": str(request.prefix),
        "spec_sha256": environment.spec_sha256,
        "inputs_sha256": environment.inputs_sha256,
        "conda_lock": environment.conda_lock,
        "pip_lock": environment.pip_lock,
        "packages": list(environment.packages),
        "files": list(environment.files),
        "messages": outcome.messages,
        "durations": outcome.durations,
        "diff": {
            "before_header": str(request.prefix),
            "after_header": str(request.prefix),
            "before": package_lines(outcome.before) + file_lines(outcome.files_before),
            "after": package_lines(environment.packages) + file_lines(environment.files),
        },
    }


if __name__ == "__main__":
    main()
