# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The virtual machine of the power cuts where KVM does not work: with a program in the place of qemu."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "faults"))

import vm

WORDS = "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x0"
# What qemu does with KVM where it ends at once, and where it starts but no kernel comes up.
AT_ONCE = f'if "kvm" in sys.argv: sys.exit({WORDS!r})'
LATER = 'if "kvm" in sys.argv and "stdio" in sys.argv: sys.exit(0)\nif "kvm" in sys.argv: line = None'
QEMU = """\
#!{python}
import re, socket, sys
line = {{}}
{begin}
def connect(name):
    end = socket.socket(socket.AF_UNIX)
    end.connect(re.search("path=([^,]*/" + name + ")(,|$)", "\\n".join(sys.argv), re.MULTILINE)[1])
    return end
serial, monitor = connect("line"), connect("monitor")
if line is None:
    sys.exit("Could not access KVM kernel module")
serial.sendall(b'{{"ready": true}}\\n')
while monitor.recv(4096):
    monitor.sendall(b'{{"return": {{"status": "completed"}}}}\\n')
"""


def qemu(tmp_path: Path, begin: str) -> None:
    program = tmp_path / vm.QEMU
    program.write_text(QEMU.format(python=sys.executable, begin=begin))
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("begin", "says"),
    [
        (AT_ONCE, f"power: KVM does not work here, so the processor is emulated: {WORDS}\n"),
        (LATER, "power: No kernel starts with KVM here, so the processor is emulated: qemu did not start: "),
    ],
)
def test_where_kvm_fails_the_processor_is_emulated(
    begin: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    qemu(tmp_path, begin)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with vm.Host(tmp_path / "vm", tmp_path / "log", tmp_path, bytes(512), random.Random(1)) as host:  # noqa: S311
        host._boot(tmp_path / "memory")  # noqa: SLF001 - the part of start() that needs no real machine
        assert host._accel == vm.EMULATED  # noqa: SLF001
    assert capfd.readouterr().out.startswith(says)


def test_where_nothing_starts_qemu_s_own_words_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qemu(tmp_path, "sys.exit('no such machine')")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with (
        vm.Host(tmp_path / "vm", tmp_path / "log", tmp_path, bytes(512), random.Random(1)) as host,  # noqa: S311
        pytest.raises(vm.VmError, match=r"qemu did not start: .*no such machine"),
    ):
        host._boot(tmp_path / "memory")  # noqa: SLF001 - the part of start() that needs no real machine
