# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""manifest.json: it comes back as it was written, and one that contradicts itself is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    Finding,
    Manifest,
    Requirements,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import read_manifest
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import parse_manifest
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, skip_flushes

SHA = "a" * 64


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    skip_flushes(monkeypatch)
    return make_release(tmp_path / "depot", Path("/opt/conda-envs"), 12, formats=("tar.zst", "tar.gz")).manifest


def test_a_manifest_comes_back_as_it_was_written(manifest: Manifest) -> None:
    package = {"manager": "conda", "name": "six", "version": "1.17", "channel": "main"}
    manifest = replace(
        manifest,
        requirements=Requirements(glibc="2.31", gpu_architectures={"torch": ["sm_80"]}),
        target={"platform": "linux-64", "glibc": "2.31"},
        findings=(Finding("x", "error", "y", (package,), "it is known"), Finding("z", "warning", "y")),
    )
    assert parse_manifest(manifest.to_json().encode(), "x") == manifest
    assert manifest.root == "/opt/conda-envs"
    chosen = manifest.payload(["squashfs", "tar.gz", "tar.zst"])
    assert chosen is not None
    assert chosen.format == "tar.gz"
    assert manifest.payload(["squashfs"]) is None


@pytest.mark.parametrize(
    ("name", "serial"),
    [
        ("1-00c0ffee", 1), ("907-12345678", 907), ("", 0), ("current", 0), ("0-12345678", 0), ("01-12345678", 0),
        ("1-1234567", 0), ("1-1234567G", 0), ("1-12345678\n", 0), ("-1-12345678", 0),
    ],
)  # fmt: skip
def test_serials(name: str, serial: int) -> None:
    assert serial_of(name) == serial


def change(data: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    at: Any = data
    for key in parents:
        at = at[int(key) if key.isdecimal() else key]
    if value is KeyError:
        del at[last]
    else:
        at[int(last) if last.isdecimal() else last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("env", "../etc"), ("env", "Demo"), ("env", ""), ("env", 3), ("env", None),
        ("id", "13-0000000c"), ("id", "latest"), ("id", ["12-0000000c"]),
        ("serial", 11), ("serial", "12"), ("serial", True), ("serial", 12.0),
        ("prefix", "/opt/conda-envs/demo/11-0000000b"), ("prefix", "opt/demo/12-0000000c"),
        ("prefix", "/opt/../x/demo/12-0000000c"), ("prefix", ""), ("prefix", 1),
        ("platform", 1), ("bytes", "1"), ("bytes", -1), ("files", -1), ("files_sha256", "x"), ("files_sha256", ""),
        ("payloads", None), ("payloads", {}), ("payloads.0.parts", []), ("payloads.0.format", "tar.gz"),
        ("payloads.0.size", 1), ("payloads.0.sha256", "abc"), ("payloads.0.parts.0.sha256", "../x"),
        ("payloads.0.parts.0.name", "../../etc/passwd"), ("payloads.0.parts.0.name", "env.tar.gz.000"),
        ("payloads.0.parts.0.name", "env.tar.zst.001"), ("payloads.0.parts.0.name", "manifest.json"),
        ("payloads.0.parts.0.name", "env.tar.zst.000\n"), ("payloads.0.parts.0.size", -1),
        ("checks.timeout", 0), ("checks.timeout", "1"), ("checks.imports", [1]), ("checks", None),
        ("checks.timeout", KeyError), ("packages", [1]), ("packages", 1), ("inputs", []), ("requirements", None),
        ("created", KeyError), ("more", 1), ("env", KeyError),
        ("requirements.glibc", 2.31), ("requirements.more", "x"), ("requirements.gpu_architectures", []),
        ("requirements.gpu_architectures", {"torch": "sm_80"}), ("requirements.gpu_architectures", {"torch": [80]}),
        ("target", []), ("target", {"glibc": 2.31}), ("target", KeyError),
        ("findings", [1]), ("findings", [{"name": "x"}]), ("findings", KeyError), ("findings", None),
        ("findings", [{"name": "x", "level": "fatal", "what": "y"}]),
        ("findings", [{"name": "x", "level": "error", "what": "y", "packages": [1]}]),
        ("findings", [{"name": "x", "level": "error", "what": "y", "packages": [{"name": 1}]}]),
        ("documents", []), ("documents", {"conda.lock": "x"}), ("documents", {"conda.lock": None}),
        ("documents", {"../conda.lock": SHA}), ("documents", {"a/b": SHA}), ("documents", {".hidden": SHA}),
        ("documents", {"manifest.json": SHA}), ("documents", {"manifest.json.sig": SHA}),
        ("documents", {"env.tar.zst": SHA}), ("documents", {"files.json.zst": SHA}), ("documents", {"": SHA}),
    ],
)  # fmt: skip
def test_a_manifest_that_contradicts_itself_is_refused(manifest: Manifest, path: str, value: Any) -> None:
    data = json.loads(manifest.to_json())
    change(data, path, value)
    with raised("manifest-unusable") as caught:
        parse_manifest(json.dumps(data).encode(), "depot/manifest.json")
    assert caught.value.where == "depot/manifest.json"


