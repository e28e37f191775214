# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a release belongs on a host: the one place that it was packed for, and nothing else in it."""

from __future__ import annotations

from pathlib import PurePosixPath

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError


def require_place(root: str, env: str, release: str, prefix: str) -> None:
    """Raise AirgapError when a release was packed for another place than the store at ``root`` has for it."""
    place = str(PurePosixPath(root, env, release))
    if prefix != place:
        raise AirgapError(
            f"{env} {release} was packed for another place",
            code="place",
            wanted=f"a release for {place}",
            found=f"a release for {prefix}",
            where=root,
            remedy="set the same root for build and deploy, and build again",
        )


def in_the_way(prefix: str) -> AirgapError:
    """Return the error for something unknown in the place of a release."""
    return AirgapError(
        "An unknown folder is in the place of the release",
        code="place-taken",
        wanted="nothing there, or a release with its record in .state",
        found="a folder without a record",
        where=prefix,
        remedy="remove it when nothing uses it, or deploy another release",
    )
