# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Explain why there is no solution: every dependency that the channels cannot satisfy, or what hides a package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials
from ansible_collections.airgap.conda.plugins.module_utils._spec.conda import place_of

# How many versions, and how many builds a message lists of one package, the newest ones: an exported file has 200.
SHOWN, BUILDS = 8, 3
# Further searches for the fewest pins that help.
TRIES = 12


class Search(Protocol):
    """What was searched for in vain, and can be asked once more.

    ``specs`` are as they were written and ``match`` as the library has them. ``shown`` has the channels' names as
    people may see them, in order.
    """

    specs: Sequence[str]
    match: list[Any]
    shown: dict[str, str]
    platforms: list[str]
    priority: str
    where: str
    virtual: str

    async def records(self, channel: str, name: str) -> list[Any]:
        """Return all records of a name in one channel."""

    async def again(self, pins: Mapping[str, str], priority: str) -> list[Any] | None:
        """Search with the specs of the names in ``pins`` replaced by ``channel::…``; None in vain."""

    def home(self, record: Any) -> str:
        """Return the name of the channel that a record comes from, empty when it cannot be told."""

    def without_build(self, spec: Any) -> Any:
        """Return what asks for the same in any build."""


class Why:
    """The search for the reason."""

    def __init__(self, search: Search) -> None:
        self._search, self._known = search, dict[str, dict[str, list[Any]]]()
        self._builds: dict[str, str] = {}  # what is there, by line
        self._channels = ", ".join(search.shown.values())

    async def explain(self, explanation: str) -> AirgapError:
        """Return the one error that says what to change; ``explanation`` is the solver's own."""
        faults = Faults()
        for written, spec in zip(self._search.specs, self._search.match):
            with faults.gathered():
                await self._require_any(written, spec)
        if self._builds:
            faults.found.append(self._without_builds())
        for name in dict.fromkeys(_name(spec) for spec in self._search.match):
            with faults.gathered():
                await self._require_together(name)
        error = faults.error("the dependencies")
        if not error and self._search.priority == "strict" and len(self._search.shown) > 1:
            error = await self._hidden()
        return error or AirgapError(
            "The environment cannot be solved",
            code="unsolvable",
            wanted=mask_credentials(", ".join(self._search.specs)),
            found=mask_credentials(re.sub(r"^Cannot solve the request because of:\s*", "", explanation.strip())),
            where=self._search.where,
            remedy=looser(self._search.virtual),
        )

    def _place(self, *written: str) -> str:
        return place_of(self._search.where, *written)

    async def _all(self, name: str) -> dict[str, list[Any]]:
        """Return all records of a name by channel."""
        if name not in self._known:
            self._known[name] = {channel: await self._search.records(channel, name) for channel in self._search.shown}
        return self._known[name]

    async def _sorted(self, name: str) -> list[Any]:
        found = [record for records in (await self._all(name)).values() for record in records]
        return sorted(found, key=_version)

    async def _require_any(self, written: str, spec: Any) -> None:
        name, channels = _name(spec), self._channels
        records = await self._sorted(name)
        if not records:
            raise AirgapError(
                f"The package {name} does not exist in the channels",
                code="package-unknown",
                wanted=mask_credentials(written),
                found=f"no package of this name for {' or '.join(self._search.platforms)} in {channels}",
                where=self._place(written),
                remedy="correct the name, add a channel that has it, or move it to the pip list",
            )
        if any(spec.matches(record) for record in records):
            return
        builds = await self._other_builds(spec) if spec.build else []
        if builds:
            versions = ", ".join(_versions(builds)[-SHOWN:])
            self._builds[written] = f"{name} {versions} in the builds {_some(str(record.build) for record in builds)}"
            return
        raise AirgapError(
            "No version of a package fits the spec",
            code="version-unknown",
            wanted=mask_credentials(written),
            found=f"versions {', '.join(_versions(records)[-SHOWN:])} in {channels}",
            where=self._place(written),
            remedy="request one of these versions, or add a channel that has the wanted one",
        )

    def _without_builds(self) -> AirgapError:
        """Return the one error for all lines of an exported file whose build is not there."""
        return AirgapError(
            "The channels have these packages, but not the requested builds",
            code="build-unknown",
            wanted=mask_credentials(", ".join(self._builds)),
            found="; ".join(self._builds.values()),
            where=self._place(*self._builds),
            remedy="drop the build strings of these lines, the part after the second = (conda env export --no-builds "
            "writes none)",
        )

    async def _other_builds(self, spec: Any) -> list[Any]:
        """Return what would do if no build were asked for."""
        matching = self._search.without_build(spec)
        return [record for record in await self._sorted(_name(spec)) if matching.matches(record)]

    async def _require_together(self, name: str) -> None:
        """Refuse conditions of several lines for one package, each of which can be met, but not together."""
        lines = [(text, spec) for text, spec in zip(self._search.specs, self._search.match) if _name(spec) == name]
        records = await self._sorted(name)
        apart = all(any(spec.matches(record) for record in records) for _text, spec in lines)
        if len(lines) > 1 and apart and not any(all(spec.matches(r) for _t, spec in lines) for r in records):
            raise AirgapError(
                f"No version of {name} satisfies all lines that request it",
                code="versions-conflict",
                wanted=mask_credentials(" and ".join(text for text, _spec in lines)),
                found=f"versions {', '.join(_versions(records)[-SHOWN:])} in {self._channels}",
                where=self._place(*(text for text, _spec in lines)),
                remedy="keep one of these lines, or widen them until they overlap",
            )

    async def _hidden(self) -> AirgapError | None:
        """Return what to do when there is a solution once a package may come from a later channel than the first."""
        search = self._search
        loose = await search.again({}, "disabled")
        if loose is None:
            return None
        pins = {record.name.normalized: search.home(record) for record in loose if await self._is_hidden(record)}
        written = {name: f"{channel}::{self._written(name)}" for name, channel in pins.items()}
        if not written or await search.again(written, "strict") is None:
            written = {}
        for name in list(written)[:TRIES]:
            fewer = {other: text for other, text in written.items() if other != name}
            if fewer and await search.again(fewer, "strict") is not None:
                written = fewer
        found = [
            f"{name} {_versions(sorted((await self._all(name))[pins[name]], key=_version))[-1]} is in "
            + search.shown[pins[name]]
            for name in written
        ]
        found.append("packages of an earlier channel have precedence, because channel_priority is strict")
        instead = " and ".join(f"'{mask_credentials(text)}'" for text in written.values())
        pin = f"add {instead} to the dependencies, or " if written else ""
        return AirgapError(
            "The order of the channels hides a required package",
            code="channel-order",
            wanted=mask_credentials(", ".join(search.specs)),
            found="; ".join(found),
            where=search.where,
            remedy=f"{pin}set build_channel_priority: disabled, so that the newest version of all channels is taken",
        )

    async def _is_hidden(self, record: Any) -> bool:
        """Tell whether a channel before that of the record has packages of its name."""
        home = self._search.home(record)
        known = await self._all(record.name.normalized)
        before = list(known)[: list(known).index(home)] if home in known else []
        return any(known[channel] for channel in before)

    def _written(self, name: str) -> str:
        """Return what the spec says of a package, without its channel; its name when it says nothing."""
        written = [text for text, spec in zip(self._search.specs, self._search.match) if _name(spec) == name]
        return written[0].rpartition("::")[2] if written else name


