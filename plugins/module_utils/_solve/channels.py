# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every solver is asked alike: which channels in which order, which pins, and what the target's hosts have."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials, without_credentials
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target

# conda's group of channels, below the same alias as every channel that is given by name.
DEFAULTS = ("main", "r")
# The kernel of the oldest hosts that still get conda packages (glibc 2.17's own time). Hosts' kernels are newer, and
# no package in use asks for more.
OLDEST_KERNEL = "3.10"
PRIORITIES = ("strict", "disabled")
_SUBDIR = re.compile(r"(?P<channel>.+)/(?P<subdir>noarch|(?:linux|osx|win|freebsd|zos|emscripten|wasi)-\w+)/?")


@dataclass(frozen=True)
class Channels:
    """Where packages come from: addresses, paths or names in order of priority.

    ``alias`` is where channels given by name are; without one, names stay names, for a tool that has its own alias.
    ``only`` forbids any other channel: a spec pinned to one (``other::package``) is refused instead of fetched from
    there. ``where`` is the place of the list, for messages. With the ``priority`` strict, a package comes from the
    first channel that has it, in whatever version; disabled, the newest version of all of them is taken.
    """

    names: tuple[str, ...]
    alias: str | None
    where: str
    only: bool = False
    priority: str = "strict"

    def address(self, name: str) -> str:
        """Return a channel's address; a name gets the alias before it, a path becomes a file URL."""
        if "://" in name:
            return name.rstrip("/") + "/"
        if name.startswith(("/", "~")):
            return Path(name).expanduser().as_uri().rstrip("/") + "/"
        return f"{self.alias.rstrip('/')}/{name}/" if self.alias else name

    def pin(self, specs: Sequence[str], where: str) -> tuple[list[str], list[str]]:
        """Return the channels to read and the specs with ``channel::package`` turned into ``address::package``.

        Like conda, a channel that only a pin names is read too, last. The address is needed because a bare name would
        always mean the public channel, never a mirror of it. ``where`` is the file with the specs.
        """
        names, pinned = list(self.names), []
        for spec in specs:
            channel, subdir, rest = pinned_channel(spec)
            if not channel or (channel == "defaults" and channel in names):
                pinned.append(spec)
                continue
            match = next((name for name in names if self.is_channel(self.address(name), channel)), None)
            if match is None:
                if self.only:
                    raise self._shut_out(rest.split()[0], channel, where)
                match = channel
                names.append(channel)
            pinned.append(spec if match == "defaults" else f"{self.address(match)}{subdir}::{rest}")
        return names, pinned

    def is_channel(self, address: str, name: str) -> bool:
        """Tell whether the channel at ``address`` is the one that a spec means by ``name``."""
        if "://" in name or name.startswith("/"):
            return _plain(address) == _plain(self.address(name))
        return f"/{_plain(urlsplit(address).path)}".endswith(f"/{name}")

    def place_of(self, url: str) -> str | None:
        """Return where the archive at ``url`` is to be fetched from now: the same channel can be elsewhere by now.

        It is the channel with this address, else the one of the same name, else the only one there is. None when
        none of them fits and no other channel may be used.
        """
        subdir, file = url.split("/")[-2:]
        channel = posixpath.dirname(posixpath.dirname(url))
        addresses = [self.address(name) for name in self.names if name != "defaults"]
        known = [address for address in addresses if "://" in address]
        if any(_plain(address) == _plain(channel) for address in known):
            return url
        named = [address for address in known if _last(address) == _last(channel)]
        if len(named) != 1 and self.only:
            named = known
        if len(named) == 1:
            return f"{named[0]}{subdir}/{file}"
        return None if self.only else url

    def _shut_out(self, package: str, channel: str, where: str) -> AirgapError:
        return AirgapError(
            f"The spec pins {package} to a channel that is not listed",
            code="channel-not-listed",
            wanted=f"a channel whose URL ends in /{mask_credentials(channel)}",
            found=mask_credentials(", ".join(self.names)),
            where=where,
            remedy=f"add a copy of that channel to {self.where}, or remove '{mask_credentials(channel)}::' "
            "from the spec",
        )


def pinned_channel(spec: str) -> tuple[str, str, str]:
    """Return the channel of ``channel::package`` or ``channel/linux-64::package``, the folder in it, and the rest.

    Without a channel, the first two are empty.
    """
    channel, _separator, rest = spec.rpartition("::")
    match = _SUBDIR.fullmatch(channel)
    return (match["channel"], match["subdir"], rest) if match else (channel, "", rest)


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


def _plain(address: str) -> str:
    return without_credentials(address).strip("/")


def _last(address: str) -> str:
    return _plain(address).rsplit("/", 1)[-1]
