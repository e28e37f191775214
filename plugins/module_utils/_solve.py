# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the conda packages of a spec: its channels, the target's virtual packages, the solver's verdict in words."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._rattler import load_rattler, repodata_cache, wait_for
from ansible_collections.airgap.conda.plugins.module_utils._release_spec import Target
from ansible_collections.airgap.conda.plugins.module_utils._urls import mask_credentials, without_credentials

# conda's group of channels, below the same alias as every channel that is given by name.
DEFAULTS = ("main", "r")
# The kernel of the oldest hosts that still get conda packages (glibc 2.17's own time). Hosts' kernels are newer, and
# no package in use asks for more.
OLDEST_KERNEL = "3.10"
# A channel's server gets this many more chances, in two to three seconds.
RETRIES = 3


@dataclass(frozen=True)
class Channels:
    """Where packages come from: addresses, paths or names in order of priority.

    ``alias`` is where channels given by name are. ``only`` forbids any other channel: a spec pinned to one
    (``other::package``) is refused instead of fetched from there. ``where`` tells in messages where the list stands.
    """

    names: tuple[str, ...]
    alias: str
    where: str
    only: bool = False

    def address(self, name: str) -> str:
        """Return a channel's address; a name gets the alias before it, a path becomes a file URL."""
        if "://" in name:
            return name.rstrip("/") + "/"
        if name.startswith(("/", "~")):
            return Path(name).expanduser().as_uri().rstrip("/") + "/"
        return f"{self.alias.rstrip('/')}/{name}/"


def solve(specs: Sequence[str], channels: Channels, target: Target, cache: Path, where: str) -> list[Any]:
    """Return the rattler.RepoDataRecords that make the environment, sorted by name.

    ``where`` is the file that the specs stand in, for messages. Raises AirgapError for a channel that cannot be read,
    a package that does not exist and a request that cannot be met.
    """
    names, pinned = _pin(specs, channels, where)
    request = _Request(specs, pinned, names, channels, target, cache, where)
    return sorted(wait_for(request.run()), key=lambda record: record.name.normalized)


def virtual_packages(target: Target) -> dict[str, tuple[str, str]]:
    """Return name -> (version, build) of what the hosts have, taken from the target and never from the bastion.

    Only glibc falls back to the bastion's own when the target names none.
    """
    system, machine = target.platform.split("-", 1)
    found = {"__unix": ("0", "0")}
    if system == "linux":
        found["__linux"] = (OLDEST_KERNEL, "0")
        glibc = target.glibc or _own_glibc()
        if glibc:
            found["__glibc"] = (glibc, "0")
    architecture = {"64": "x86_64", "32": "x86"}.get(machine, machine)
    found["__archspec"] = ("1", (target.cpu or architecture).replace("-", "_"))
    if target.cuda:
        found["__cuda"] = (target.cuda, "0")
    return found


def _own_glibc() -> str | None:
    try:
        version = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None
    return version.split()[-1] if version else None


def _pin(specs: Sequence[str], channels: Channels, where: str) -> tuple[list[str], list[str]]:
    """Return the channels to read and the specs with ``channel::package`` turned into ``address::package``.

    Like conda, a channel that only a pin names is read too, last. The address is needed because a bare name would
    always mean the public channel, never a mirror of it.
    """
    names, pinned = list(channels.names), []
    for spec in specs:
        channel, separator, rest = spec.rpartition("::")
        if not separator or (channel == "defaults" and channel in names):
            pinned.append(spec)
            continue
        match = next((name for name in names if _is_channel(channels.address(name), channel, channels)), None)
        if match is None:
            if channels.only:
                raise AirgapError(
                    f"The spec takes {rest.split()[0]} from a channel that is not given",
                    wanted=f"a channel whose address ends in /{mask_credentials(channel)}",
                    found=mask_credentials(", ".join(names)),
                    where=where,
                    remedy=f"add a copy of that channel to {channels.where}, or remove '{mask_credentials(channel)}::' "
                    "from the spec",
                )
            match = channel
            names.append(channel)
        pinned.append(spec if match == "defaults" else f"{channels.address(match)}::{rest}")
    return names, pinned


def _is_channel(address: str, name: str, channels: Channels) -> bool:
    if "://" in name or name.startswith("/"):
        return without_credentials(address) == without_credentials(channels.address(name))
    return urlsplit(address).path.rstrip("/").endswith(f"/{name}")


