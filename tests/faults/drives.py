# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drives in a virtual machine: encrypted ones, several in a row, and ones that break or vanish at any step.

The machine has what this one may lack: a device mapper, FAT and exFAT. drives_guest.py runs in it and tells each case.
With community.crypto and ansible.posix at hand (installed with the Python package ``ansible``, or in the folder of
collections that FAULTS_DRIVES_COLLECTIONS names), their modules create, open and close the drives; without them,
cryptsetup does. With ``--long``, or FAULTS_DRIVES_ONLY=playbooks, Ansible and its role media run in the machine too.
FAULTS_DRIVES_ONLY is a pattern for the names of the cases that are tried.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from scenes import Share, World
from tally import Tally
from vm import EMULATED, KVM, KVM_PATIENCE, QEMU, VmError, accelerator
from vm_image import CHECKOUT, make_system, pack

from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, make_key, make_release

PROMISE = (
    "drives in a virtual machine, encrypted, in a row, broken or gone at any step: one error, and the next run goes on"
)
CACHE = CHECKOUT / ".cache/faults"
PACKAGES = (
    *("linux-image-cloud-amd64", "e2fsprogs", "dosfstools", "exfatprogs", "cryptsetup-bin", "dmsetup", "mount"),
    *("openssh-client", "python3", "python3-zstandard"),
)
LEFT_OUT = re.compile(
    "boot|dev|var|usr/share|usr/lib/(apt|klibc|udev)|usr/bin/(perl.*|udevadm)|usr/lib/[^/]*-linux-gnu/(perl|gconv).*"
    "|usr/lib/modules/[^/]*/kernel/(sound|net)|usr/lib/modules/[^/]*/kernel/drivers/(?!block$|virtio$|md$|scsi$)[^/]*"
)
INIT = """\
#!/bin/sh
export PATH=/usr/sbin:/usr/bin HOME=/root DM_DISABLE_UDEV=1 PYTHONPATH=/cargo/collections:/cargo/python
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
modprobe -a virtio_pci virtio_blk virtio_scsi sd_mod dm_mod dm_crypt dm_flakey vfat exfat nls_ascii nls_cp437 nls_utf8
mkdir -p /cargo /tmp /run/cryptsetup /media/usb /root /var/tmp
while ! tar -xmf /dev/vda -C /cargo; do sleep 0.1; done
python3 -B /cargo/drives_guest.py
poweroff -f
"""
# MiB of the disk that the drives are made of; a sparse file.
DISK_MIB = 256
# Seconds for all of it, in the short and in the long form, where the processor is emulated.
LIMIT, LONG = 1800, 7200
FILES, FILE, PART = 36, 400_000, 1 << 20
# The Python of a runtime is that of the machine.
RUNTIME = {"bin/python": '#!/bin/sh\nexec /usr/bin/python3 "$@"\n'}


def run(world: World, share: Share) -> Tally:
    """Run the guest and count what it tells."""
    tally = Tally("drives", PROMISE)
    system = make_system(CACHE, "drives", PACKAGES, INIT, LEFT_OUT)
    folder = world.base / "drives"
    folder.mkdir(parents=True)
    cargo = {**_program(tally), **_site(folder, share.long)}
    pack(folder / "cargo.tar", cargo)
    with open(folder / "disk.img", "wb") as stream:
        stream.truncate(DISK_MIB << 20)
    accel = accelerator(lambda text: print(f"drives: {text}", flush=True))
    ended = False
    try:
        for message in _messages(system, folder, accel, LONG if share.long else LIMIT):
            ended = ended or "end" in message
            if "case" in message:
                tally.case(message["case"], message["faults"])
            tally.counts.update(message.get("counts", {}))
    except VmError as error:
        tally.case("the machine", str(error))
    if not ended:
        tally.case("the machine", f"it did not come to its end; see {CACHE.name}/drives.log")
    return tally


