# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an environment to payloads: conda-pack rewrites the prefix, we write the archives.

conda-pack's own archives differ at every run and ignore level and threads for tar.zst, so it only makes the tree
(hard links, rewritten copies where the prefix stands in a file) and ``_payload`` packs that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Iterator

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._files import FILE, sha256_file, write_files
from ansible_collections.airgap.conda.plugins.module_utils._payload import FORMATS, PART_SIZE, write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._release import FILES
from ansible_collections.airgap.conda.plugins.module_utils._requirements import glibc_of_tree

PACK = "pack.json"


@dataclass(frozen=True)
class PackRequest:
    """What to pack: the environment at ``prefix``, to live at ``dest_prefix`` on the hosts, into folder ``dest``.

    ``part_size`` in bytes is the most that one file of a payload holds.
    """

    prefix: Path
    dest: Path
    dest_prefix: str
    formats: tuple[str, ...] = ("tar.zst",)
    part_size: int = PART_SIZE

    def fingerprint(self) -> str:
        """Name the request and the state of the prefix: equal fingerprints mean equal payloads.

        A file's state is its size, mode and time: conda, pip and editors all change the time of what they write.
        """
        digest = hashlib.sha256(json.dumps([self.dest_prefix, self.formats, self.part_size]).encode())
        for line in _states(self.prefix):
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def _states(prefix: Path) -> Iterator[str]:
    for folder, names, files in os.walk(prefix):
        names.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            yield f"{os.path.relpath(path, prefix)}\0{status.st_size}\0{status.st_mode}\0{status.st_mtime_ns}\n"


def check_request(request: PackRequest) -> None:
    """Refuse what conda-pack would fail on only after minutes, or not at all."""
    unknown = sorted(set(request.formats) - set(FORMATS))
    if unknown or not request.formats:
        raise AirgapError(
            "A payload format is not known",
            wanted=f"one or more of {', '.join(FORMATS)}",
            found=", ".join(unknown) or "none",
            where="formats",
            remedy="correct formats in release.yml",
        )
    if not (request.prefix / "conda-meta").is_dir():
        raise AirgapError(
            "There is no conda environment to pack",
            wanted="a conda environment (a folder with conda-meta)",
            found="a folder without conda-meta" if request.prefix.is_dir() else "no such folder",
            where=str(request.prefix),
            remedy="build it first, with airgap.conda.environment or conda",
        )
    if not re.fullmatch(r"/[^\s:\"'$`\\]+", request.dest_prefix):
        raise AirgapError(
            "The destination prefix cannot be written into scripts",
            wanted="an absolute path without spaces, quotes and colons",
            found=repr(request.dest_prefix),
            where="dest_prefix",
            remedy="choose another root on the hosts",
        )


def packed(dest: Path) -> dict[str, Any]:
    """Return the result of the last pack into ``dest`` (its pack.json), or nothing when there is none."""
    try:
        return dict(json.loads((dest / PACK).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def pack(request: PackRequest) -> dict[str, Any]:
    """Pack and return the content of pack.json; ``dest`` is replaced whole, or left as it was on an error."""
    check_request(request)
    request.dest.parent.mkdir(parents=True, exist_ok=True)
    # Beside the prefix, since hard links do not cross file systems.
    tree_parent = Path(tempfile.mkdtemp(prefix=".pack-", dir=request.prefix.parent))
    folder = Path(tempfile.mkdtemp(prefix=f".{request.dest.name}-", dir=request.dest.parent))
    try:
        result = _pack_into(request, tree_parent / "tree", folder)
        folder.chmod(0o755)
        shutil.rmtree(request.dest, ignore_errors=True)
        os.rename(folder, request.dest)
    finally:
        shutil.rmtree(tree_parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _pack_into(request: PackRequest, tree: Path, folder: Path) -> dict[str, Any]:
    fingerprint = request.fingerprint()
    _conda_pack(request, tree)
    entries, payloads = write_payloads(tree, folder, request.formats, request.part_size)
    files = [entry for entry in entries if entry.type == FILE]
    glibc, culprit = glibc_of_tree(tree, (entry.path for entry in files if ".so" in entry.path or entry.mode & 0o111))
    (folder / FILES).write_bytes(write_files(entries))
    result = {
        "fingerprint": fingerprint,
        "prefix": request.dest_prefix,
        "payloads": [asdict(payload) for payload in payloads],
        "bytes": sum(entry.size for entry in files),
        "files": len(entries),
        "files_sha256": sha256_file(folder / FILES),
        "requirements": {"glibc": glibc, "glibc_file": culprit},
    }
    (folder / PACK).write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return result


def _conda_pack(request: PackRequest, tree: Path) -> None:
    import conda_pack

    try:
        conda_pack.pack(
            prefix=str(request.prefix), output=str(tree), format="no-archive", dest_prefix=request.dest_prefix
        )
    except (conda_pack.CondaPackException, OSError) as error:
        raise AirgapError(
            "conda-pack could not pack the environment",
            wanted="an environment whose files belong to one package each",
            found=" ".join(str(error).split()),
            where=str(request.prefix),
            remedy="let conda alone, or pip alone, install the packages named here, then build again",
        ) from error
    for path in tree.glob("tmp????????"):  # conda-pack 0.9.2 leaves one empty temporary file at the top
        if path.is_file() and path.stat().st_size == 0:
            path.unlink()