class _Request:
    """One solve, and the search for the cause when it fails."""

    def __init__(
        self,
        specs: Sequence[str],
        pinned: list[str],
        names: list[str],
        channels: Channels,
        target: Target,
        cache: Path,
        where: str,
    ) -> None:
        self.rattler, self.specs, self.target, self.where = load_rattler(), specs, target, where
        self.channels_where = channels.where
        self.shown = {name: mask_credentials(name) for name in names}
        self.sources = {name: self._source(name, channels) for name in names if name != "nodefaults"}
        self.platforms = [target.platform, "noarch"]
        self.match = [self._parse(written, spec) for written, spec in zip(specs, pinned)]
        self.folder = repodata_cache(cache)
        self.gateway = self._gateway()

    def _source(self, name: str, channels: Channels) -> Any:
        failures = self.rattler.exceptions

        def channel(part: str) -> Any:
            return self.rattler.Channel(channels.address(part))

        try:
            if name.startswith("."):
                raise ValueError("a relative path")
            if name == "defaults":
                return self.rattler.MultiSource(name, [channel(part) for part in DEFAULTS])
            return channel(name)
        except (failures.InvalidChannelError, failures.InvalidUrlError, ValueError) as error:
            raise AirgapError(
                "A channel's name cannot be understood",
                wanted="a name such as conda-forge, a URL or an absolute path",
                found=f"'{self.shown[name]}', {_one_line(str(error))}",
                where=self.channels_where,
                remedy="correct the channel",
            ) from None

    def _parse(self, written: str, spec: str) -> Any:
        try:
            return self.rattler.MatchSpec(spec)
        except self.rattler.exceptions.InvalidMatchSpecError as error:
            raise AirgapError(
                "A dependency cannot be understood",
                wanted="conda's notation, such as 'numpy 1.26.*' or 'conda-forge::numpy >=1.26,<2'",
                found=f"'{mask_credentials(written)}': {_one_line(str(error))}",
                where=self.where,
                remedy="correct the entry under 'dependencies'",
            ) from error

    def _gateway(self) -> Any:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AirgapError(
                "The cache cannot be written",
                wanted="a directory for packages and indexes",
                found=error.strerror or str(error),
                where=str(self.folder),
                remedy="give another 'cache' or the rights to this one",
            ) from error
        client = self.rattler.Client.default_client(max_retries=RETRIES)
        return self.rattler.Gateway(cache_dir=self.folder, client=client, show_progress=False)

    async def run(self) -> list[Any]:
        rattler = self.rattler
        virtual = [
            rattler.GenericVirtualPackage(
                rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build)
            )
            for name, (version, build) in virtual_packages(self.target).items()
        ]
        try:
            return list(
                await rattler.solve(
                    sources=list(self.sources.values()),
                    specs=self.match,
                    gateway=self.gateway,
                    platforms=self.platforms,
                    virtual_packages=virtual,
                    # A channel may name others to be read along with it. The spec alone decides where from.
                    channel_relations="disabled",
                )
            )
        except rattler.exceptions.GatewayError as error:
            raise await self._unreachable(error) from None
        except rattler.exceptions.SolverError as error:
            raise await self._unsolvable(error) from None

    async def _unreachable(self, error: Exception) -> AirgapError:
        """Ask each channel alone, to name the one that failed."""
        client = self.rattler.Client.default_client(max_retries=0)
        self.gateway = self.rattler.Gateway(cache_dir=self.folder, client=client)
        shown, cause = "one of " + ", ".join(self.shown.values()), error
        for name, source in self.sources.items():
            try:
                await self._records(source, self.match[0])
            except self.rattler.exceptions.GatewayError as own:
                shown, cause = self.shown[name], own
                break
        return AirgapError(
            f"The channel {shown} cannot be read",
            wanted=f"the channel's index for {' and '.join(self.platforms)}",
            found=_one_line(str(cause)),
            where=self.channels_where,
            remedy="check the channel's name, its credentials, the network and any proxy, or name a mirror or a local "
            "copy",
        )

    async def _unsolvable(self, error: Exception) -> AirgapError:
        for written, spec in zip(self.specs, self.match):
            versions = await self._versions(spec)
            if versions is None:
                return self._absent(written, spec)
            if not versions[0]:
                return self._no_version(written, versions[1])
        virtual = ", ".join(f"{name} {version}" for name, (version, _build) in virtual_packages(self.target).items())
        return AirgapError(
            "The environment cannot be solved",
            wanted=mask_credentials(", ".join(self.specs)),
            found=mask_credentials(_explanation(str(error))),
            where=self.where,
            remedy="loosen the versions that the solver names, add the channel that has them, or correct the target "
            f"(it stands for {virtual})",
        )

    async def _versions(self, spec: Any) -> tuple[list[str], list[str]] | None:
        """Return the versions that match the spec and all that there are, oldest first; None for an unknown name."""
        name = spec.name.normalized
        records = []
        for source in self.sources.values():
            records += await self._records(source, self.rattler.MatchSpec(name))
        records.sort(key=lambda record: record.version)
        if not records:
            return None
        return _unique(record for record in records if spec.matches(record)), _unique(records)

    async def _records(self, source: Any, spec: Any) -> list[Any]:
        found = await self.gateway.query(
            sources=[source], platforms=self.platforms, specs=[spec], recursive=False, channel_relations="disabled"
        )
        return [record for records in found for record in records]

    def _absent(self, written: str, spec: Any) -> AirgapError:
        return AirgapError(
            f"The package {spec.name.normalized} does not exist in the channels",
            wanted=mask_credentials(written),
            found=f"no package of this name for {' or '.join(self.platforms)} in {', '.join(self.shown.values())}",
            where=self.where,
            remedy="correct the name, add the channel that has it, or move it to the pip section",
        )

    def _no_version(self, written: str, versions: list[str]) -> AirgapError:
        return AirgapError(
            "No version of a package fits the spec",
            wanted=mask_credentials(written),
            found=f"versions {', '.join(versions[-8:])} in {', '.join(self.shown.values())}",
            where=self.where,
            remedy="ask for one of these versions, or add the channel that has the wanted one",
        )


def _unique(records: Any) -> list[str]:
    return list(dict.fromkeys(str(record.version) for record in records))


def _one_line(text: str) -> str:
    return mask_credentials(re.sub(r"\s*\n\s*", "; ", text.strip()))


def _explanation(text: str) -> str:
    return re.sub(r"^Cannot solve the request because of:\s*", "", text.strip())
