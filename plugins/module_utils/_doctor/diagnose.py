# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor: look at a built environment before it is packed, and say what will break, why, and what to write instead.

It changes nothing. What it looks at is the tree that conda and pip left (``_environment.tree``); each complaint of
the catalogue has one function here that finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Several
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN
from ansible_collections.airgap.conda.plugins.module_utils._contract.complaints import ALLOWABLE
from ansible_collections.airgap.conda.plugins.module_utils._doctor import channels, files, python, shells
from ansible_collections.airgap.conda.plugins.module_utils._doctor import prefix as _doctor_prefix
from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import Case, Complained
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import Tree
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import load_packaging
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import Spec

FINDERS: dict[str, Callable[[Case], Iterator[Complained]]] = {
    "pip-replaced-conda-files": files.pip_replaced_conda_files,
    "conda-files-changed": files.conda_files_changed,
    "conda-files-owned-twice": files.conda_files_owned_twice,
    "distribution-from-conda-and-pip": python.distribution_from_conda_and_pip,
    "two-dist-infos": python.two_dist_infos,
    "link-script-not-run": files.link_script_not_run,
    "editable-install": python.editable_install,
    "link-leads-out": _doctor_prefix.link_leads_out,
    "prefix-too-long": _doctor_prefix.prefix_too_long,
    "package-cache-missing": files.package_cache_missing,
    "pip-files-owned-twice": files.pip_files_owned_twice,
    "pip-built-from-source": python.pip_built_from_source,
    "prefix-in-binary": _doctor_prefix.prefix_in_binary,
    "build-path-left": _doctor_prefix.build_path_left,
    "mixed-channels": channels.mixed_channels,
    "cuda-from-conda-and-pip": channels.cuda_from_conda_and_pip,
    "activation-script-fails": shells.activation_script_fails,
    "activation-writes": shells.activation_writes,
    "env-vars-unusable": shells.env_vars_unusable,
    "defaults-terms": channels.defaults_terms,
}


class Complaints(Several):
    """Everything that stops a build."""

    def __init__(self, errors: Sequence[AirgapError]) -> None:
        super().__init__(f"{len(errors)} complaints stop the build", errors)


def diagnose(
    prefix: Path,
    spec: Spec,
    dest_prefix: str = "",
    allow: Mapping[str, str] | None = None,
    work: Path | None = None,
) -> list[Complained]:
    """Return what is wrong with the environment at ``prefix``, errors first, those that are allowed with their reason.

    ``dest_prefix`` is the path on the hosts; without it nobody can say whether that is too long. ``allow`` adds to what
    the spec allows: a finding's name and the reason. ``work`` is the folder that all is built in.
    Raises AirgapError when the prefix holds no environment.
    """
    allowed = {**spec.release.allow, **_checked(allow or {})}
    load_packaging()  # the finders import it where they use it
    case = Case(Tree(prefix), spec, dest_prefix, work)
    found = [
        replace(finding, subject=spec.name, allowed=allowed.get(name, ""))
        for name in FINDERS
        for finding in FINDERS[name](case)
    ]
    return sorted(found, key=lambda finding: finding.verdict != BROKEN)


def require_sound(findings: Sequence[Complained]) -> None:
    """Raise AirgapError for the errors among the findings that are not allowed, all of them in one."""
    stop_for([finding.as_error() for finding in findings if finding.stops])


def stop_for(errors: Sequence[AirgapError]) -> None:
    """Raise all of the errors in one; nothing when there are none."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Complaints(errors)


def _checked(allow: Mapping[str, str]) -> Mapping[str, str]:
    for name, reason in allow.items():
        if name not in ALLOWABLE or not str(reason or "").strip():
            raise AirgapError(
                "An entry of allow is invalid",
                code="allow-invalid",
                wanted=f"the reason for one of {', '.join(ALLOWABLE)}",
                found=f"no reason for {name}" if name in ALLOWABLE else repr(name),
                where="allow",
                remedy="write name: reason, with a name of the list",
            )
    return allow
