# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a packed environment to a signed release in the depot."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import typed
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature as _signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    Finding,
    Manifest,
    Payload,
    Requirements,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import TrustedRelease
from ansible_collections.airgap.conda.plugins.module_utils._depot.deltas import add_deltas
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.provenance import PROVENANCE, provenance
from ansible_collections.airgap.conda.plugins.module_utils._depot.target import as_allowed, compare
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import packed
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import PART_SIZE
from ansible_collections.airgap.conda.plugins.module_utils._pack.sbom import SBOM
from ansible_collections.airgap.conda.plugins.module_utils._secrets import search
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import check_files
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import override_target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import ENVIRONMENT, RELEASE, Spec


@dataclass(frozen=True)
class Built:
    """What airgap.conda.environment says of the environment it made."""

    inputs_sha256: str
    conda_lock: str
    pip_lock: str
    packages: tuple[dict[str, Any], ...]
    files: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Deltas:
    """From how many releases of the depot a new one gets a delta, and the largest size of a part of it, in bytes."""

    count: int = 0
    part_size: int = PART_SIZE


@dataclass(frozen=True)
class Signing:
    """The key to sign with; one that is not in ``allowed_signers`` is refused here, not by every host."""

    key: Path
    allowed_signers: Path | None = None


def publish(
    depot: Depot,
    spec: Spec,
    release: str,
    folder: Path,
    built: Built,
    request_sha256: str,
    target: Mapping[str, str],
    signing: Signing,
    findings: Sequence[Finding] = (),
    credentials: Sequence[str] = (),
    deltas: Deltas = Deltas(),
    concerns: list[str] | None = None,
) -> Manifest:
    """Move the pack in ``folder`` into ``depot`` as the signed release ``release`` of ``spec``.

    ``findings`` are the doctor's, ``credentials`` what must not be in any document; ``concerns`` gets why a delta could
    not be made. On an error the depot has nothing new, and the pack can be published again.
    """
    spec = replace(spec, release=replace(spec.release, target=override_target(spec.release.target, target, "target")))
    pack = packed(folder)
    if not pack or not pack["prefix"].endswith(f"/{spec.name}/{release}"):
        raise AirgapError(
            "The pack is not the one to publish",
            code="pack-unusable",
            wanted=f"a pack whose prefix ends in {spec.name}/{release}",
            found=pack.get("prefix", "no whole pack"),
            where=str(folder),
            remedy="pack the environment again with the prefix of this release",
        )
    name, allow = f"{spec.name} {release}", spec.release.allow
    needs = typed(Requirements, pack["requirements"])
    leaks = [search.Leak(**leak) for leak in pack["leaks"]]
    found = [
        *findings,
        *compare(spec.name, needs, spec.release.target, allow),
        *search.require_none(leaks, name, f"the environment packed in {folder}", allow),
    ]
    documents = _documents(spec, built, folder)
    manifest = _manifest(spec, release, pack, built, request_sha256, found)
    made, missing = add_deltas(depot, manifest, folder, deltas.count, deltas.part_size)
    manifest = replace(manifest, payloads=(*manifest.payloads, *made))
    if concerns is not None:
        concerns += missing
    documents[PROVENANCE] = provenance(manifest, documents, built.files)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(documents.items())}
    manifest = replace(manifest, documents=sums)
    with depot.new_release(manifest) as new:
        for part in [FILES, *(part.name for payload in manifest.payloads for part in payload.parts)]:
            _link_or_copy(folder / part, new / part)
        for document, content in documents.items():
            (new / document).write_bytes(content)
        trusted, text = TrustedRelease(str(new)), manifest.to_json().encode()
        trusted.recorded(text)
        check_files(new, trusted)  # what is signed now is refused for ever if it is not whole
        (new / MANIFEST).write_bytes(text)
        written = search.find_in_documents(new, [*documents, MANIFEST], credentials)
        search.require_none(written, name, f"the documents of {name}", allow)
        signature = _signature.sign(new / MANIFEST, signing.key)
        if signing.allowed_signers:
            _signature.require_accepted(new / MANIFEST, signature, signing.key, signing.allowed_signers)
    shutil.rmtree(folder, ignore_errors=True)
    return manifest


def _documents(spec: Spec, built: Built, folder: Path) -> dict[str, bytes]:
    """Return what a release has for people and other tools, by name: all that a second build needs."""
    documents = {
        ENVIRONMENT: _environment(spec),
        "conda.lock": built.conda_lock.encode(),
        "pip.lock": built.pip_lock.encode(),
        SBOM: (folder / SBOM).read_bytes(),
    }
    if (spec.directory / RELEASE).is_file():
        documents[RELEASE] = (spec.directory / RELEASE).read_bytes()
    return documents


def _environment(spec: Spec) -> bytes:
    """Return environment.yml; one that names requirements files comes with their lines in place of the names.

    Such a file may lie anywhere on the bastion (``-r ../common.txt``), and a release is one flat folder.
    """
    import yaml

    content = (spec.directory / ENVIRONMENT).read_bytes()
    dependencies = yaml.safe_load(content)["dependencies"]
    pip = [line for item in dependencies if isinstance(item, dict) for line in item.get("pip") or ()]
    if not any(re.match(r"\s*(-r|--requirement)\b", line) for line in pip):
        return content
    alone = {
        "name": spec.name,
        "channels": list(spec.channels),
        "dependencies": [*spec.conda, {"pip": list(spec.pip)}],
        **({"variables": dict(spec.variables)} if spec.variables else {}),
    }
    return str(yaml.safe_dump(alone, sort_keys=False, width=1000)).encode()


def _manifest(
    spec: Spec,
    release: str,
    pack: Mapping[str, Any],
    built: Built,
    request_sha256: str,
    findings: Sequence[Finding],
) -> Manifest:
    target = {key: value for key, value in asdict(spec.release.target).items() if value}
    return Manifest(
        env=spec.name,
        id=release,
        serial=serial_of(release),
        prefix=pack["prefix"],
        platform=target["platform"],
        created=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        inputs={"spec_sha256": spec.sha256, "request_sha256": request_sha256, "inputs_sha256": built.inputs_sha256},
        requirements=as_allowed(typed(Requirements, pack["requirements"]), spec.release.target, spec.release.allow),
        packages=built.packages,
        payloads=tuple(typed(Payload, item) for item in pack["payloads"]),
        bytes=pack["bytes"],
        files=pack["files"],
        files_sha256=pack["files_sha256"],
        checks=spec.release.checks,
        gpu=spec.release.gpu,
        target=target,
        findings=tuple(findings),
    )


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)  # one file system: no bytes copied, and the pack stays whole if this fails later
    except OSError:
        shutil.copyfile(source, target)
