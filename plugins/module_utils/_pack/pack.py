# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an environment to payloads: conda-pack rewrites the prefix, we write the archives.

conda-pack's own archives differ at every run and ignore level and threads for tar.zst, so it only makes the tree
(hard links, and rewritten copies of files that contain the prefix) and ``_payload`` packs that.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry, write_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file, walk
from ansible_collections.airgap.conda.plugins.module_utils._environment.brought import brought_into
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import require_plain
from ansible_collections.airgap.conda.plugins.module_utils._environment.records import release_records
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS
from ansible_collections.airgap.conda.plugins.module_utils._pack import sbom as _sbom
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import PART_SIZE, write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._pack.tree import make_tree
from ansible_collections.airgap.conda.plugins.module_utils._requirements.tree import requirements_of
from ansible_collections.airgap.conda.plugins.module_utils._run.aside import aside
from ansible_collections.airgap.conda.plugins.module_utils._secrets import search

PACK = "pack.json"
# Raised when the same environment gives another pack than before.
SCHEMA = 3


@dataclass(frozen=True)
class PackRequest:
    """What to pack: the environment at ``prefix``, to live at ``dest_prefix`` on the hosts, into folder ``dest``.

    ``part_size`` in bytes is the most that one file of a payload holds. ``credentials`` must not be in the tree.
    ``allow`` names findings of the doctor that are let pass.
    """

    prefix: Path
    dest: Path
    dest_prefix: str
    formats: tuple[str, ...] = ("tar.zst",)
    part_size: int = PART_SIZE
    credentials: tuple[str, ...] = field(default=(), repr=False)
    allow: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Name the request and the state of the prefix: equal fingerprints mean equal payloads, searched for the same.

        A file's state is its size, mode and time: conda, pip and editors all change the time of what they write.
        """
        asked = [SCHEMA, self.dest_prefix, self.formats, self.part_size, self.credentials, sorted(self.allow)]
        digest = hashlib.sha256(json.dumps(asked).encode())
        for line in _states(self.prefix):
            digest.update(line)
        return digest.hexdigest()


def _states(prefix: Path) -> Iterator[bytes]:
    for path in walk(prefix):
        status = os.lstat(f"{prefix}/{path}")
        # Reading an environment changes nothing in it, but a directory's time changes with what Python caches.
        state = "" if stat.S_ISDIR(status.st_mode) else f"{status.st_size} {status.st_mtime_ns}"
        yield os.fsencode(f"{path}\0{status.st_mode} {state}\0")


def check_request(request: PackRequest) -> None:
    """Refuse what conda-pack would fail on only after minutes, or not at all."""
    unknown = sorted(set(request.formats) - set(FORMATS))
    if unknown or not request.formats:
        raise AirgapError(
            "A payload format is unknown",
            code="format-unknown",
            wanted=f"one or more of {', '.join(FORMATS)}",
            found=", ".join(unknown) or "none",
            where="formats",
            remedy="correct formats in release.yml",
        )
    for name in request.formats:
        lacking = FORMATS[name].lacks_to_write()
        if lacking:
            raise AirgapError(
                f"This machine cannot make a payload in the format {name}",
                code="format-unwritable",
                wanted=lacking,
                found="none that can be used",
                where="PATH of the task that packs",
                remedy=f"install it on the bastion, or leave {name} out of formats in release.yml",
            )
    if not (request.prefix / "conda-meta").is_dir():
        raise AirgapError(
            "There is no conda environment to pack",
            code="prefix-missing",
            wanted="a conda environment (a folder with conda-meta)",
            found="a folder without conda-meta" if request.prefix.is_dir() else "no such folder",
            where=str(request.prefix),
            remedy="build it first, with airgap.conda.environment or conda",
        )
    require_plain("The destination prefix", request.dest_prefix, "dest_prefix", "choose another root on the hosts")
    if request.part_size < 1:
        raise AirgapError(
            "The size of a part is too small",
            code="part-too-small",
            wanted="one byte or more",
            found=str(request.part_size),
            where="part_size",
            remedy="leave it out, or give a number of bytes such as 33554432",
        )
    dest = request.dest
    is_ours = not dest.exists() or (dest.is_dir() and ((dest / PACK).is_file() or not any(dest.iterdir())))
    if not is_ours or request.prefix == dest or request.prefix in dest.parents:
        raise AirgapError(
            "The folder for the pack contains other files and would be replaced",
            code="pack-folder-taken",
            wanted="a folder outside the environment that is missing, empty or written by an earlier pack",
            found=f"no {PACK} in it" if not is_ours else "a folder in the environment",
            where=str(dest),
            remedy="choose another dest",
        )


def packed(dest: Path) -> dict[str, Any]:
    """Return the result of the last pack into ``dest`` (its pack.json), or nothing when it is not there whole."""
    try:
        result = dict(json.loads((dest / PACK).read_text(encoding="utf-8")))
        sizes = [(part["name"], part["size"]) for payload in result["payloads"] for part in payload["parts"]]
        whole = sha256_file(dest / _sbom.SBOM) == result["sbom_sha256"] and (dest / FILES).is_file()
        whole = whole and all((dest / name).stat().st_size == size for name, size in sizes)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return result if whole else {}


def pack(request: PackRequest, fingerprint: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Pack and return the content of pack.json; ``dest`` is replaced whole, or left as it was on an error.

    ``fingerprint`` is the request's, when the caller has it already.
    """
    check_request(request)
    dest = request.dest
    with os_errors(f"Packing {request.prefix}", dest), ExitStack() as stack:
        # The tree is next to the prefix, because hard links do not cross file systems.
        tree_parent = stack.enter_context(_temporary_folder(request.prefix.parent))
        dest.parent.mkdir(parents=True, exist_ok=True)
        folder = stack.enter_context(_temporary_folder(dest.parent))
        result = _pack_into(request, fingerprint or request.fingerprint(), tree_parent / "tree", folder, progress)
        folder.chmod(0o755)
        shutil.rmtree(dest, ignore_errors=True)
        os.rename(folder, dest)
    return result


@contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".pack-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pack_into(
    request: PackRequest, fingerprint: str, tree: Path, folder: Path, progress: Progress | None
) -> dict[str, Any]:
    make_tree(request.prefix, tree, request.dest_prefix, request.allow)
    release_records(tree)
    search.scrub(tree)
    with aside(lambda: _look(request, tree)) as looked:
        entries, payloads = write_payloads(tree, folder, request.formats, request.part_size, progress)
        if progress:
            progress.say("looking for host requirements and secrets")
        sbom, found = looked()
    _require_kept(request.prefix, entries)
    (folder / _sbom.SBOM).write_text(sbom, encoding="utf-8")
    (folder / FILES).write_bytes(write_files(entries))
    result = {
        "fingerprint": fingerprint,
        "prefix": request.dest_prefix,
        "payloads": [asdict(payload) for payload in payloads],
        "bytes": sum(entry.size for entry in entries),
        "files": len(entries),
        "files_sha256": sha256_file(folder / FILES),
        "sbom_sha256": sha256_file(folder / _sbom.SBOM),
        **found,
    }
    (folder / PACK).write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return result


def _look(request: PackRequest, tree: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of the SBOM, and what pack.json says of requirements and leaks."""
    records = _sbom.read_records(tree)
    names = walk(tree)
    paths = [path for path in names if stat.S_ISREG(os.lstat(f"{tree}/{path}").st_mode)]
    leaks = search.find_leaks(tree, paths, records.values(), request.credentials)
    leaks += search.find_in_names(tree, names, request.credentials)
    requirements = requirements_of(tree, request.prefix, paths, records)
    env, release = request.dest_prefix.split("/")[-2:]
    packages, files = _sbom.packages_of(tree, request.prefix, records), brought_into(request.prefix)
    sbom = _sbom.write_sbom(env, release, packages, files)
    return sbom, {"requirements": asdict(requirements), "leaks": [asdict(leak) for leak in leaks]}


def _require_kept(prefix: Path, entries: Sequence[FileEntry]) -> None:
    """Raise AirgapError when something that ``files`` of release.yml brought is not in the release as it was."""
    packed_as = {entry.path: entry for entry in entries}
    wrong = [entry for entry in brought_into(prefix) if packed_as.get(entry.path) != entry]
    if wrong:
        found = packed_as.get(wrong[0].path)
        raise AirgapError(
            "A file that release.yml brings would not arrive as it is",
            wanted="; ".join(f"{entry.path} with sha256 {entry.sha256}" for entry in wrong[:3]),
            found=f"sha256 {found.sha256}, changed while it was packed" if found else "it was left out",
            where=str(prefix / wrong[0].path),
            remedy="take the path of the build folder, byte code and addresses with passwords out of it, or bring an "
            "archive of it",
            code="file-not-kept",
        )
