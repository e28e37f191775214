# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a packed environment to a signed release in the depot."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.airgap.conda.plugins.module_utils import _signature
from ansible_collections.airgap.conda.plugins.module_utils._depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._pack import packed
from ansible_collections.airgap.conda.plugins.module_utils._release import (
    FILES,
    MANIFEST,
    Checks,
    Manifest,
    Part,
    Payload,
    serial_of,
)
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
    depot: Depot, spec: Spec, release: str, folder: Path, built: Built, request_sha256: str, target: Mapping[str, str],
    signing_key: Path,
) -> Manifest:
    """Move the pack in ``folder`` into ``depot`` as the signed release ``release`` of ``spec``."""
    pack = packed(folder)
    if not pack or not pack["prefix"].endswith(f"/{spec.name}/{release}"):
        raise AirgapError(
            "The pack is not the one to publish",
            wanted=f"a pack whose prefix ends in {spec.name}/{release}",
            found=pack.get("prefix", "no pack.json"),
            where=str(folder),
            remedy="pack the environment again with the prefix of this release",
        )
    manifest = _manifest(spec, release, pack, built, request_sha256, target)
    with depot.new_release(manifest) as new:
        for name in [FILES, *(part.name for payload in manifest.payloads for part in payload.parts)]:
            _move(folder / name, new / name)
        (new / "conda.lock").write_text(built.conda_lock, encoding="utf-8")
        (new / "pip.lock").write_text(built.pip_lock, encoding="utf-8")
        shutil.copyfile(spec.directory / "environment.yml", new / "environment.yml")
        (new / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        _signature.sign(new / MANIFEST, signing_key)
    shutil.rmtree(folder)
    return manifest


def _manifest(
    spec: Spec, release: str, pack: Mapping[str, Any], built: Built, request_sha256: str, target: Mapping[str, str]
) -> Manifest:
    wanted = {**{k: v for k, v in asdict(spec.release.target).items() if v}, **target}
    requirements = {key: wanted[key] for key in ("cuda", "driver", "cpu") if wanted.get(key)}
    return Manifest(
        env=spec.name,
        id=release,
        serial=serial_of(release),
        prefix=pack["prefix"],
        platform=wanted["platform"],
        created=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        inputs={"spec_sha256": spec.sha256, "request_sha256": request_sha256, "inputs_sha256": built.inputs_sha256},
        requirements={**pack["requirements"], **requirements},
        packages=built.packages,
        payloads=tuple(
            Payload(p["format"], p["size"], p["sha256"], tuple(Part(**part) for part in p["parts"]))
            for p in pack["payloads"]
        ),
        bytes=pack["bytes"],
        files=pack["files"],
        files_sha256=pack["files_sha256"],
        checks=Checks(spec.release.checks.imports, spec.release.checks.commands, spec.release.checks.timeout),
        gpu=spec.release.gpu,
    )


def _move(source: Path, target: Path) -> None:
    try:
        os.link(source, target)  # one file system: no bytes copied, and the pack stays whole if this fails later
    except OSError:
        shutil.copyfile(source, target)
