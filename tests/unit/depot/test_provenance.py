# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The statement on how a release came about: as in-toto and SLSA want it, true, and the same each time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cyclonedx")

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Manifest
from ansible_collections.airgap.conda.plugins.module_utils._depot.provenance import PROVENANCE, provenance
from ansible_collections.airgap.conda.plugins.module_utils._pack.sbom import SBOM, Package, write_sbom
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

FILES = ({"path": "share/w.bin", "sha256": "b" * 64, "bytes": 3, "files": 1},)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    made = make_release(tmp_path, Path("/opt/conda-envs"), part_size=150).manifest
    return replace(made, inputs={"request_sha256": "d" * 64, "inputs_sha256": "e" * 64})


def documents() -> dict[str, bytes]:
    six = Package("conda", "six", "1.17.0", "py_0", "conda-forge", "noarch", file="conda", sha256="a" * 64)
    sbom = write_sbom("demo", "1-00000001", [six, Package("pip", "dash", "2.9.3")]).encode()
    return {"environment.yml": b"channels: []\n", "conda.lock": b"@EXPLICIT\n", "pip.lock": b"", SBOM: sbom}


def statement(manifest: Manifest) -> dict[str, Any]:
    return dict(json.loads(provenance(manifest, documents(), FILES)))


def test_it_says_what_the_manifest_says(manifest: Manifest) -> None:
    found = statement(manifest)
    assert (found["_type"], found["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    (payload,) = manifest.payloads
    sums = {item["name"]: item["digest"]["sha256"] for item in found["subject"]}
    assert sums == {
        "env.tar.zst": payload.sha256,
        "files.json.zst": manifest.files_sha256,
        **{part.name: part.sha256 for part in payload.parts},
    }
    assert len(payload.parts) > 1
    build, run = found["predicate"]["buildDefinition"], found["predicate"]["runDetails"]
    asked, locks = build["externalParameters"], build["internalParameters"]["locks"]
    assert asked["spec"] == {"environment.yml": {"sha256": hashlib.sha256(b"channels: []\n").hexdigest()}}
    assert asked["files"] == [{"path": "share/w.bin", "sha256": "b" * 64}]
    assert set(locks) == {"conda.lock"}
    assert {item["name"]: (item.get("uri"), item.get("digest")) for item in build["resolvedDependencies"]} == {
        "six": ("pkg:conda/six@1.17.0?build=py_0&channel=conda-forge&subdir=noarch&type=conda", {"sha256": "a" * 64}),
        "dash": ("pkg:pypi/dash@2.9.3", None),
    }
    assert run["metadata"]["startedOn"] == run["metadata"]["finishedOn"] == manifest.created
    assert run["builder"]["id"]


def test_equal_releases_have_equal_statements(manifest: Manifest) -> None:
    assert provenance(manifest, documents(), FILES) == provenance(manifest, documents(), FILES)


def test_the_library_of_in_toto_takes_it(manifest: Manifest) -> None:
    pytest.importorskip("in_toto_attestation")
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement as in_toto
    from in_toto_attestation.v1 import statement_pb2

    found = statement(manifest)
    message = ParseDict(found, statement_pb2.Statement())
    in_toto.Statement.copy_from_pb(message).validate()
    predicate = ParseDict(found["predicate"], provenance_pb2.Provenance())
    assert predicate.build_definition.build_type == found["predicate"]["buildDefinition"]["buildType"]
    assert PROVENANCE == "provenance.intoto.json"
