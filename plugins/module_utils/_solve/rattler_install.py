# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put conda packages into a prefix with the rattler library, whether it solved for them or a lock names them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import write_anew
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler import (
    client,
    load_rattler,
    package_cache,
    wait_for,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage

# Requests for the descriptions of locked packages that run at a time.
AT_ONCE = 8


def install(records: Sequence[Any], packages: Sequence[CondaPackage], prefix: Path, platform: str, cache: Path) -> None:
    """Link the records into ``prefix``, downloading into ``cache`` what is not there yet.

    ``records`` are rattler's for the ``packages``, in the same order. Files are hard links into the cache wherever the
    file system allows: whoever writes into the prefix afterwards must replace a file, never write into it.
    """
    rattler = load_rattler()
    _verify_local(packages)
    call = rattler.install(
        records=list(records),
        target_prefix=prefix,
        # Hash every file of a cached package: a file shared with an older prefix may have been written into there.
        package_cache=rattler.PackageCache.new_layered(
            [package_cache(cache)], validation_mode=rattler.ValidationMode.full()
        ),
        platform=rattler.Subdir(platform),
        client=client(),
        show_progress=False,
    )
    failures = rattler.exceptions
    try:
        wait_for(call)
    except (failures.InstallerError, failures.TransactionError, failures.LinkError, failures.IoError) as error:
        raise install_failed("; ".join(str(error).splitlines()), packages, prefix) from None
    # rattler marks every prefix as a cache, which backup programs skip. A release is not a cache.
    with contextlib.suppress(FileNotFoundError):
        (prefix / "CACHEDIR.TAG").unlink()


def records_of(packages: Sequence[CondaPackage], cache: Path) -> list[Any]:
    """Return rattler's records for packages that a lock names, read from the archives themselves, no index needed."""

    async def collect() -> list[Any]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(package: CondaPackage) -> Any:
            async with gate:
                return await _record(package, cache)

        return list(await asyncio.gather(*(one(package) for package in packages)))

    return wait_for(collect())


async def _record(package: CondaPackage, cache: Path) -> Any:
    rattler = load_rattler()
    known = package_cache(cache) / package.stem
    try:
        if (known / "info" / "index.json").is_file():
            index = rattler.IndexJson.from_package_directory(known)
        elif urlsplit(package.source).scheme == "file":
            index = rattler.IndexJson.from_package_archive(Path(unquote(urlsplit(package.source).path)))
        else:
            index = await rattler.IndexJson.from_remote_url(client(), package.source)
    except (OSError, ValueError, rattler.exceptions.ExtractError) as error:
        raise package_failed(package, str(error)) from None
    if index is None:
        raise package_failed(package, "an archive without info/index.json")
    record = rattler.PackageRecord(
        name=index.name,
        version=str(index.version),
        build=index.build,
        build_number=index.build_number,
        subdir=package.subdir,
        noarch=index.noarch,
        depends=index.depends,
        constrains=index.constrains,
        sha256=bytes.fromhex(package.sha256) if package.sha256 else None,
        md5=bytes.fromhex(package.md5) if package.md5 else None,
        python_site_packages_path=index.python_site_packages_path,
    )
    return rattler.RepoDataRecord(record, package.file, package.source, package.channel)


def _verify_local(packages: Sequence[CondaPackage]) -> None:
    """Compare packages in local channels with what was asked for, which rattler does only for what it downloads."""
    for package in packages:
        url = urlsplit(package.source)
        if url.scheme != "file" or not package.sha256:
            continue
        try:
            found = sha256_file(Path(unquote(url.path)))
        except OSError as error:
            found = error.strerror or str(error)
        if found != package.sha256:
            raise package_failed(package, found if " " in found else f"sha256 {found}")


def install_failed(text: str, packages: Sequence[CondaPackage], prefix: Path) -> AirgapError:
    """Return the one message for a failed install; it names the package that the installer's ``text`` names."""
    if re.search(r"placeholder.*too short|longer than the placeholder", text, re.IGNORECASE | re.DOTALL):
        return AirgapError(
            "The path of the environment on the bastion is too long for a binary file of a package",
            code="prefix-too-long",
            wanted="a prefix that is not longer than the placeholder in the package",
            found=mask_credentials(text),
            where=str(prefix),
            remedy="build in a folder with a shorter path (role build: build_work)",
        )
    for package in packages:
        if re.search(rf"(?<![\w.-]){re.escape(package.stem)}(?![\w-])", text):
            return package_failed(package, text)
    return AirgapError(
        "The conda packages cannot be installed",
        code="install-failed",
        wanted=f"{len(packages)} packages downloaded, complete and linked into the prefix",
        found=mask_credentials(text),
        where=str(prefix),
        remedy="check the network, the free space and the permissions of prefix and cache, then run again",
    )


def package_failed(package: CondaPackage, found: str) -> AirgapError:
    """Return the message for one package that is missing, or another one than the index or the lock says."""
    return AirgapError(
        f"The conda package {package.name} {package.version} cannot be installed",
        code="install-failed",
        wanted=f"{package.file} with {package.hash.replace(':', ' ') or 'any content'}",
        found=mask_credentials(" ".join(found.split())),
        where=mask_credentials(package.source),
        remedy="copy or index the package in its channel again, use a channel with exactly this file, or solve again "
        "with build_update: true",
    )


def copy_inside(prefix: Path, source: str, target: str, where: str) -> None:
    """Copy the file or directory ``source`` to ``target``, both relative to the prefix."""
    origin, goal = prefix / source, prefix / target
    if not origin.exists():
        raise AirgapError(
            "A file to copy is not in the environment",
            code="copy-missing",
            wanted=source,
            found="no such file after the install",
            where=where,
            remedy="correct the entry under 'copies', or add the package that contains the file",
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
    write_anew(goal, origin.read_bytes(), origin.stat().st_mode & 0o777)