def looser(virtual: str, specs: Sequence[str] = (), channels: Sequence[str] = (), priority: str = "") -> str:
    """Return what to do about a request that cannot be met, where only a solver's own words tell why.

    ``virtual`` are the target's virtual packages. ``specs``, ``channels`` and ``priority`` add what they make likely.
    """
    texts = ["relax the versions that the solver names, add a channel that has them"]
    if any(re.search(r"[^=<>!~\s]=[^=\s]*[^=<>!~\s,|]=[^=\s]", spec) for spec in specs):
        texts.append("drop the build strings, the part after the second = (conda env export --no-builds writes none)")
    if priority == "strict" and len(channels) > 1:
        texts.append(
            "pin packages of later channels (channel::name) or set build_channel_priority: disabled, with which the "
            "newest version of all channels is taken"
        )
    return ", ".join(texts) + f", or correct the target (it means {virtual})"


def _name(spec: Any) -> str:
    return str(spec.name.normalized)


def _version(record: Any) -> Any:
    return record.version


def _versions(records: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(record.version) for record in records))


def _some(texts: Iterable[str]) -> str:
    unique = list(dict.fromkeys(texts))
    more = f" and {len(unique) - BUILDS} more" if len(unique) > BUILDS else ""
    return ", ".join(unique[-BUILDS:]) + more
