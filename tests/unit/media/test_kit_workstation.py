# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""install.sh on a workstation: what does not fit there, the guide that a person types, and the removal."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import folder_fault
from ansible_collections.airgap.conda.tests.unit.tiny_kit import (
    ONE,
    SHELLS,
    Place,
    host,
    installed,
    stand_in,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    snapshot,
    write_tree,
)

GUIDE = Path(__file__).parents[3] / "docs/guide/lone-workstation.md"


# --- this workstation ------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_told_before_anything_is_written(place: Place) -> None:
    programs = place.programs("dash")
    before = host(place)
    for name, text, said in (
        ("uname", "echo aarch64", "found:   aarch64"),
        ("df", "printf 'x\\nnone 9 0 9 0%% /\\n'", "found:   9 KiB free"),
        ("id", "echo 4321", "found:   it belongs to user 0" if os.geteuid() == 0 else "found:   it belongs to user"),
    ):
        write_tree(programs.parent, {f"bin/{name}": f"#!/bin/sh\n{text}\n"})
        if name == "id":
            os.chown(place.path, 12, 12) if os.geteuid() == 0 else None
        done = place.install("--yes", str(place.drive))
        (programs / name).unlink()
        os.chown(place.path, os.geteuid(), os.getegid())
        if name != "id":
            assert said in done.stderr, (name, done.stderr)
        assert done.returncode == 1
        assert host(place) == before


def test_a_glibc_that_is_too_old(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(place, monkeypatch)
    place.make("runtime", 2, glibc="2.31")
    place.export()
    place.take()
    for found, status in (("2.4", 1), ("2.30", 1), ("1.99", 1), ("2.31", 0), ("2.100", 0), ("3.0", 0)):
        write_tree(place.programs("dash").parent, {"bin/getconf": f"#!/bin/sh\necho glibc {found}\n"})
        done = place.install("--check", str(place.drive))
        assert done.returncode == status, (found, done.stderr)
        if status:
            assert f"wanted:  glibc 2.31 or newer\n  found:   glibc {found}\n" in done.stderr


@pytest.mark.parametrize("owner", [0, 4321, 99])
@pytest.mark.parametrize("mode", [0o40755, 0o40777, 0o41777, 0o120777, 0o100755])
def test_folders_are_judged_as_preflight_judges_them(place: Place, owner: int, mode: int) -> None:
    write_tree(
        place.programs("dash").parent,
        {
            "bin/stat": f"#!/bin/sh\necho '{owner}:0:{mode:x}:/a b'\n",
            "bin/id": "#!/bin/sh\necho 4321\n",
        },
    )
    fault = folder_fault(owner, 0, mode, 4321)
    done = place.install("--check", str(place.drive), XDG_CONFIG_HOME=str(place.path / "etc"))
    assert (done.returncode == 1) == bool(fault), done.stderr
    if fault:
        assert "Others could exchange what is installed" in done.stderr
        assert fault.rpartition(": ")[2].split(" to ")[0] in done.stderr


def test_a_user_without_root_has_keys_of_their_own(place: Place) -> None:
    write_tree(place.programs("dash").parent, {"bin/id": f"#!/bin/sh\necho {os.geteuid() or 4321}\n"})
    if os.geteuid() == 0:  # as if it were that user's
        write_tree(place.programs("dash").parent, {"bin/stat": "#!/bin/sh\necho '4321:0:41ed:/'\n"})
    done = place.install("--yes", str(place.drive), HOME=str(place.path / "home"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (place.path / "home/.config/airgap-conda/allowed_signers").exists()
    assert not place.pins.exists()


# --- the guide, typed on a workstation -------------------------------------------------------------------------------


def type_in(place: Place, part: str) -> subprocess.CompletedProcess[str]:
    """Type what the guide says, with the paths of the test and the stand-in for the command."""
    for name, target in (("usb", place.drive), ("opt", place.root), ("home", place.path)):
        if not (place.path / name).exists() and not (place.path / name).is_symlink():
            (place.path / name).symlink_to(target)
    text = "".join(re.findall(rf"(?ms)^```sh {part}$(.*?)^```", GUIDE.read_text(encoding="utf-8")))
    for name, here in (("/media/usb", "usb"), ("/opt/conda-envs", "opt"), ("/root", "home")):
        text = text.replace(name, str(place.path / here))
    environment = {"PATH": f"{place.programs('dash')}:{os.environ['PATH']}", "HOME": str(place.path)}
    command = ["dash", "-euc", text]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_guide_leads_from_the_first_drive_to_the_removal(place: Place) -> None:
    line = place.export()["kit"]["lines"][0]
    place.script.unlink()
    done = type_in(place, "workstation-once")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{line}\n")
    installed(place)
    for part, asked in (
        ("workstation", [f"check {place.path}/usb", f"install --yes {place.path}/usb"]),
        ("rollback", ["rollback hello"]),
    ):
        place.log.unlink()
        assert type_in(place, part).returncode == 0
        assert place.asked() == asked
    done = type_in(place, "remove")
    assert (done.returncode, done.stderr) == (0, "")
    assert not place.root.exists()
    assert not place.script.exists()


# --- removal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_removal_leaves_no_trace(place: Place, shell: str) -> None:
    place.programs(shell)
    before = snapshot(place.path)
    assert place.install("--yes", str(place.drive), shell=shell).returncode == 0
    write_tree(place.root, {"demo/current": Path(ONE), f"demo/{ONE}/bin/x": "", ".state/demo/high-water": "1"})
    done = place.install("--remove", "--yes", shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert place.asked()[-1] == "remove demo --yes"
    place.log.unlink()
    assert snapshot(place.path) == before
    assert "nothing to remove" in place.install("--remove", shell=shell).stdout


def test_removal_asks_and_keeps_what_is_not_ours(place: Place) -> None:
    assert place.install("--yes", str(place.drive)).returncode == 0
    before = host(place)
    assert "nobody to ask" in place.install("--remove").stderr
    assert host(place) == before
    write_tree(place.root, {"notes": "mine", "demo/current": Path(ONE), f"demo/{ONE}/bin/x": ""})
    Path(f"{place.log}.fails").touch()
    assert place.install("--remove", "--yes").returncode == 1
    assert place.store.current("runtime") == ONE
    Path(f"{place.log}.fails").unlink()
    done = place.install("--remove", "--yes")
    assert (done.returncode, "found:   notes" in done.stderr) == (1, True)
    assert [path.name for path in place.root.iterdir()] == ["notes"]
    done = place.install("--remove", "--yes")
    assert (done.returncode, "not made by this kit" in done.stderr) == (1, True)
