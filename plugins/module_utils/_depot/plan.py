# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell whether a spec needs a new release, without asking any channel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import require_plain
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import read_lock
from ansible_collections.airgap.conda.plugins.module_utils._spec.files import require_apart
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import Spec
from ansible_collections.airgap.conda.plugins.module_utils._spec.sums import content_of


@dataclass(frozen=True)
class Plan:
    """Whether a spec needs a new release: ``serial`` is the one the next release would have."""

    serial: int
    request_sha256: str
    latest: str
    latest_inputs_sha256: str
    up_to_date: bool


def plan(
    depot: Depot,
    spec: Spec,
    root: str,
    channels: list[str],
    target: Mapping[str, str],
    priority: str = "strict",
    image: str = "",
) -> Plan:
    """Compare what is asked for with what the newest release was built from. Needs no network.

    Locks next to the spec ask for their packages: a release made of these is up to date, whatever they were called
    when it was built. Raises AirgapError for a ``root`` that scripts cannot hold, and
    for ``files`` that cannot be read.
    """
    # Minutes before anything is built for it.
    require_plain("The root on the hosts", root, "build_root", "choose another root")
    require_apart(spec.release.files, depot.path, "the depot")
    more = filter(None, [image, content_of(spec.release.files).sha256])
    request = json.dumps([spec.sha256, root, channels, dict(target), priority, *more], sort_keys=True)
    request_sha256 = hashlib.sha256(request.encode()).hexdigest()
    latest = depot.latest(spec.name)
    same = latest is not None and latest.inputs.get("request_sha256") == request_sha256
    return Plan(
        serial=latest.serial + 1 if latest else 1,
        request_sha256=request_sha256,
        latest=latest.id if latest else "",
        latest_inputs_sha256=latest.inputs.get("inputs_sha256", "") if latest else "",
        up_to_date=same and latest is not None and _has_locked(depot, spec, latest.id),
    )


def _has_locked(depot: Depot, spec: Spec, release: str) -> bool:
    """Tell whether the release is made of what the locks next to the spec name; without locks any release is."""
    wanted = read_lock(spec.directory)
    if wanted is None:
        return True
    try:
        found = read_lock(depot.folder(spec.name, release))
    except AirgapError:
        return False  # an older release, whose locks were written in another way
    return found is not None and found.identity == wanted.identity
