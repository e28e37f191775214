# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a manifest.json and a files.json may say. That one keeps the rules does not tell who wrote it: see trust.py."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import fields
from io import BytesIO

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json, typed
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import (
    DIRECTORY,
    FILE,
    MAX_LINKS,
    MODES,
    SYMLINK,
    FileEntry,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    DOCUMENT_NAME,
    FILES,
    MANIFEST,
    PART_NAME,
    SCHEMA,
    SHA256,
    SIGNATURE,
    Checks,
    Manifest,
    Payload,
    is_env_name,
    serial_of,
)


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Turn the bytes of a manifest.json into a Manifest that keeps all rules. Nothing is vouched for by that."""
    try:
        found = parse_json(data.decode("utf-8"))
        schema = found.pop("schema")
        if schema != SCHEMA:
            raise AirgapError(
                "This release was made by another version of airgap.conda",
                code="schema-unknown",
                wanted=f"manifest schema {SCHEMA}",
                found=f"schema {schema}",
                where=where,
                remedy="use the same version of the collection on the bastion and on the controller",
            )
        for kind, values in ((Manifest, found), (Checks, found["checks"])):
            missing = {field.name for field in fields(kind)} - {"gpu"} - set(values)
            if missing:  # the types have defaults for whoever builds
                raise KeyError(min(missing))
        manifest = typed(Manifest, found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise unusable(where, f"{type(error).__name__}: {error}") from error
    _check_values(manifest, where)
    return manifest


def _check_values(manifest: Manifest, where: str) -> None:
    """Refuse a manifest whose names could lead out of its folder, or whose fields disagree with each other."""
    parts = [part for payload in manifest.payloads for part in payload.parts]
    prefix = manifest.prefix
    texts = (manifest.env, manifest.id, prefix, manifest.platform, manifest.created, manifest.gpu)
    faults = {
        "text": max(map(len, texts)) > limits.TEXT and f"one of more than {limits.TEXT} characters",
        "env": not is_env_name(manifest.env) and manifest.env,
        "id": (serial_of(manifest.id) or -1) != manifest.serial and manifest.id,
        "prefix": (not prefix.startswith("/") or posixpath.normpath(prefix) != prefix) and prefix,
        "end of the prefix": not prefix.endswith(f"/{manifest.env}/{manifest.id}") and prefix,
        "payload": next((payload.format for payload in manifest.payloads if not is_whole(payload)), False),
        "payloads": not manifest.payloads and "an empty list",
        "parts": len({part.name for part in parts}) != len(parts) and "a list with a name twice",
        "number of parts": len(parts) > limits.PARTS and f"{len(parts)}, more than {limits.PARTS}",
        "part": next((part.name for part in parts if part.size > limits.PART), False),
        "number of documents": len(manifest.documents) > limits.DOCUMENTS and len(manifest.documents),
        "size": min([manifest.bytes, manifest.files, *(part.size for part in parts)]) < 0 and "negative",
        "sha256": not SHA256.fullmatch(manifest.files_sha256) and manifest.files_sha256,
        "timeout": manifest.checks.timeout < 1 and manifest.checks.timeout,
        "documents": next((item for item in manifest.documents.items() if not _is_document(*item)), False),
    }
    for name, value in faults.items():
        if value is not False:
            raise unusable(where, f"{name} is {value!r}")


def _is_document(name: str, sha256: str) -> bool:
    reserved = name in (MANIFEST, SIGNATURE, FILES) or PART_NAME.fullmatch(name)
    return bool(DOCUMENT_NAME.fullmatch(name) and SHA256.fullmatch(sha256) and not reserved)


def is_whole(payload: Payload) -> bool:
    """Tell whether the parts of a payload are named after it and add up to it."""
    names = [PART_NAME.fullmatch(part.name) for part in payload.parts]
    hashes = [payload.sha256, *(part.sha256 for part in payload.parts)]
    return (
        bool(names)
        and all(name is not None and name["format"] == payload.format for name in names)
        and all(SHA256.fullmatch(sha256) for sha256 in hashes)
        and sum(part.size for part in payload.parts) == payload.size
    )


def read_files(data: bytes, where: str) -> list[FileEntry]:
    """Turn files.json.zst into entries; raises AirgapError for a list that ``write_payloads`` would not have written.

    They can be made below any folder, in their order, without anything landing or leading outside. Nothing is vouched
    for by that.
    """
    import zstandard

    try:
        text = zstandard.ZstdDecompressor().stream_reader(BytesIO(data)).read(limits.FILES + 1)
        if len(text) > limits.FILES:
            raise ValueError(f"more than {limits.FILES} bytes")
        entries = [FileEntry(**item) for item in parse_json(text.decode("utf-8", "surrogateescape"))]
    except (zstandard.ZstdError, ValueError, TypeError) as error:
        raise _no_list(where, f"an unreadable list: {error}") from error
    seen: dict[str, FileEntry] = {}
    for entry in entries:
        fault = _fault(entry, seen)
        if fault:
            raise _no_list(where, f"{entry.path!r}: {fault}")
        seen[entry.path] = entry
    links = {entry.path: entry.target for entry in entries if entry.type == SYMLINK}
    for path, target in links.items():
        if leads_out(path, links):
            raise _no_list(where, f"the link {path!r} to {target!r}, outside the release")
    return entries


def _fault(entry: FileEntry, seen: Mapping[str, FileEntry]) -> str:
    """Say in what an entry is not as ``write_payloads`` makes them; the empty string when it is."""
    values = (entry.path, entry.type, entry.mode, entry.size, entry.sha256, entry.target)
    if [type(value) for value in values] != [str, str, int, int, str, str]:
        return "fields of other types"
    if not is_plain(entry.path):
        return "no path that stays inside the release"
    if entry.path in seen:
        return "listed twice"
    parent = posixpath.dirname(entry.path)
    if parent and (parent not in seen or seen[parent].type != DIRECTORY):
        return "listed without its directory before it"
    if entry.type not in MODES or entry.mode not in MODES[entry.type]:
        return f"type {entry.type} with mode {entry.mode:o}"
    is_file = entry.type == FILE
    if entry.size < 0 or bool(SHA256.fullmatch(entry.sha256)) != is_file or not (is_file or entry.size == 0):
        return f"type {entry.type} with {entry.size} bytes and sha256 {entry.sha256!r}"
    if bool(entry.target) != (entry.type == SYMLINK):
        return f"type {entry.type} with target {entry.target!r}"
    return ""


def unusable(where: str, found: str) -> AirgapError:
    """Return the error for a manifest that is not there or breaks a rule."""
    problem, wanted = "The manifest cannot be used", "a manifest.json written by airgap.conda"
    remedy = "copy the release again from the depot it came from, or build it again"
    return AirgapError(problem, code="manifest-unusable", wanted=wanted, found=found, where=where, remedy=remedy)


def _no_list(where: str, found: str) -> AirgapError:
    return AirgapError(
        "The list of files of this release is not acceptable",
        code="list-unusable",
        wanted="files, directories and links that stay inside the release",
        found=found,
        where=where,
        remedy="do not use this release; build it again on the bastion",
    )


def is_plain(path: str) -> bool:
    """Tell whether a relative path has no ``..``, no control character and can be written on any file system here."""
    if posixpath.normpath(path) != path or path in (".", "..") or path.startswith(("/", "../")):
        return False
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    # A newline in a name breaks every list of names that has one a line.
    return not re.search(r"[\x00-\x1f\x7f]", path)


def leads_out(path: str, links: Mapping[str, str]) -> bool:
    """Tell whether the link at ``path`` leaves the release when it is followed as a kernel does.

    ``links`` are all links of the release with their targets: ``a/..`` is somewhere else when ``a`` is one of them.
    """
    at = path.split("/")[:-1]
    todo = [path.rsplit("/", maxsplit=1)[-1]]
    followed = 0
    while todo:
        name = todo.pop()
        if name == "..":
            if not at:
                return True
            at.pop()
            continue
        if name in ("", "."):
            continue
        target = links.get("/".join([*at, name]))
        if target is None:
            at.append(name)
            continue
        followed += 1
        if not target or target.startswith("/") or "\0" in target:
            return True
        if followed > MAX_LINKS:
            return False  # a chain without an end leads nowhere
        todo.extend(reversed(target.split("/")))
    return False
