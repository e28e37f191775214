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
import stat
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._files import FILE, sha256_file, write_files
from ansible_collections.airgap.conda.plugins.module_utils._payload import FORMATS, PART_SIZE, walk, write_payloads
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
            digest.update(line.encode())
        return digest.hexdigest()


def _states(prefix: Path) -> Iterator[str]:
    for path in walk(prefix):
        status = os.lstat(prefix / path)
        # Reading an environment changes nothing in it, but a directory's time changes with what Python caches.
        state = [] if stat.S_ISDIR(status.st_mode) else [status.st_size, status.st_mtime_ns]
        yield json.dumps([path, status.st_mode, *state])


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
    if request.part_size < 1:
        raise AirgapError(
            "The size of a part is too small",
            wanted="one byte or more",
            found=str(request.part_size),
            where="part_size",
            remedy="leave it out, or give a number of bytes such as 67108864",
        )
    dest = request.dest
    is_ours = not dest.exists() or (dest.is_dir() and ((dest / PACK).is_file() or not any(dest.iterdir())))
    if not is_ours or request.prefix == dest or request.prefix in dest.parents:
        raise AirgapError(
            "The folder for the pack would be replaced, and holds something else",
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
        whole = (dest / FILES).is_file() and all((dest / name).stat().st_size == size for name, size in sizes)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return result if whole else {}


def pack(request: PackRequest) -> dict[str, Any]:
    """Pack and return the content of pack.json; ``dest`` is replaced whole, or left as it was on an error."""
    check_request(request)
    dest = request.dest
    with os_errors(f"Packing {request.prefix}", dest), ExitStack() as stack:
        # The tree lies beside the prefix, since hard links do not cross file systems.
        tree_parent = stack.enter_context(_temporary_folder(request.prefix.parent))
        dest.parent.mkdir(parents=True, exist_ok=True)
        folder = stack.enter_context(_temporary_folder(dest.parent))
        result = _pack_into(request, tree_parent / "tree", folder)
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
        with warnings.catch_warnings():
            # Its one warning says that the package cache is gone; it would then miss prefixes in binary files.
            warnings.simplefilter("error", UserWarning)
            conda_pack.pack(
                prefix=str(request.prefix), output=str(tree), format="no-archive", dest_prefix=request.dest_prefix
            )
    except (conda_pack.CondaPackException, UserWarning) as error:
        raise AirgapError(
            "conda-pack could not pack the environment",
            wanted="an environment whose files belong to one package each, and the cache it was installed from",
            found=" ".join(str(error).split()),
            where=str(request.prefix),
            remedy="let conda alone, or pip alone, install the packages named here; if the cache is gone, remove the "
            "environment, so that it is made again",
        ) from error
    for path in tree.glob("tmp????????"):  # conda-pack 0.9.2 leaves one empty temporary file at the top
        if path.is_file() and path.stat().st_size == 0:
            path.unlink()
