# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The device of an encrypted drive: what is on it, whether it is open and mounted, whether it may be overwritten."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._run.process import run

# The name of a device that is opened by us: what has it was left by a run that was killed, and is ours to close.
NAME = "airgap-media"
LUKS = "crypto_LUKS"
# Seconds for a look at a device.
LOOK = 60.0
COLUMNS = ("NAME", "TYPE", "SIZE", "MODEL", "SERIAL", "MOUNTPOINT")
# What blkid ends with when it finds nothing.
NOTHING = 2

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Device:
    """A device as lsblk tells it, with what is below it."""

    path: str
    node: Node

    @property
    def mapper(self) -> str:
        """Return the path of the opened device; empty while it is closed."""
        return next((str(child["name"]) for child in self.node.get("children", ()) if child["type"] == "crypt"), "")

    @property
    def is_ours(self) -> bool:
        """Tell whether it was opened by a run of this collection."""
        return self.mapper == mapper_path(NAME)

    @property
    def mounted_at(self) -> list[str]:
        """Return where it, or anything on it, is mounted or used for swapping."""
        return [str(node["mountpoint"]) for node in _tree(self.node) if node.get("mountpoint")]

    @property
    def others(self) -> list[str]:
        """Return what the system made of it, but for partitions: volumes, arrays, opened devices."""
        return [str(node["name"]) for node in _tree(self.node) if node is not self.node and node["type"] != "part"]

    @property
    def content(self) -> str:
        """Return in one line which device this is and what is on it, for a person to compare and to repeat."""
        which = " ".join(str(self.node.get(name) or "").strip() for name in ("model", "serial")).strip()
        own = [node for node in _tree(self.node) if node is self.node or node["type"] == "part"]
        pieces = [piece for piece in (_content(str(node["name"])) for node in own) if piece]
        return ", ".join([*([which] if which else []), f"{int(self.node['size'])} bytes", *(pieces or ["nothing"])])

    @property
    def is_encrypted(self) -> bool:
        """Tell whether it is a LUKS device."""
        return probe(self.path).get("TYPE") == LUKS


def mapper_path(name: str) -> str:
    """Return where an opened device is."""
    return f"/dev/mapper/{name}"


def look_at(path: str) -> Device:
    """Return a device; raises AirgapError when it is none."""
    real = os.path.realpath(path)
    if not path.startswith("/dev/") or not real.startswith("/dev/"):
        raise _not_usable(path, "the path of a device, best one of /dev/disk/by-id", "another path", "correct it")
    try:
        status = os.stat(real)
    except OSError as error:
        found = str(error.strerror)
        raise _not_usable(path, "a device", found, "plug the drive in, or correct the path") from error
    if not stat.S_ISBLK(status.st_mode):
        raise _not_usable(path, "a block device", "something else", "correct the path")
    done = run(["lsblk", "--json", "--bytes", "--paths", "--output", ",".join(COLUMNS), real], deadline=LOOK)
    try:
        (node,) = json.loads(done.output)["blockdevices"]
    except (ValueError, KeyError, TypeError) as error:
        raise _not_usable(path, "a device that lsblk shows", done.explain(), "look at it with lsblk") from error
    return Device(real, node)


def probe(path: str) -> dict[str, str]:
    """Return what blkid reads from a device itself: TYPE, LABEL, UUID, PTTYPE and so on."""
    done = run(["blkid", "--probe", "--output", "export", path], deadline=LOOK)
    if not done.ok and done.returncode != NOTHING:
        raise _not_usable(path, "a device that can be read", done.explain(), "run this as root (become: true)")
    return dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)


def _content(path: str) -> str:
    found = probe(path)
    names = ("PTTYPE", "TYPE", "LABEL", "UUID")
    return " ".join(found[name].replace("\\ ", " ") for name in names if name in found)


