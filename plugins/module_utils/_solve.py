# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the conda packages of a spec with the rattler library, and say in words why there are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._channels import DEFAULTS, Channels, virtual_packages
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._rattler import (
    client,
    load_rattler,
    repodata_cache,
    wait_for,
)
from ansible_collections.airgap.conda.plugins.module_utils._release_spec import Target
from ansible_collections.airgap.conda.plugins.module_utils._urls import mask_credentials


def solve(specs: Sequence[str], channels: Channels, target: Target, cache: Path, where: str) -> list[Any]:
    """Return the rattler.RepoDataRecords that make the environment, sorted by name.

    ``where`` is the file that the specs stand in, for messages. Raises AirgapError for a channel that cannot be read,
    a package that does not exist and a request that cannot be met.
    """
    names, pinned = channels.pin(specs, where)
    request = _Request(specs, pinned, names, channels, target, cache, where)
    return sorted(wait_for(request.run()), key=lambda record: record.name.normalized)


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
        self.channels_where, self.priority = channels.where, channels.priority
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
        return self.rattler.Gateway(cache_dir=self.folder, client=client(), show_progress=False)

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
                    channel_priority=getattr(rattler.ChannelPriority, self.priority.capitalize()),
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
        self.gateway = self.rattler.Gateway(cache_dir=self.folder, client=client(max_retries=0))
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
