# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the conda packages of a spec with the rattler library, and say in words why there are none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import DEFAULTS, Channels, virtual_packages
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler import (
    client,
    load_rattler,
    repodata_cache,
    wait_for,
)
from ansible_collections.airgap.conda.plugins.module_utils._solve.why import Why
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target


def solve(specs: Sequence[str], channels: Channels, target: Target, cache: Path, where: str) -> list[Any]:
    """Return the rattler.RepoDataRecords that make the environment, sorted by name.

    ``where`` is the file with the specs, for messages. Raises AirgapError for a channel that cannot be read,
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
        self.virtual = ", ".join(f"{name} {value}" for name, (value, _build) in virtual_packages(target).items())
        self.shown = {name: mask_credentials(name) for name in names if name != "nodefaults"}
        self.addresses = {
            name: [channels.address(part) for part in (DEFAULTS if name == "defaults" else (name,))]
            for name in self.shown
        }
        self.sources = {name: self._source(name, channels) for name in self.shown}
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
                "A channel's name is invalid",
                code="channel-invalid",
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
                "A dependency is invalid",
                code="dependency-invalid",
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
                code="cache-unwritable",
                wanted="a directory for packages and indexes",
                found=error.strerror or str(error),
                where=str(self.folder),
                remedy="choose another 'cache' or grant permissions on this one",
            ) from error
        return self.rattler.Gateway(cache_dir=self.folder, client=client(), show_progress=False)

    async def run(self) -> list[Any]:
        failures = self.rattler.exceptions
        try:
            return await self._search(self.match, self.priority)
        except failures.GatewayError as error:
            raise await self._unreachable(error) from None
        except failures.SolverError as error:
            raise await Why(self).explain(str(error)) from None

    async def _search(self, match: Sequence[Any], priority: str) -> list[Any]:
        rattler = self.rattler
        virtual = [
            rattler.GenericVirtualPackage(
                rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build)
            )
            for name, (version, build) in virtual_packages(self.target).items()
        ]
        return list(
            await rattler.solve(
                sources=list(self.sources.values()),
                specs=match,
                gateway=self.gateway,
                platforms=self.platforms,
                virtual_packages=virtual,
                channel_priority=getattr(rattler.ChannelPriority, priority.capitalize()),
                # A channel may name others to be read along with it. The spec alone decides where from.
                channel_relations="disabled",
            )
        )

    async def again(self, pins: Mapping[str, str], priority: str) -> list[Any] | None:
        """See _solve_why.Search."""
        kept = [spec for spec in self.match if spec.name.normalized not in pins]
        pinned = []
        for text in pins.values():
            channel, _colons, rest = text.rpartition("::")
            pinned.append(self._parse(text, f"{self.addresses[channel][0]}::{rest}"))
        try:
            return await self._search([*kept, *pinned], priority)
        except self.rattler.exceptions.SolverError:
            return None

    def home(self, record: Any) -> str:
        """See _solve_why.Search."""
        for name, addresses in self.addresses.items():
            if any(record.url.startswith(address) for address in addresses):
                return name
        return ""

    def without_build(self, spec: Any) -> Any:
        """See _solve_why.Search."""
        return self.rattler.MatchSpec(f"{spec.name.normalized} {spec.version or '*'}")

    async def records(self, channel: str, name: str) -> list[Any]:
        """See _solve_why.Search."""
        return await self._records(self.sources[channel], self.rattler.MatchSpec(name))

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
            code="channel-unreadable",
            wanted=f"the channel's index for {' and '.join(self.platforms)}",
            found=_one_line(str(cause)),
            where=self.channels_where,
            remedy="check the channel's name, its credentials, the network and any proxy, or name a mirror or a local "
            "copy",
        )

    async def _records(self, source: Any, spec: Any) -> list[Any]:
        found = await self.gateway.query(
            sources=[source], platforms=self.platforms, specs=[spec], recursive=False, channel_relations="disabled"
        )
        return [record for records in found for record in records]


def _one_line(text: str) -> str:
    return mask_credentials(re.sub(r"\s*\n\s*", "; ", text.strip()))