def _tree(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("children", ()):
        yield from _tree(child)


@dataclass(frozen=True)
class Request:
    """What is wanted of a device: to be mounted at ``drive``; with ``create``, made if it holds what ``erase`` says.

    ``created`` tells that this run has made it.
    """

    device: str
    drive: str
    create: bool = False
    erase: str = ""
    created: bool = False

    def look(self) -> dict[str, Any]:
        """Return what there is to do; raises AirgapError when that must not be done."""
        device = look_at(self.device)
        content, is_encrypted = device.content, device.is_encrypted
        create = not is_encrypted
        if create:
            self._require_consent(device, content, "This drive is not encrypted", "not-encrypted")
            _require_unused(device)
        name = device.mapper or mapper_path(NAME)
        if not device.mapper and os.path.exists(name):
            raise AirgapError(
                "Another encrypted drive is open",
                wanted=f"one drive at a time that is opened as {NAME}",
                found=name,
                where=self.device,
                remedy=f"if no other run is at work, unmount it and close it: cryptsetup close {NAME}",
                code="mapper-in-use",
            )
        mounted = self._is_mounted(device)
        found = probe(device.mapper).get("TYPE", "") if device.mapper else ""
        make = bool(device.mapper) and not found
        if make and not self.created:
            self._require_consent(device, content, "There is nothing on this encrypted drive", "no-file-system")
        return {
            "path": device.path,
            "content": content,
            "create": create,
            "format": make,
            "filesystem": found,
            "mapper": name,
            "name": os.path.basename(name),
            "open": bool(device.mapper),
            "mounted": mounted,
            # What a person opened or mounted stays so.
            "close": not device.mapper or device.is_ours,
            "unmount": not mounted or device.is_ours,
        }

    def _is_mounted(self, device: Device) -> bool:
        drive, at = os.path.realpath(self.drive), device.mounted_at
        if at and drive not in [os.path.realpath(place) for place in at]:
            raise AirgapError(
                "This drive is mounted elsewhere",
                wanted=f"a drive that is mounted at {self.drive}, or not at all",
                found=", ".join(at),
                where=self.device,
                remedy=f"unmount it, or set media_drive to {at[0]}",
                code="mounted-elsewhere",
            )
        if not at and os.path.ismount(drive):
            raise AirgapError(
                "Another drive is mounted in the place of this one",
                wanted=f"nothing at {self.drive}",
                found="a mounted file system that is not on this device",
                where=self.drive,
                remedy="unmount it, or set media_drive to another folder",
                code="place-taken",
            )
        return bool(at)

    def _require_consent(self, device: Device, content: str, problem: str, code: str) -> None:
        """Refuse to overwrite a device unless somebody said so, and what is on it."""
        if self.create and self.erase == content:
            return
        wanted = "an encrypted drive with a file system"
        if self.create:
            wanted = f"consent that names this device and its content, all of which is lost: {content!r}"
        raise AirgapError(
            problem,
            wanted=wanted,
            found=f"media_luks_erase: {self.erase!r}" if self.create else content,
            where=f"{self.device} ({device.path})",
            remedy="use another drive; or, to lose all that is on this one, set media_luks_create: true and "
            f"media_luks_erase: {json.dumps(content, ensure_ascii=False)}",
            code=code,
        )


def _require_unused(device: Device) -> None:
    """Refuse to overwrite what the system uses, whoever consents."""
    used: Sequence[str] = device.mounted_at or device.others
    if not used:
        try:
            # The kernel lets nobody have it alone while it is mounted, in whatever namespace, or part of a volume.
            os.close(os.open(device.path, os.O_RDONLY | os.O_EXCL))
            return
        except OSError as error:
            used = [str(error.strerror)]
    raise AirgapError(
        "This drive is in use",
        wanted="a device that is not mounted, not part of a volume or an array, and not of the system",
        found=", ".join(used),
        where=device.path,
        remedy="check that it is the right device; unmount it, and stop what uses it",
        code="drive-in-use",
    )


def _not_usable(path: object, wanted: str, found: str, remedy: str) -> AirgapError:
    return AirgapError(
        "This device cannot be used", wanted=wanted, found=found, where=str(path), remedy=remedy, code="no-device"
    )
