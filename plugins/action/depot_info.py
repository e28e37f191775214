# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verify releases in a depot on the controller: once in a run, however many hosts want the same."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants as C

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import Folder
from ansible_collections.airgap.conda.plugins.module_utils._source.signers import read_keys
from ansible_collections.airgap.conda.plugins.plugin_utils._controller_action import ControllerAction
from ansible_collections.airgap.conda.plugins.plugin_utils._once import once
from ansible_collections.airgap.conda.plugins.plugin_utils._paths import of_caller


class ActionModule(ControllerAction):
    """Controller side of airgap.conda.depot_info; it has no other side."""

    ARGUMENTS: Mapping[str, Any] = {
        "depot": {"type": "path", "required": True},
        "envs": {"type": "list", "elements": "str", "required": True},
        "releases": {"type": "dict", "default": {}},
        "allowed_signers": {"type": "path", "required": True},
    }

    def step(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the hosts need to know of each release."""
        return {"changed": False, **verified_releases(**options)}


def verified_releases(
    depot: str, envs: Sequence[str], releases: Mapping[str, Any], allowed_signers: str
) -> dict[str, Any]:
    """Return what hosts need to know of each release, and the keys; or all that is wrong with them in one message."""
    lacking = [name for name, given in (("depot", depot), ("allowed_signers", allowed_signers)) if not given]
    if lacking:
        raise _not_told(lacking)
    folder, signers = Folder(Path(of_caller(depot))), Path(of_caller(allowed_signers))
    found, faults = [], Faults()
    faults.found += [_slip(folder, pin, envs) for pin in slips(folder, releases, envs)]
    for env in envs:
        with faults.gathered():
            found.append(verified(folder, env, str(releases.get(env) or ""), signers, Path(C.DEFAULT_LOCAL_TMP)))
    faults.tell("what is wanted of the depot")
    return {"releases": found, "allowed_signers": read_keys(signers)}


def verified(depot: Folder, env: str, pin: str, signers: Path, shared: Path) -> dict[str, Any]:
    """Return what hosts need to know of a release, verified by the first one that wants it with this trust.

    Nothing is shared between two lists of signers, nor after a file of the release or the list has changed.
    """
    release = depot.choose(env, pin)
    folder = depot.folder(env, release)
    with os_errors(f"Reading {env} {release}", folder):
        # A file that is not there is told by the verification.
        trust = [_state(os.stat(signers))] if signers.exists() else []
        wanted = {
            "folder": str(folder),
            "files": [[path.name, *_state(path.lstat())] for path in sorted(folder.iterdir())],
            "allowed_signers": [str(signers), trust],
        }
        return once(shared, wanted, lambda: depot.verify(env, release, signers).as_result())


def slips(depot: Folder, pins: Iterable[str], envs: Sequence[str]) -> list[str]:
    """Return the names in ``pins`` that look like a slip of the pen: like one of ``envs``, and not in the depot.

    Any other name may be pinned for other hosts.
    """
    others = [pin for pin in pins if pin not in envs and not depot.releases(pin)]
    return [pin for pin in others if difflib.get_close_matches(pin, envs, 1)]


def _slip(depot: Folder, pin: str, envs: Sequence[str]) -> AirgapError:
    return AirgapError(
        "A release is given for an environment that is not there",
        code="pin-unknown",
        wanted=f"a name among {', '.join(envs)}",
        found=clean(pin),
        where=f"deploy_releases, and {depot.path}",
        remedy="correct the name; else the newest release would be taken",
    )


def _state(at: os.stat_result) -> list[int]:
    """Return what changes with the content of a file."""
    return [at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns]


def _not_told(lacking: list[str]) -> AirgapError:
    return AirgapError(
        "The depot, or who may sign, is not known",
        code="settings-missing",
        wanted=" and ".join(lacking),
        found="nothing",
        where="the variables of this host",
        remedy="give deploy_depot and deploy_allowed_signers in group_vars/all.yml",
    )
