# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The software bill of materials: every package with its address, hashes and license, valid, and the same each time."""

from __future__ import annotations

import json
from dataclasses import replace
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cyclonedx")

from cyclonedx.schema import SchemaVersion
from packageurl import PackageURL

from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import MARKER
from ansible_collections.airgap.conda.plugins.module_utils._pack.sbom import (
    LONGEST_LICENSE,
    Package,
    _license,
    packages_of,
    read_records,
    write_sbom,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

SITE = "lib/python3.11/site-packages"
SHA, MD5 = "a" * 64, "b" * 32
SIX = {
    "name": "six",
    "version": "1.17.0",
    "build": "pyh_0",
    "channel": "https://host.example/conda-forge",
    "subdir": "noarch",
    "url": "https://host.example/conda-forge/noarch/six-1.17.0-pyh_0.conda",
    "license": "MIT",
    "sha256": SHA,
    "md5": MD5,
    "files": [f"{SITE}/six.py", f"{SITE}/six-1.17.0.dist-info/METADATA"],
}


def metadata(name: str, version: str, *lines: str) -> str:
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines]
    return "\n".join(head) + "\n\nA text: with colons\nLicense: none of this counts\n"


def make_tree(folder: Path, more: dict[str, Any] | None = None) -> Path:
    url = {"url": "https://host.example/repo", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}
    tree = {
        "conda-meta/six-1.17.0-pyh_0.json": json.dumps(SIX),
        "conda-meta/history": "",
        "conda-meta/broken.json": "{",
        "conda-meta/list.json": "[]",
        f"{SITE}/six-1.17.0.dist-info/METADATA": metadata("six", "1.17.0"),
        f"{SITE}/Flask_Cors-4.0.dist-info/METADATA": metadata("Flask_Cors", "4.0", "License: MIT"),
        f"{SITE}/tool-1.0.dist-info/METADATA": metadata("tool", "1.0", "License-Expression: MIT OR Apache-2.0"),
        f"{SITE}/tool-1.0.dist-info/direct_url.json": json.dumps(url),
        f"{SITE}/old-0.1.egg-info/PKG-INFO": metadata("old", "0.1"),
        f"{SITE}/left.dist-info/METADATA": "",
    }
    return write_tree(folder, {**tree, **(more or {})})


def packages(tree: Path) -> list[Package]:
    return packages_of(tree, tree, read_records(tree))


def test_every_package_of_both_managers_is_there_once(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    names = [(package.manager, package.name, package.version) for package in packages(tree)]
    assert names == [
        ("conda", "six", "1.17.0"), ("pip", "flask-cors", "4.0"), ("pip", "old", "0.1"), ("pip", "tool", "1.0"),
    ]  # fmt: skip


def test_what_the_environment_says_of_itself_is_used(tmp_path: Path) -> None:
    marker = {
        "packages": [
            {"manager": "conda", "name": "six", "version": "1.17.0", "channel": "main"},
            {"manager": "pip", "name": "flask-cors", "version": "4.0", "sha256": "c" * 64},
            {"manager": "pip", "name": "tool", "version": "0.9", "sha256": "d" * 64},
        ]
    }
    six, cors, _old, tool = packages(make_tree(tmp_path, {MARKER: json.dumps(marker)}))
    assert six.channel == "main"
    assert (cors.sha256, tool.sha256) == ("c" * 64, "")  # another version is another file
    (tmp_path / MARKER).write_text("{", encoding="ascii")
    assert packages(tmp_path)[0].channel == "conda-forge"


def components(text: str) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in json.loads(text)["components"]}


def test_the_bill_has_addresses_hashes_and_licenses(tmp_path: Path) -> None:
    text = write_sbom("demo", "1-1c0ffee5", packages(make_tree(tmp_path)))
    found = components(text)
    six = PackageURL.from_string(found["six"]["purl"])
    assert (six.type, six.name, six.version) == ("conda", "six", "1.17.0")
    assert six.qualifiers == {"build": "pyh_0", "channel": "conda-forge", "subdir": "noarch", "type": "conda"}
    assert {item["alg"]: item["content"] for item in found["six"]["hashes"]} == {"SHA-256": SHA, "MD5": MD5}
    assert found["six"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert found["six"]["externalReferences"] == [{"type": "distribution", "url": SIX["url"]}]
    assert found["flask-cors"]["purl"] == "pkg:pypi/flask-cors@4.0"
    assert found["tool"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    tool = PackageURL.from_string(found["tool"]["purl"])
    assert tool.qualifiers == {"vcs_url": "git+https://host.example/repo@c0ffee"}
    assert "licenses" not in found["old"]
    root = json.loads(text)["metadata"]["component"]
    assert (root["name"], root["version"]) == ("demo", "1-1c0ffee5")


def test_the_bill_is_valid(tmp_path: Path) -> None:
    odd = Package("pip", "odd", "1", license="Some license of our own; see http://x", source="https://host/a.whl")
    text = write_sbom("demo", "1-1c0ffee5", [*packages(make_tree(tmp_path)), odd])
    # It brings jsonschema, which takes a fifth of the time in which all tests are found.
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"MIT"', '"NoSuchLicense"')) is not None


def test_the_same_packages_give_the_same_bytes(tmp_path: Path) -> None:
    found = packages(make_tree(tmp_path))
    text = write_sbom("demo", "1-1c0ffee5", found)
    assert write_sbom("demo", "1-1c0ffee5", packages(make_tree(tmp_path / "again"))) == text
    serials = {json.loads(text)["serialNumber"]}
    for env, release, other in (
        ("demo", "2-1c0ffee5", found),
        ("other", "1-1c0ffee5", found),
        ("demo", "1-1c0ffee5", found[1:]),
        ("demo", "1-1c0ffee5", [replace(found[0], sha256="0" * 64), *found[1:]]),
    ):
        serials.add(json.loads(write_sbom(env, release, other))["serialNumber"])
    assert len(serials) == 5
    assert "timestamp" not in text


@pytest.mark.parametrize(
    ("lines", "license_"),
    [
        (["License-Expression: MIT", "License: something else"], "MIT"),
        (["License: BSD 3-Clause"], "BSD 3-Clause"),
        (["License: UNKNOWN", "Classifier: License :: OSI Approved :: MIT License"], "MIT License"),
        (
            [f"License: {'x' * (LONGEST_LICENSE + 1)}", "Classifier: License :: OSI Approved :: BSD License"],
            "BSD License",
        ),
        (["Classifier: License :: OSI Approved", "Classifier: License :: OSI Approved :: GPL"], "GPL"),
        (["Classifier: License :: A", "Classifier: License :: B", "Classifier: Topic :: C"], "A, B"),
        ([], ""),
    ],
)
def test_licenses_of_wheels(lines: list[str], license_: str) -> None:
    assert _license(Parser().parsestr(metadata("a", "1", *lines))) == license_


def test_a_direct_url_that_says_nothing_is_none(tmp_path: Path) -> None:
    for content in ("{", "[]", "{}", '{"url": 3, "vcs_info": 7}'):
        tree = make_tree(tmp_path / str(len(content)), {f"{SITE}/old-0.1.egg-info/direct_url.json": content})
        found = components(write_sbom("demo", "1-1c0ffee5", packages(tree)))
        assert found["old"]["purl"] == "pkg:pypi/old@0.1"
