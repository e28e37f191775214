# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The software bill of materials of a tree: every conda and pip package in it, in CycloneDX."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import DIRECTORY, FILE, FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import normal_name, site_folders
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import read_marker

SBOM = "sbom.cdx.json"
# Files that are named one by one: the library takes the square of their number, 1.5 s for these, 26 s for five times as
# many.
FILES = 1_000
# Longer texts in the field License are the license itself, not its name.
LONGEST_LICENSE = 100
_SPACE = uuid.UUID("b5a1c6a0-6a1c-5c0e-9a53-0a1fa1f1c0da")


@dataclass(frozen=True, order=True)
class Package:
    """One package of a tree. ``manager`` is conda or pip; hashes are lower-case hex of the file it came in.

    ``file`` is the ending of that file (conda, tar.bz2); ``source`` where pip got it from when that is no index.
    """

    manager: str
    name: str
    version: str
    build: str = ""
    channel: str = ""
    subdir: str = ""
    url: str = ""
    file: str = ""
    license: str = ""
    sha256: str = ""
    md5: str = ""
    source: str = ""


def read_records(tree: Path) -> dict[str, dict[str, Any]]:
    """Return the record of each conda package by its path in the tree (``conda-meta/six-1.16.0-0.json``), sorted.

    Files that are not records of packages, or unreadable, are left out.
    """
    records = {}
    for path in sorted((tree / "conda-meta").glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(record, dict) and isinstance(record.get("name"), str):
            records[f"conda-meta/{path.name}"] = record
    return records


def packages_of(tree: Path, prefix: Path, records: Mapping[str, Mapping[str, Any]]) -> list[Package]:
    """Return the packages in a tree, sorted; ``prefix`` is the environment that it was made from.

    That one knows the hashes of the files that pip took, and how its channels are called.
    """
    known = _marked(prefix)
    owned = {str(path) for record in records.values() for path in record.get("files") or ()}
    pip = {(package.name, package.version): package for package in _pip_packages(tree, owned, known)}
    return sorted([*(_conda_package(record, known) for record in records.values()), *pip.values()])


def _marked(prefix: Path) -> dict[tuple[str, str], Mapping[str, str]]:
    try:
        packages = json.loads(read_marker(prefix) or "{}").get("packages", [])
        return {(item["manager"], item["name"]): item for item in packages}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # an environment that something else made


def _conda_package(record: Mapping[str, Any], known: Mapping[tuple[str, str], Mapping[str, str]]) -> Package:
    def text(key: str) -> str:
        return str(record.get(key) or "")

    marked = known.get(("conda", text("name")), {})
    url = text("url")
    return Package(
        "conda",
        text("name"),
        text("version"),
        text("build"),
        marked.get("channel") or _channel_name(text("channel")),
        text("subdir"),
        url,
        next((end for end in ("conda", "tar.bz2") if url.endswith(f".{end}")), ""),
        text("license"),
        text("sha256"),
        text("md5"),
    )


def _channel_name(address: str) -> str:
    path = urlsplit(address).path.strip("/")
    return path.rsplit("/", 1)[-1] if address.startswith("file:") else path


def _pip_packages(tree: Path, owned: set[str], known: Mapping[tuple[str, str], Mapping[str, str]]) -> Iterator[Package]:
    for pattern in ("*.dist-info/METADATA", "*.egg-info/PKG-INFO"):
        for path in sorted(path for folder in site_folders(tree) for path in folder.glob(pattern)):
            if str(path.relative_to(tree)) in owned:
                continue
            metadata = BytesParser().parsebytes(path.read_bytes(), headersonly=True)
            name = normal_name(str(metadata["Name"] or ""))
            if not name:
                continue  # a folder that an interrupted pip left behind
            version = str(metadata["Version"] or "")
            marked = known.get(("pip", name), {})
            sha256 = marked.get("sha256", "") if marked.get("version") == version else ""
            source = _source(path.with_name("direct_url.json"))
            yield Package("pip", name, version, license=_license(metadata), sha256=sha256, source=source)


def _source(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        vcs = found.get("vcs_info")
        return f"{vcs['vcs']}+{found['url']}@{vcs['commit_id']}" if vcs else str(found["url"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


def _license(metadata: Message) -> str:
    """Return the license that a package's METADATA names: the expression, else the field, else the classifiers."""
    expression = str(metadata["License-Expression"] or "")
    field = " ".join(str(metadata["License"] or "").split())
    if expression or (field and field != "UNKNOWN" and len(field) <= LONGEST_LICENSE):
        return expression or field
    classifiers = [str(item) for item in metadata.get_all("Classifier", []) if str(item).startswith("License ::")]
    names = [item.rsplit("::", 1)[-1].strip() for item in classifiers]
    return ", ".join(name for name in names if name != "OSI Approved")


def write_sbom(env: str, release: str, packages: Sequence[Package], files: Sequence[FileEntry] = ()) -> str:
    """Return the text of sbom.cdx.json, CycloneDX 1.6. Equal packages give equal bytes: nothing in it is random.

    ``files`` are those that no package brought, but ``files`` of release.yml.
    """
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    root = Component(name=env, version=release, type=ComponentType.APPLICATION, bom_ref=f"{env}@{release}")
    brought = _listed(files)
    content = json.dumps([env, release, *map(astuple, packages), *((item.path, item.sha256) for item in brought)])
    metadata = BomMetaData(component=root)
    metadata.timestamp = None  # type: ignore[assignment]  # the manifest has the time; the format does not ask for one
    bom = Bom(
        serial_number=uuid.uuid5(_SPACE, hashlib.sha256(content.encode()).hexdigest()),
        metadata=metadata,
        components=[*map(_component, packages), *map(_file_component, brought)],
    )
    bom.register_dependency(root, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _component(package: Package) -> Any:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    if package.manager == "conda":
        names = {"build": package.build, "channel": package.channel, "subdir": package.subdir, "type": package.file}
        purl = PackageURL("conda", None, package.name, package.version, {k: v for k, v in names.items() if v})
    else:
        source = {"vcs_url" if "+" in package.source.partition("://")[0] else "download_url": package.source}
        purl = PackageURL("pypi", None, package.name, package.version, source if package.source else None)
    hashes = {HashAlgorithm.SHA_256: package.sha256, HashAlgorithm.MD5: package.md5}
    where = [ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(package.url))] if package.url else []
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=[HashType(alg=algorithm, content=content) for algorithm, content in hashes.items() if content],
        licenses=_licenses(package.license),
        external_references=where,
    )


def _listed(files: Sequence[FileEntry]) -> list[FileEntry]:
    """Return the files to name one by one; of more than ``FILES`` those that are in no folder, and the folders."""
    found = [file for file in files if file.type == FILE]
    if len(found) <= FILES:
        return found
    folders = {file.path for file in files if file.type == DIRECTORY}
    return [file for file in files if os.path.dirname(file.path) not in folders]


def _file_component(file: FileEntry) -> Any:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    # A name may have bytes that are no UTF-8, and JSON has no other.
    name = os.fsencode(file.path).decode("utf-8", "backslashreplace")
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)] if file.sha256 else []
    return Component(name=name, type=ComponentType.FILE, bom_ref=f"file:{name}", hashes=hashes)


def _licenses(text: str) -> list[Any]:
    """Return a license by its SPDX id or expression where it is one, else by the name that the package gives it."""
    from cyclonedx.contrib.license.factories import LicenseFactory

    return [LicenseFactory().make_from_string(text)] if text else []