@pytest.mark.parametrize("name", ["latest", "0-0000000c", ""])
def test_no_serial_makes_a_release_of_another_name(manifest: Manifest, name: str) -> None:
    data = json.loads(manifest.to_json()) | {"id": name, "serial": 0, "prefix": f"/opt/conda-envs/demo/{name}"}
    with raised("manifest-unusable", found="id is"):
        parse_manifest(json.dumps(data).encode(), "depot/manifest.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "[" * 100_000, "NaN", '{"schema": 2, "schema": 2}'])
def test_garbage_is_refused(text: str) -> None:
    with raised("manifest-unusable"):
        parse_manifest(text.encode(), "x")


def test_a_manifest_has_an_end(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.loads(manifest.to_json())
    payload: dict[str, Any] = {"format": "tar.zst", "size": 20_000, "sha256": SHA}
    payload["parts"] = [{"name": f"env.tar.zst.{n:03d}", "size": 2, "sha256": SHA} for n in range(10_000)]
    documents = {f"d{number}": SHA for number in range(100)}
    parse_manifest(json.dumps({**data, "payloads": [payload], "documents": documents}).encode(), "x")
    one = {**payload, "size": 1 << 41, "parts": [{"name": "env.tar.zst", "size": 1 << 41, "sha256": SHA}]}
    more = {
        **payload,
        "size": 20_002,
        "parts": [*payload["parts"], {**payload["parts"][0], "name": "env.tar.zst.10000"}],
    }
    for change, says in (
        ({"payloads": [more]}, "number of parts is '10001, more than 10000'"),
        ({"payloads": [one]}, "part is 'env.tar.zst'"),
        ({"documents": {**documents, "more": SHA}}, "number of documents is 101"),
        ({"platform": "x" * 1001}, "text is 'one of more than 1000 characters'"),
        ({"bytes": 10**30}, "a number of 31 digits"),
    ):
        with raised("manifest-unusable") as caught:
            parse_manifest(json.dumps({**data, **change}).encode(), "x")
        assert says in caught.value.found
    (tmp_path / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    assert read_manifest(tmp_path / "manifest.json") == manifest
    monkeypatch.setattr(limits, "MANIFEST", 99)
    with raised("manifest-unusable", found="more than 99"):
        read_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("schema", [0, 1, "2", None])
def test_another_schema_is_refused_as_such(manifest: Manifest, schema: Any) -> None:
    data = {**json.loads(manifest.to_json()), "schema": schema}
    with raised("schema-unknown"):
        parse_manifest(json.dumps(data).encode(), "x")


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with raised("manifest-unusable", found="^missing$") as caught:
        read_manifest(tmp_path / "manifest.json")
    assert caught.value.where == str(tmp_path / "manifest.json")
