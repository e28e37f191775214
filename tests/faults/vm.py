# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One start of the virtual machine, and talking to it over its serial line."""

from __future__ import annotations

import json
import os
import queue
import random
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from scenes import ENV
from vm_disk import Disk
from vm_image import CHECKOUT, pack

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, make_release, release_id

# Seconds that a machine gets for one answer.
PATIENCE = 120
# Additional read-only drives: the program and the releases of one start.
DRIVES = ("program", "releases")
# New releases for each start, and the files of each.
NEW, FILES = 3, 120
# Bytes of the drive that brings them, always the same.
RELEASES_SIZE = 32 << 20
# Where the store is in the machine.
ROOT = Path("/disk/opt")
# KVM where it works: there are machines with a /dev/kvm on which qemu ends at once, or in which no kernel starts.
KVM, KVM_PATIENCE = ("kvm", "-cpu", "host"), 20
EMULATED = ("tcg,thread=multi", "-cpu", "max")
QEMU = "qemu-system-x86_64"

Message = dict[str, Any]


class PowerCut(Exception):
    """The disk lost its power."""


class VmError(Exception):
    """The machine does not do as it should; no fault of what is tested."""


def accelerator(say: Callable[[str], None]) -> tuple[str, ...]:
    """Return what runs a processor here, found by trying; ``say`` is told, in qemu's words, why it is not KVM."""
    command = [QEMU, "-nodefaults", "-display", "none", "-S", "-accel", *KVM, "-monitor", "stdio"]
    try:
        tried = subprocess.run(
            command, input="quit\n", capture_output=True, text=True, timeout=KVM_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        words = f"qemu did not answer within {KVM_PATIENCE} s"
    else:
        if tried.returncode == 0:
            return KVM
        words = _first_words(tried.stderr, tried.returncode)
    say(f"KVM does not work here, so the processor is emulated: {words}")
    return EMULATED


def _first_words(text: str, status: int) -> str:
    """Return the first line of what a qemu said that ended; the rest follows from it."""
    return next((line for line in text.splitlines() if line.strip()), f"qemu ended with {status} and said nothing")


class Machine:
    """A machine that runs from ``__init__`` to ``kill``; ``folder`` holds its drives and the end of its serial line."""

    def __init__(self, folder: Path, log: Path, system: Path, accel: tuple[str, ...], *options: str) -> None:
        self._events: queue.Queue[Message] = queue.Queue()
        line, monitor = _listen(folder / "line"), _listen(folder / "monitor")
        self._log = open(log, "ab", buffering=0)  # noqa: SIM115 - until kill
        command = [
            *(QEMU, "-nodefaults", "-display", "none", "-no-reboot", "-m", "768", "-accel", *accel),
            *("-kernel", str(system / "vmlinuz"), "-initrd", str(system / "initrd")),
            *("-append", "console=ttyS0 panic=-1 quiet mitigations=off"),
            *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=line,path={folder / 'line'}", "-serial", "chardev:line"),
            *("-chardev", f"socket,id=monitor,path={folder / 'monitor'}", "-mon", "chardev=monitor,mode=control"),
            *("-blockdev", f"driver=nbd,node-name=disk,server.type=unix,server.path={folder / 'disk'}"),
            *("-device", "virtio-blk-pci,drive=disk,write-cache=on"),
        ]
        command += options
        for name in DRIVES:
            command += ["-blockdev", f"driver=file,node-name={name},filename={folder / name}.tar,read-only=on"]
            command += ["-device", f"virtio-blk-pci,drive={name}"]
        said = self._log.tell()
        self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            self._line, self._monitor = self._accept(line), self._accept(monitor)
            self._answers = self._monitor.makefile("rb")
            self._tell("qmp_capabilities")
        except (OSError, VmError) as error:
            self._qemu.kill()
            self._qemu.wait()
            self._log.close()
            words = log.read_bytes()[said:].decode(errors="replace")
            raise VmError(f"qemu did not start: {error or ''} {_first_words(words, self._qemu.returncode)}") from error
        finally:
            line.close()
            monitor.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _accept(self, listener: socket.socket) -> socket.socket:
        """Wait until qemu connects; a qemu that ended is not waited for."""
        end = time.monotonic() + PATIENCE
        while self._qemu.poll() is None and time.monotonic() < end:
            with suppress(TimeoutError):
                return listener.accept()[0]
        raise VmError("it did not connect.")

    def trip(self) -> None:
        """Tell, from any thread, that the power went."""
        self._events.put({"cut": True})

    def _read(self) -> None:
        with self._line.makefile("rb") as stream:
            for line in stream:
                self._note("<", line)
                try:
                    self._events.put(json.loads(line))
                except ValueError:  # cut off in the middle
                    break
        self._events.put({"gone": True})

    def _note(self, way: str, line: bytes) -> None:
        self._log.write(f"{time.strftime('%H:%M:%S')} {way} ".encode() + line)

    def receive(self, patience: float = PATIENCE) -> Message:
        """Return the machine's next message; raises PowerCut, or VmError when none comes."""
        try:
            message = self._events.get(timeout=patience)
        except queue.Empty:
            raise VmError(f"no word for {patience:.0f} s") from None
        if "cut" in message:
            raise PowerCut
        if "gone" in message:
            raise VmError("the machine stopped by itself")
        return message

    def send(self, **message: Any) -> None:
        """Send a message."""
        line = f"{json.dumps(message)}\n".encode()
        self._note(">", line)
        self._line.sendall(line)

    def ask(self, do: str, on_step: Callable[[Message], None] = lambda _message: None, **arguments: Any) -> Message:
        """Let the machine do something and return its answer; ``on_step`` is told each step, and may raise PowerCut."""
        self.send(do=do, **arguments)
        while True:
            message = self.receive()
            if "answer" in message:
                return dict(message["answer"])
            on_step(message)
            self.send(go=True)

    def save(self, path: Path) -> None:
        """Stop the machine and write its memory to ``path``."""
        self._tell("stop")
        self._tell("migrate-set-parameters", {"max-bandwidth": 1 << 40})
        self._tell("migrate", {"uri": f"exec:cat > {shlex.quote(str(path))}"})
        _wait(lambda: self._tell("query-migrate")["status"] == "completed")

    def resume(self) -> None:
        """Go on once the memory is read; before, what is sent would be lost."""
        _wait(lambda: self._tell("query-status")["status"] == "paused")
        self._tell("cont")

    def _tell(self, command: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Give qemu a command and return its answer."""
        self._monitor.sendall(json.dumps({"execute": command, "arguments": arguments or {}}).encode())
        answer: Any = "qemu hung up."
        for line in self._answers:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                break
        raise VmError(f"{command}: {answer}")

    def kill(self) -> list[Message]:
        """End it at once; returns the messages that had been sent and not been read."""
        self._qemu.kill()
        self._qemu.wait()
        self._reader.join()
        left: list[Message] = []
        for end in (self._line, self._monitor, self._answers, self._log):
            end.close()
        while not self._events.empty():
            left.append(self._events.get())
        return left


def _say(text: str) -> None:
    print(f"power: {text}", flush=True)


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.settimeout(0.2)  # then _accept looks whether qemu still runs
    listener.bind(str(path))
    listener.listen()
    return listener


def _wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise VmError(f"not done after {PATIENCE} s")
        time.sleep(0.05)


class Host:
    """The virtual machine and its disk, from start to cut to start.

    It boots once. Its memory is saved before it looks at the disk, and each start goes on from there: a fresh machine
    in a few seconds, also where the processor is emulated.
    """

    def __init__(self, folder: Path, log: Path, system: Path, image: bytes, numbers: random.Random) -> None:
        folder.mkdir()
        self.numbers, self.new = numbers, [""] * NEW
        self.disk = Disk(image, folder / "disk", self._trip)
        self._machine: Machine | None = None
        self._folder, self._log, self._system, self._serial = folder, log, system, 0
        self._accel = accelerator(_say)
        code = "plugins/module_utils"
        program = {f"collections/ansible_collections/airgap/conda/{code}": CHECKOUT / code}
        pack(folder / "program.tar", {**program, "vm_guest.py": Path(__file__).with_name("vm_guest.py")})

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._machine:
            self._machine.kill()
        shutil.rmtree(self._folder)

    @property
    def machine(self) -> Machine:
        """The machine as it runs now."""
        if not self._machine:
            raise VmError("no machine runs")
        return self._machine

    def _trip(self) -> None:
        self.machine.trip()

    def start(self) -> list[str]:
        """Start the machine with new releases at hand; returns what is wrong with its file system."""
        self.new = [release_id(self._serial + number) for number in range(1, NEW + 1)]
        self._serial += NEW
        self._pack()
        self._power_on()
        found = self.machine.ask("mount")
        return [text for text in (found.get("failed"), found.get("e2fsck")) if text]

    def _power_on(self) -> None:
        memory = self._folder / "memory"
        if not memory.exists():
            self._boot(memory)
        self._switch_on("-incoming", f"exec:cat {shlex.quote(str(memory))}")
        self.machine.resume()

    def _boot(self, memory: Path) -> None:
        try:
            self._switch_on()
            self.machine.receive(KVM_PATIENCE if self._accel is KVM else PATIENCE)
            self.machine.save(memory)
            self.cut()
        except VmError as error:
            self.cut()
            if self._accel is EMULATED:
                raise
            _say(f"No kernel starts with KVM here, so the processor is emulated: {error}")
            self._accel = EMULATED
            self._boot(memory)

    def _switch_on(self, *options: str) -> None:
        self.disk.power_on()
        self._machine = Machine(self._folder, self._log, self._system, self._accel, *options)

    def _pack(self) -> None:
        depot, results = self._folder / "depot", {}
        numbers = random.Random(self._serial)  # noqa: S311 - the content of files
        for release in self.new:
            content = {f"lib/d{n % 8}/file{n}": numbers.randbytes(numbers.randrange(24_000)) for n in range(FILES)}
            made = make_release(depot, ROOT, serial_of(release), env=ENV, tree={**TREE, **content}, part_size=300_000)
            results[release] = made.result
        (depot / "releases.json").write_text(json.dumps(results), encoding="utf-8")
        pack(self._folder / "releases.tar", {name: depot / name for name in ("releases.json", ENV)})
        shutil.rmtree(depot)
        os.truncate(self._folder / "releases.tar", RELEASES_SIZE)

    def cut(self) -> tuple[list[Message], dict[str, int]]:
        """Take the power away; returns what the machine had still said, and what was in the disk's cache."""
        self.disk.cut()
        said = self._machine.kill() if self._machine else []
        self._machine = None
        return said, self.disk.power_off(self.numbers)
