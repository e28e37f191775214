# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a release came about, as other tools read it: an in-toto statement with SLSA's provenance.

The library of in-toto has had no release since 2023 and brings protobuf; the statement is plain JSON. Nothing here is
news: all of it is in the manifest and in the SBOM, and it is signed with these.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, Manifest
from ansible_collections.airgap.conda.plugins.module_utils._pack.sbom import SBOM
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import ENVIRONMENT, RELEASE

PROVENANCE = "provenance.intoto.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
# Names, not addresses: what a build of this kind is, and that a bastion of somebody's own made it.
BUILD_TYPE = "https://github.com/airgap-conda/airgap.conda/build/v1"
BUILDER = "https://github.com/airgap-conda/airgap.conda/bastion/v1"
# What a user asked for, and what that became.
_ASKED, _FOUND = (ENVIRONMENT, RELEASE), ("conda.lock", "pip.lock")


def provenance(manifest: Manifest, documents: Mapping[str, bytes], files: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """Return the statement on a release: what it was made of, from what, when, and by what.

    ``manifest`` has not got the statement yet, ``documents`` are the others. ``files`` are the entries of ``files`` in
    release.yml. Equal releases give equal bytes: the only time is that of the manifest.
    """
    asked = {name: {"sha256": _sum(documents[name])} for name in _ASKED if name in documents}
    locks = {name: {"sha256": _sum(documents[name])} for name in _FOUND if documents.get(name)}
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in _subjects(manifest)],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "env": manifest.env,
                    "release": manifest.id,
                    "prefix": manifest.prefix,
                    "target": manifest.target,
                    "formats": [payload.format for payload in manifest.payloads],
                    "spec": asked,
                    "files": [{"path": item["path"], "sha256": item["sha256"]} for item in files],
                },
                "internalParameters": {"inputs": manifest.inputs, "locks": locks},
                "resolvedDependencies": list(_dependencies(documents[SBOM])),
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {
                    "invocationId": manifest.inputs["request_sha256"],
                    "startedOn": manifest.created,
                    "finishedOn": manifest.created,
                },
            },
        },
    }
    return (json.dumps(statement, indent=1, sort_keys=True) + "\n").encode()


def _subjects(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for payload in manifest.payloads:
        yield f"env.{payload.format}", payload.sha256
        if [part.name for part in payload.parts] != [f"env.{payload.format}"]:
            yield from ((part.name, part.sha256) for part in payload.parts)
    yield FILES, manifest.files_sha256


def _dependencies(sbom: bytes) -> Iterator[dict[str, Any]]:
    """Yield each component of an SBOM as in-toto describes a resource."""
    algorithms = {"SHA-256": "sha256", "MD5": "md5"}
    for component in json.loads(sbom).get("components", []):
        hashes = component.get("hashes", [])
        resource = {
            "name": component["name"],
            "uri": component.get("purl", ""),
            "digest": {algorithms[item["alg"]]: item["content"] for item in hashes},
        }
        yield {key: value for key, value in resource.items() if value}


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