def _program(tally: Tally) -> dict[str, Path]:
    """Return what the guest runs: our collection, and with community.crypto at hand that, ansible.posix and Ansible."""
    found = {path.name: path for path in Path(__file__).parent.glob("drives_*.py")}
    ours = "collections/ansible_collections/airgap/conda"
    ansible = importlib.util.find_spec("ansible")
    site = Path(str(ansible.origin)).parents[1] if ansible else Path()
    place = Path(os.environ.get("FAULTS_DRIVES_COLLECTIONS") or site) / "ansible_collections"
    if ansible is None or not (place / "community/crypto/plugins/modules/luks_device.py").is_file():
        tally.notes.append("community.crypto was not installed: cryptsetup created, opened and closed the drives")
        return {**found, f"{ours}/plugins/module_utils": CHECKOUT / "plugins/module_utils"}
    tally.counts["with community.crypto"] += 1
    for name in ("plugins", "playbooks", "roles", "meta", "galaxy.yml"):
        found[f"{ours}/{name}"] = CHECKOUT / name
    for name in ("community/crypto", "ansible/posix"):
        for part in ("plugins", "meta", "MANIFEST.json"):
            if (place / name / part).exists():
                found[f"collections/ansible_collections/{name}/{part}"] = place / name / part
    for name in ("ansible", "jinja2", "markupsafe", "packaging", "yaml", "_yaml"):
        found[f"python/{name}"] = site / name
    for path in site.glob("jinja2-*.dist-info"):  # Ansible asks for its version
        found[f"python/{path.name}"] = path
    return found


def _site(folder: Path, is_long: bool) -> dict[str, Path]:
    """Make releases with some megabytes of what cannot be compressed, and who signed them."""
    key, signers = make_key(folder)
    tree = {**TREE, **{f"lib/file{number}": os.urandom(FILE) for number in range(FILES)}}
    root = Path("/opt/conda-envs")
    demo = make_release(folder / "bastion", root, 1, tree=tree, part_size=PART)
    runtime = make_release(folder / "bastion", root, 1, env="runtime", tree=RUNTIME, formats=("tar.gz",))
    small = make_release(folder / "bastion", root, 1, env="small", part_size=400)
    for made in (demo, runtime, small):
        signature.sign(made.folder / MANIFEST, key)
    (folder / "options.json").write_text(
        json.dumps({"long": is_long, "only": os.environ.get("FAULTS_DRIVES_ONLY", "")}), encoding="ascii"
    )
    names = ("bastion/demo", "bastion/runtime", "bastion/small", key.name, signers.name, "options.json")
    return {name: folder / name for name in names}


def _messages(system: Path, folder: Path, accel: tuple[str, ...], limit: float) -> Iterator[dict[str, Any]]:
    """Yield what the guest tells; a KVM in which no kernel starts is done without."""
    first = KVM_PATIENCE if accel is KVM else limit
    for message in _start(system, folder, accel, limit, first):
        if message is None:
            yield from filter(None, _start(system, folder, EMULATED, limit, limit))
            return
        yield message


def _start(
    system: Path, folder: Path, accel: tuple[str, ...], limit: float, first: float
) -> Iterator[dict[str, Any] | None]:
    """Start the machine; None says that nothing came within ``first`` seconds."""
    command = [
        *(QEMU, "-nodefaults", "-display", "none", "-no-reboot", "-m", "1536", "-smp", "2", "-accel", *accel),
        *("-kernel", str(system / "vmlinuz"), "-initrd", str(system / "initrd")),
        *("-append", "console=ttyS0 panic=-1 quiet mitigations=off"),
        *("-serial", f"file:{CACHE / 'drives.log'}"),
        *("-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line"),
        *("-blockdev", f"driver=file,node-name=cargo,filename={folder / 'cargo.tar'},read-only=on"),
        *("-device", "virtio-blk-pci,drive=cargo"),
        *("-device", "virtio-scsi-pci,id=scsi"),
        *("-blockdev", f"driver=file,node-name=stick,filename={folder / 'disk.img'}"),
        *("-device", "scsi-hd,drive=stick,bus=scsi.0,serial=STICK1"),
    ]
    end, heard, seen = time.monotonic() + limit, b"", False
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as qemu:
        try:
            handle = qemu.stdout.fileno() if qemu.stdout else -1
            begun = time.monotonic()
            while time.monotonic() < end:
                if not seen and time.monotonic() - begun > first:
                    yield None
                    return
                if not select.select([handle], [], [], 1.0)[0]:
                    continue
                block = os.read(handle, 65536)
                if not block:
                    return
                heard += block
                *lines, heard = heard.split(b"\n")
                for line in lines:
                    with suppress(ValueError):
                        message = json.loads(line)
                        seen = True
                        print(f"drives: {str(message)[:1500]}", flush=True)
                        yield message
            raise VmError(f"no end within {limit:.0f} s")
        finally:
            qemu.kill()
