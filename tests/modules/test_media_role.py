# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Role media as users run it: an encrypted drive is opened and always closed, and the next drive is asked for."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE
from ansible_collections.airgap.conda.tests.unit.tiny_luks import DEVICE, PASSPHRASE, Luks
from ansible_collections.airgap.conda.tests.unit.tiny_site import ONE, TWO, make_site

CONTENT = "Ultra 4C53, 33554432 bytes, vfat"
OPEN, MOUNT, UNMOUNT, CLOSE = (
    "luks_device opened",
    "mount ephemeral",
    "mount unmounted",
    "luks_device closed",
)


def _is_block() -> bool:
    return os.geteuid() == 0 and os.path.exists(DEVICE) and stat.S_ISBLK(os.stat(DEVICE).st_mode)


needs_device = pytest.mark.skipif(not _is_block(), reason=f"needs root and {DEVICE}")


def nothing() -> None:
    """Do nothing before an answer is typed."""


class Bastion:
    """A depot, a drive behind an encrypted device, and a play with the role."""

    def __init__(self, folder: Path, **state: Any) -> None:
        self.folder, self.luks = folder, Luks(folder / "luks")
        make_site(folder)
        self.luks.make(**state)

    def play_of(self, action: str, **options: Any) -> Path:
        values = {
            "media_action": action,
            "media_depot": str(self.folder / ("bastion" if action == "export" else "inside")),
            "media_drive": str(self.folder / "drive"),
            "media_allowed_signers": str(self.folder / "key.signers"),
            "media_require_mount": False,
            "media_luks_device": DEVICE,
            **options,
        }
        role = {"role": "airgap.conda.media", "vars": values}
        play = [
            {
                "hosts": "localhost",
                "connection": "local",
                "gather_facts": False,
                "roles": [role],
                "vars": {"ansible_python_interpreter": sys.executable},
            }
        ]
        (self.folder / "play.json").write_text(json.dumps(play), encoding="utf-8")
        return self.folder / "play.json"


@needs_device
def test_an_encrypted_drive_is_opened_and_closed(tmp_path: Path) -> None:
    bastion = Bastion(tmp_path)
    status, said = bastion.luks.play(bastion.play_of("export", media_luks_passphrase=PASSPHRASE), "-vvv")
    assert status == 0, said
    assert bastion.luks.steps() == [OPEN, MOUNT, UNMOUNT, CLOSE]
    asked = [one for one in bastion.luks.log() if isinstance(one["asked"], dict)]
    assert asked[0]["asked"] == {"device": DEVICE, "name": "airgap-media", "state": "opened", "passphrase": PASSPHRASE}
    assert asked[1]["asked"] == {
        "src": "/dev/mapper/airgap-media",
        "path": str(tmp_path / "drive"),
        "fstype": "ext4",
        "opts": "nodev,nosuid,noexec,rw",
        "state": "ephemeral",
    }
    assert PASSPHRASE not in said
    assert not any(PASSPHRASE in one.get("argv", "") for one in bastion.luks.log())
    assert (tmp_path / "drive/depot/demo" / TWO).is_dir()
    # A failed import closes it too, and was not allowed to write.
    (tmp_path / "drive/depot/runtime" / ONE / "manifest.json").write_text("{}", encoding="ascii")
    status, said = bastion.luks.play(bastion.play_of("import", media_luks_passphrase=PASSPHRASE))
    assert status == 2
    assert "The signature of this release is not accepted" in said
    assert bastion.luks.steps()[4:] == [OPEN, MOUNT, UNMOUNT, CLOSE]
    assert [one for one in bastion.luks.log() if one["name"] == "mount"][2]["asked"]["opts"].endswith(",ro")
    assert bastion.luks.state["open"] == bastion.luks.state["mounted"] == ""


@needs_device
def test_a_wrong_passphrase_is_one_clear_error_without_the_passphrase(tmp_path: Path) -> None:
    bastion = Bastion(tmp_path)
    (tmp_path / "keyfile").write_text("not this", encoding="ascii")
    status, said = bastion.luks.play(bastion.play_of("export", media_luks_keyfile=str(tmp_path / "keyfile")))
    assert status == 2
    assert "The encrypted drive cannot be opened. Wanted: " in said
    assert "No key available with this passphrase" in said
    assert bastion.luks.steps()[0] == OPEN
    assert MOUNT not in bastion.luks.steps()
    status, said = bastion.luks.play(bastion.play_of("export"))
    assert status == 2
    assert "There is no passphrase for the encrypted drive. Wanted: " in said
    bastion.luks.state = {**bastion.luks.state, "broken": True}
    status, said = bastion.luks.play(bastion.play_of("export", media_luks_passphrase=PASSPHRASE))
    assert status == 2
    assert "The encrypted drive cannot be mounted. Wanted: " in said
    assert "wrong fs type" in said
    assert bastion.luks.state["open"] == ""


@needs_device
def test_a_drive_that_a_person_opened_stays_as_it_is(tmp_path: Path) -> None:
    bastion = Bastion(tmp_path, open="my-drive", mounted=str(tmp_path / "drive"))
    status, said = bastion.luks.play(bastion.play_of("export"))
    assert status == 0, said
    assert bastion.luks.steps() == []
    # What a killed run left is closed by the next one.
    bastion.luks.state = {**bastion.luks.state, "open": "airgap-media"}
    status, said = bastion.luks.play(bastion.play_of("export"))
    assert status == 0, said
    assert bastion.luks.steps() == [UNMOUNT, CLOSE]


