# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the bastion left in the depot, read without the collection's own code where that is possible."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import zstandard

WORK = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".cache/molecule", os.environ["MOLECULE_SCENARIO_NAME"])
RELEASES = sorted(path.parent for path in WORK.glob("depot/*/*/manifest.json"))


def test_every_build_made_a_release():
    envs = [path.relative_to(WORK / "depot").parts[0] for path in RELEASES]
    assert envs == ["hello", "hello", "hello-new", "runtime"]
    assert [path.name.split("-")[0] for path in RELEASES] == ["1", "2", "1", "1"]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_signature_covers_the_manifest_and_the_manifest_every_file(release):
    command = ["ssh-keygen", "-Y", "verify", "-n", "release@airgap.conda", "-I", "bastion"]
    signature = str(release / "manifest.json.sig")
    text = (release / "manifest.json").read_bytes()
    subprocess.run([*command, "-f", str(WORK / "allowed_signers"), "-s", signature], input=text, check=True)
    manifest = json.loads(text)
    hashes = {part["name"]: part["sha256"] for payload in manifest["payloads"] for part in payload["parts"]}
    hashes["files.json.zst"] = manifest["files_sha256"]
    hashes.update(manifest["documents"])
    for name, sha256 in hashes.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == sha256, name
    names = {"environment.yml", "conda.lock", "pip.lock", "sbom.cdx.json", "provenance.intoto.json"}
    assert set(manifest["documents"]) >= names
    assert {path.name for path in release.iterdir()} == {"manifest.json", "manifest.json.sig", *hashes}


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_payload_is_what_files_json_lists(release):
    listed = json.loads(
        zstandard.ZstdDecompressor().decompressobj().decompress((release / "files.json.zst").read_bytes())
    )
    packed = {}
    parts = sorted(release.glob("env.tar.gz*")) or sorted(release.glob("env.tar.zst*"))
    stream = b"".join(path.read_bytes() for path in parts)
    if parts[0].name.startswith("env.tar.zst"):
        stream = zstandard.ZstdDecompressor().decompressobj().decompress(stream)
        mode = "r:"
    else:
        mode = "r:gz"
    with tarfile.open(fileobj=io.BytesIO(stream), mode=mode) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            packed[member.name] = hashlib.sha256(content.read()).hexdigest() if content else member.linkname
    assert packed == {entry["path"]: entry["sha256"] or entry["target"] for entry in listed}


def test_the_prefix_of_the_second_release_is_its_place_on_the_hosts():
    manifest = json.loads((RELEASES[1] / "manifest.json").read_text())
    assert manifest["prefix"] == f"/opt/conda-envs/hello/{RELEASES[1].name}"
    assert [p["version"] for p in manifest["packages"] if p["name"] == "airgap-hello"] == ["2.0"]


def test_the_locks_name_every_package_with_its_hash():
    lines = (RELEASES[0] / "conda.lock").read_text().splitlines()
    assert "@EXPLICIT" in lines
    packages = [line for line in lines if "#" in line and not line.startswith(("#", "@"))]
    assert len(packages) >= 2
    assert all(len(line.rsplit("#", 1)[1].replace("sha256:", "")) in (32, 64) for line in packages)
