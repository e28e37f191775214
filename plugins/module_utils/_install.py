# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put solved conda packages into a prefix, and the small things a prefix needs after that."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._files import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._rattler import load_rattler, package_cache, wait_for
from ansible_collections.airgap.conda.plugins.module_utils._urls import mask_credentials, without_credentials


def install(records: Sequence[Any], prefix: Path, platform: str, cache: Path) -> None:
    """Link the records into ``prefix``, downloading into ``cache`` what is not there yet.

    Files are hard links into the cache wherever the file system allows: whoever writes into the prefix afterwards
    must replace a file, never write into it.
    """
    rattler = load_rattler()
    _verify_local(records)
    call = rattler.install(
        records=list(records),
        target_prefix=prefix,
        # Hash every file of a cached package: a file shared with an older prefix may have been written into there.
        package_cache=rattler.PackageCache.new_layered(
            [package_cache(cache)], validation_mode=rattler.ValidationMode.full()
        ),
        platform=rattler.Subdir(platform),
        client=rattler.Client.default_client(),
        show_progress=False,
    )
    failures = rattler.exceptions
    try:
        wait_for(call)
    except (failures.InstallerError, failures.TransactionError, failures.LinkError, failures.IoError) as error:
        raise AirgapError(
            "The conda packages cannot be installed",
            wanted=f"{len(records)} packages downloaded, whole and linked into the prefix",
            found=mask_credentials("; ".join(str(error).splitlines())),
            where=str(prefix),
            remedy="check the network, the free space and the rights of prefix and cache, then run it again",
        ) from None
    # rattler marks every prefix as a cache, which backup programs leave out. A release is none.
    with contextlib.suppress(FileNotFoundError):
        (prefix / "CACHEDIR.TAG").unlink()
    _scrub(prefix)


def _verify_local(records: Sequence[Any]) -> None:
    """Compare packages in local channels with their index, which rattler does only for what it downloads."""
    for record in records:
        url = urlsplit(record.url)
        if url.scheme != "file" or not record.sha256:
            continue
        path = Path(unquote(url.path))
        try:
            found = sha256_file(path)
        except OSError as error:
            found = error.strerror or str(error)
        if found != record.sha256.hex():
            raise AirgapError(
                "A package in a local channel is not the one in its index",
                wanted=f"sha256 {record.sha256.hex()}",
                found=found,
                where=str(path),
                remedy="copy the package again, or index the channel again if the package is meant to be new",
            )


def _scrub(prefix: Path) -> None:
    """Take the channels' credentials out of conda-meta: it is packed and carried to every host."""
    for path in (prefix / "conda-meta").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        clean = {
            key: without_credentials(record[key]) for key in ("url", "channel") if isinstance(record.get(key), str)
        }
        if any(record[key] != value for key, value in clean.items()):
            replace_file(path, json.dumps({**record, **clean}, indent=2).encode("utf-8"))


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file as a new one, so that a package cache that shares the old one keeps its content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=str(path.parent))
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    os.chmod(name, mode)
    os.replace(name, path)


def copy_inside(prefix: Path, source: str, target: str, where: str) -> None:
    """Copy the file or directory ``source`` to ``target``, both relative to the prefix."""
    origin, goal = prefix / source, prefix / target
    if not origin.exists():
        raise AirgapError(
            "A file to copy is not in the environment",
            wanted=source,
            found="no such file after the install",
            where=where,
            remedy="correct the entry under 'copies', or add the package that brings the file",
        )
    if origin.is_dir():
        for path in sorted(origin.rglob("*")):
            if path.is_file():
                copy_inside(
                    prefix,
                    str(path.relative_to(prefix)),
                    str(goal.relative_to(prefix) / path.relative_to(origin)),
                    where,
                )
        return
    replace_file(goal, origin.read_bytes(), origin.stat().st_mode & 0o777)