@needs_device
def test_a_drive_is_created_with_a_typed_passphrase_and_exact_consent(tmp_path: Path) -> None:
    bastion = Bastion(tmp_path, luks="", content="vfat", filesystem="")
    status, said = bastion.luks.play(bastion.play_of("export", media_luks_passphrase=PASSPHRASE))
    assert status == 2
    assert "This drive is not encrypted" in said
    assert json.dumps(f'media_luks_erase: "{CONTENT}"')[1:-1] in said
    create: dict[str, Any] = {"media_luks_create": True, "media_filesystem": "exfat"}
    for erase in ("", CONTENT[:-1]):
        play = bastion.play_of("export", media_luks_passphrase=PASSPHRASE, media_luks_erase=erase, **create)
        assert bastion.luks.play(play)[0] == 2
    assert bastion.luks.steps() == []
    status, said = bastion.luks.play(
        bastion.play_of("export", media_luks_erase=CONTENT, media_luks_passphrase=PASSPHRASE, **create), "--check"
    )
    assert (status, bastion.luks.steps()) == (0, [])
    assert "changed=1" in said
    play = bastion.play_of("export", media_luks_erase=CONTENT, **create)
    status, said = bastion.luks.typed(
        play, [("which is created", PASSPHRASE, nothing), ("passphrase again", PASSPHRASE, nothing)], "-vvv"
    )
    assert status == 0, said
    assert PASSPHRASE not in said
    assert bastion.luks.steps() == ["luks_device present", OPEN, MOUNT, UNMOUNT, CLOSE]
    assert bastion.luks.state["filesystem"] == "exfat"
    assert [one["asked"] for one in bastion.luks.log() if one["name"] == "mkfs.exfat"] == [["/dev/mapper/airgap-media"]]
    # The consent is used up: the drive is encrypted now, and only opened.
    status, said = bastion.luks.typed(play, [("Passphrase of", PASSPHRASE, nothing)])
    assert status == 0, said
    assert "changed=0" in said
    assert bastion.luks.steps()[5:] == [OPEN, MOUNT, UNMOUNT, CLOSE]


@needs_device
def test_without_the_collections_there_is_one_error(tmp_path: Path) -> None:
    bastion = Bastion(tmp_path)
    bastion.luks.has_modules = False
    status, said = bastion.luks.play(bastion.play_of("export", media_luks_passphrase=PASSPHRASE))
    assert status == 2
    assert "no ansible.posix and no community.crypto on the controller" in said


ROOM = """\
import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
spec = spec_from_file_location("bytecode", {bytecode!r})
spec.loader.exec_module(module_from_spec(spec))
DRIVE, real = Path({drive!r}), os.statvfs
def room(path):
    if not Path(str(path)).is_relative_to(DRIVE):
        return real(path)
    used = sum(-(-file.stat().st_size // 64) for file in DRIVE.resolve().rglob("*") if file.is_file())
    return SimpleNamespace(f_flag=0, f_frsize=64, f_bavail=66 - used)
os.statvfs = room
"""


def test_the_next_drive_of_a_set_is_asked_for(tmp_path: Path) -> None:
    bastion, place = Bastion(tmp_path), tmp_path / "drive"
    shutil.rmtree(place)
    (tmp_path / "luks/bin/sitecustomize.py").write_text(
        ROOM.format(drive=str(place), bytecode=f"{BYTECODE}/sitecustomize.py"), encoding="ascii"
    )

    def put_in(number: int) -> None:
        drive = tmp_path / f"drive-{number}"
        drive.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(drive)

    export: dict[str, Any] = {"media_luks_device": "", "media_span": True}
    put_in(1)
    status, said = bastion.luks.play(bastion.play_of("export", **export))
    assert status == 0, said
    assert f"Drive 1 of 4 is done. Put in drive 2 or 3 or 4 of 4, please, and mount it at {place}." in said
    swaps = [("in drive 2", "2", lambda: put_in(2)), ("in drive 3", "3", lambda: put_in(3)),
             ("in drive 4", "4", lambda: put_in(4))]  # fmt: skip
    status, said = bastion.luks.typed(bastion.play_of("export", **export), swaps)
    assert status == 0, said
    swaps = [("in drive 1 or 2 or 3", "1", lambda: put_in(1)), ("in drive 2 or 3", "", nothing)]
    status, said = bastion.luks.typed(bastion.play_of("import", media_luks_device=""), swaps)
    assert status == 0, said
    assert "Put in drive 2 or 3 of 4" in said
    assert "drive is missing: drive 2 of 4: demo" in said.replace("\r\n", " ")
    put_in(2)
    swaps = [("in drive 3", "3", lambda: put_in(3))]
    status, said = bastion.luks.typed(bastion.play_of("import", media_luks_device=""), swaps)
    assert status == 0, said
    for env, release in (("demo", TWO), ("runtime", ONE)):
        Depot(tmp_path / "inside").verify(env, release, tmp_path / "key.signers")
