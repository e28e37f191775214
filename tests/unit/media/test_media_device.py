# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The device of an encrypted drive: what there is to do with it, and what must never be done."""

from __future__ import annotations

import json
import os
import stat
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._media import device
from ansible_collections.airgap.conda.plugins.module_utils._media.device import Request, look_at
from ansible_collections.airgap.conda.plugins.module_utils._run.process import Outcome

STICK = "/dev/disk/by-id/usb-Ultra-0:0"
CONTENT = "Ultra 4C53, 1000 bytes, dos, vfat MY PHOTOS 12-34"


class System:
    """What lsblk, blkid and the kernel say of one stick, /dev/sdx, with one partition."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.part: dict[str, Any] = {"name": "/dev/sdx1", "type": "part", "size": 900, "mountpoint": None}
        self.stick: dict[str, Any] = {
            "name": "/dev/sdx", "type": "disk", "size": 1000, "model": "Ultra ", "serial": "4C53", "mountpoint": None,
            "children": [self.part],
        }  # fmt: skip
        self.found = {"/dev/sdx": "PTTYPE=dos\n", "/dev/sdx1": "TYPE=vfat\nLABEL=MY\\ PHOTOS\nUUID=12-34\n"}
        self.mounts: set[str] = set()
        self.is_busy = False
        self.is_open = False
        monkeypatch.setattr(device, "run", self.run)
        # Of the module alone: pytest itself wants the real ones.
        self.os = SimpleNamespace(
            path=SimpleNamespace(
                realpath=lambda path: "/dev/sdx" if path == STICK else path,
                ismount=lambda path: path in self.mounts,
                exists=lambda path: self.is_open and path.startswith("/dev/mapper"),
                basename=os.path.basename,
            ),
            stat=lambda _path: SimpleNamespace(st_mode=stat.S_IFBLK),
            open=self.open,
            close=lambda _handle: None,
            O_RDONLY=os.O_RDONLY,
            O_EXCL=os.O_EXCL,
        )
        monkeypatch.setattr(device, "os", self.os)

    def open(self, _path: str, flags: int) -> int:
        assert flags & os.O_EXCL
        if self.is_busy:
            raise OSError(16, "Device or resource busy")
        return -1

    def run(self, command: list[str], *, deadline: float) -> Outcome:
        if command[0] == "lsblk":
            return Outcome(0, json.dumps({"blockdevices": [self.stick]}), deadline)
        text = self.found.get(command[-1], "")
        return Outcome(0 if text else 2, text, deadline)

    def encrypt(self, name: str = "", mountpoint: str = "", filesystem: str = "ext4") -> None:
        self.found = {"/dev/sdx": "TYPE=crypto_LUKS\nUUID=ab\n"}
        self.stick["children"] = []
        if name:
            self.is_open = True
            child = {"name": f"/dev/mapper/{name}", "type": "crypt", "size": 9, "mountpoint": mountpoint or None}
            self.stick["children"] = [child]
            self.found[f"/dev/mapper/{name}"] = f"TYPE={filesystem}\n" if filesystem else ""
            self.mounts = {mountpoint} - {""}


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    return System(monkeypatch)


def look(**options: Any) -> dict[str, Any]:
    return Request(STICK, "/media/usb", **options).look()


def refused(**options: Any) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        look(**options)
    return caught.value


def test_a_closed_device_is_opened_mounted_and_closed(system: System) -> None:
    system.encrypt()
    done = look()
    wanted = {"path": "/dev/sdx", "create": False, "open": False, "mounted": False, "close": True, "unmount": True}
    assert {name: done[name] for name in wanted} == wanted
    assert (done["mapper"], done["name"]) == ("/dev/mapper/airgap-media", "airgap-media")


@pytest.mark.parametrize(
    ("name", "mountpoint", "close", "unmount"),
    [
        ("mine", "/media/usb", False, False),
        ("mine", "", False, True),
        ("airgap-media", "/media/usb", True, True),
        ("airgap-media", "", True, True),
    ],
)
def test_what_a_person_opened_stays_open(
    system: System, name: str, mountpoint: str, close: bool, unmount: bool
) -> None:
    system.encrypt(name, mountpoint)
    done = look()
    assert (done["open"], done["mounted"]) == (True, bool(mountpoint))
    assert (done["name"], done["close"], done["unmount"], done["filesystem"]) == (name, close, unmount, "ext4")


def test_what_is_mounted_otherwise_is_refused(system: System) -> None:
    system.encrypt("mine", "/mnt")
    assert refused().code == "mounted-elsewhere"
    system.encrypt("mine")
    system.mounts = {"/media/usb"}
    assert refused().code == "place-taken"
    system.encrypt()
    system.is_open, system.mounts = True, set()
    assert refused().code == "mapper-in-use"


def test_consent_names_the_device_and_its_content(system: System) -> None:
    assert look(create=True, erase=CONTENT)["create"]
    for options in ({}, {"create": True}, {"erase": CONTENT}, {"create": True, "erase": CONTENT.lower()}):
        error = refused(**options)
        assert error.code == "not-encrypted"
        assert f'media_luks_erase: "{CONTENT}"' in error.remedy
    system.found["/dev/sdx1"] = "TYPE=ext4\n"  # it has been used otherwise since
    assert refused(create=True, erase=CONTENT).code == "not-encrypted"


@pytest.mark.parametrize("place", ["/", "/home", "[SWAP]"])
def test_what_is_mounted_is_never_overwritten(system: System, place: str) -> None:
    system.part["mountpoint"] = place
    error = refused(create=True, erase=CONTENT)
    assert (error.code, error.found) == ("drive-in-use", place)


def test_what_the_system_uses_is_never_overwritten(system: System) -> None:
    system.part["children"] = [{"name": "/dev/mapper/vg-root", "type": "lvm", "size": 9, "mountpoint": None}]
    assert refused(create=True, erase=CONTENT).code == "drive-in-use"
    del system.part["children"]
    system.is_busy = True  # mounted where this process does not see it
    assert refused(create=True, erase=CONTENT).code == "drive-in-use"


def test_an_encrypted_device_is_not_created_again(system: System) -> None:
    system.encrypt()
    assert not look(create=True, erase="anything")["create"]


def test_an_opened_device_without_a_file_system_is_formatted_by_consent_only(system: System) -> None:
    system.encrypt("airgap-media", filesystem="")
    assert look(created=True)["format"]
    error = refused(create=True, erase=CONTENT)
    assert error.code == "no-file-system"
    assert look(create=True, erase="Ultra 4C53, 1000 bytes, crypto_LUKS ab")["format"]


@pytest.mark.parametrize("path", ["sdx", "/etc/passwd", "/home/x"])
def test_what_is_no_device_is_refused(system: System, path: str) -> None:
    with pytest.raises(AirgapError) as caught:
        look_at(path)
    assert caught.value.code == "no-device"
    assert system.stick


def test_a_device_that_cannot_be_read_is_refused(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "run", lambda _command, deadline: Outcome(1, "lsblk: not a block device", deadline))
    assert refused().code == "no-device"
    system.os.stat = lambda _path: SimpleNamespace(st_mode=stat.S_IFREG)
    assert refused().found == "something else"
    assert system.stick
