# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a packed environment to a signed release in the depot."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils import _signature
from ansible_collections.airgap.conda.plugins.module_utils._depot import Depot, check_files
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._pack import packed
from ansible_collections.airgap.conda.plugins.module_utils._release import (
    FILES,
    MANIFEST,
    Manifest,
    Payload,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._release_spec import Target, override_target
from ansible_collections.airgap.conda.plugins.module_utils._requirements import version_key
from ansible_collections.airgap.conda.plugins.module_utils._spec import Spec


@dataclass(frozen=True)
class Built:
    """What airgap.conda.environment says of the environment it made."""

    inputs_sha256: str
    conda_lock: str
    pip_lock: str
    packages: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Plan:
    """Whether a spec needs a new release: ``serial`` is the one the next release would have."""

    serial: int
    request_sha256: str
    latest: str
    latest_inputs_sha256: str
    up_to_date: bool


def plan(depot: Depot, spec: Spec, root: str, channels: list[str], target: Mapping[str, str]) -> Plan:
    """Compare what is asked for with what the newest release was built from. Needs no network."""
    request = json.dumps([spec.sha256, root, channels, dict(target)], sort_keys=True)
    request_sha256 = hashlib.sha256(request.encode()).hexdigest()
    latest = depot.latest(spec.name)
    return Plan(
        serial=latest.serial + 1 if latest else 1,
        request_sha256=request_sha256,
        latest=latest.id if latest else "",
        latest_inputs_sha256=latest.inputs["inputs_sha256"] if latest else "",
        up_to_date=latest is not None and latest.inputs["request_sha256"] == request_sha256,
    )


def publish(
    depot: Depot,
    spec: Spec,
    release: str,
    folder: Path,
    built: Built,
    request_sha256: str,
    target: Mapping[str, str],
    signing_key: Path,
) -> Manifest:
    """Move the pack in ``folder`` into ``depot`` as the signed release ``release`` of ``spec``.

    On an error the depot has nothing new and the pack is as it was.
    """
    spec = replace(spec, release=replace(spec.release, target=override_target(spec.release.target, target, "target")))
    pack = packed(folder)
    if not pack or not pack["prefix"].endswith(f"/{spec.name}/{release}"):
        raise AirgapError(
            "The pack is not the one to publish",
            wanted=f"a pack whose prefix ends in {spec.name}/{release}",
            found=pack.get("prefix", "no whole pack"),
            where=str(folder),
            remedy="pack the environment again with the prefix of this release",
        )
    _require_glibc(spec.name, spec.release.target, pack["requirements"])
    manifest = _manifest(spec, release, pack, built, request_sha256)
    with depot.new_release(manifest) as new:
        for name in [FILES, *(part.name for payload in manifest.payloads for part in payload.parts)]:
            _link_or_copy(folder / name, new / name)
        check_files(new, manifest)  # what is signed now is refused for ever if it is not whole
        (new / "conda.lock").write_text(built.conda_lock, encoding="utf-8")
        (new / "pip.lock").write_text(built.pip_lock, encoding="utf-8")
        shutil.copyfile(spec.directory / "environment.yml", new / "environment.yml")
        (new / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        _signature.sign(new / MANIFEST, signing_key)
    shutil.rmtree(folder, ignore_errors=True)
    return manifest


def _require_glibc(env: str, target: Target, needed: Mapping[str, str]) -> None:
    """Refuse a tree that the oldest of its hosts would refuse: one message here instead of one on each of them."""
    if target.glibc and version_key(needed["glibc"]) > version_key(target.glibc):
        raise AirgapError(
            f"{env} needs a newer glibc than its hosts have",
            wanted=f"glibc {target.glibc} or older, the target",
            found=f"glibc {needed['glibc']}, needed by {needed['glibc_file']}",
            where=f"target.glibc of {env}",
            remedy="use an older build of the package with this file, or raise target.glibc if all hosts have it",
        )


def _manifest(spec: Spec, release: str, pack: Mapping[str, Any], built: Built, request_sha256: str) -> Manifest:
    target = {key: value for key, value in asdict(spec.release.target).items() if value}
    return Manifest(
        env=spec.name,
        id=release,
        serial=serial_of(release),
        prefix=pack["prefix"],
        platform=target["platform"],
        created=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        inputs={"spec_sha256": spec.sha256, "request_sha256": request_sha256, "inputs_sha256": built.inputs_sha256},
        requirements={
            **pack["requirements"],
            **{key: target[key] for key in ("cuda", "driver", "cpu") if key in target},
        },
        packages=built.packages,
        payloads=tuple(Payload.from_dict(item) for item in pack["payloads"]),
        bytes=pack["bytes"],
        files=pack["files"],
        files_sha256=pack["files_sha256"],
        checks=spec.release.checks,
        gpu=spec.release.gpu,
    )


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)  # one file system: no bytes copied, and the pack stays whole if this fails later
    except OSError:
        shutil.copyfile(source, target)
