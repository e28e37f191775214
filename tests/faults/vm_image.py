# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the virtual machine is started from: Debian's kernel, a Debian in its memory, and an empty ext4."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests/lab"))

from _common import digest, make_once  # noqa: E402
from _debian import bootstrap  # noqa: E402

SUITE = "bookworm"
# e2fsck for each start; Python as the store needs it.
PACKAGES = ("linux-image-cloud-amd64", "e2fsprogs", "python3-minimal", "python3-zstandard")
# What nothing here reads, in the Debian and among the drivers of its kernel.
LEFT_OUT = re.compile(
    "boot|dev|var|usr/share|usr/lib/(apt|klibc|udev)|usr/bin/(perl.*|udevadm)|usr/lib/[^/]*-linux-gnu/(perl|gconv).*"
    "|usr/lib/modules/[^/]*/kernel/(?!drivers$|lib$)[^/]*|usr/lib/modules/[^/]*/kernel/drivers/(?!block$|virtio$)[^/]*"
)
INIT = """\
#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
modprobe -a virtio_pci virtio_blk
mkdir -p /disk /cargo /tmp
while ! tar -xmf /dev/vdb -C /cargo; do sleep 0.1; done
PYTHONPATH=/cargo/collections python3 -B /cargo/vm_guest.py
poweroff -f
"""
# Debian would make an initrd of its own for the kernel, twice, which takes as long as all else.
NO_INITRD = (
    'cd "$1/usr/sbin" && chroot "$1" dpkg-divert --local --rename --add /usr/sbin/update-initramfs'
    " && ln -s /bin/true update-initramfs"
)
DISK_MIB = 160


def make_system(
    cache: Path,
    name: str = "vm",
    packages: Sequence[str] = PACKAGES,
    init_text: str = INIT,
    left_out: re.Pattern[str] = LEFT_OUT,
) -> Path:
    """Return a folder with the kernel (vmlinuz) and the system in memory (initrd), made if it is not there."""

    def build(scratch: Path) -> None:
        root = scratch / "root"
        docs = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")]
        extra = (*docs, "--dpkgopt=force-unsafe-io", f"--essential-hook={NO_INITRD}")
        bootstrap(SUITE, root, variant="minbase", packages=packages, extra=extra)
        shutil.copyfile(next((root / "boot").glob("vmlinuz-*")), scratch / "vmlinuz")
        init = root / "init"
        init.write_text(init_text, encoding="ascii")
        init.chmod(0o755)
        with open(scratch / "initrd", "wb") as stream:
            for number, path in enumerate(_wanted(root, left_out)):
                stream.write(_member(number, path, path.relative_to(root)))
            stream.write(_header("TRAILER!!!", 0, 0, 0))
        shutil.rmtree(root)

    target = cache / f"{name}-{digest(Path(__file__), init_text, left_out.pattern, *packages)}"
    for old in cache.glob(f"{name}-*"):
        if old != target:
            shutil.rmtree(old)
    return make_once(target, build)


def _wanted(root: Path, left_out: re.Pattern[str]) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        here = Path(folder).relative_to(root)
        for found in (names, files):
            found[:] = [name for name in found if not left_out.fullmatch(str(here / name))]
        yield from (root / here / name for name in (*names, *files))


def _member(number: int, path: Path, name: Path) -> bytes:
    """Return one file as the kernel reads it: a cpio archive of the kind newc."""
    mode = path.lstat().st_mode
    content = b""
    if stat.S_ISLNK(mode):
        content = os.fsencode(os.readlink(path))
    elif stat.S_ISREG(mode):
        content = path.read_bytes()
    elif not stat.S_ISDIR(mode):
        return b""
    return _header(str(name), number + 1, mode, len(content)) + content + b"\0" * (-len(content) % 4)


def _header(name: str, number: int, mode: int, size: int) -> bytes:
    text = os.fsencode(name) + b"\0"
    fields = (number, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(text), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + text
    return header + b"\0" * (-len(header) % 4)


def empty_disk(path: Path) -> bytes:
    """Return an empty ext4 with the settings that a Debian has; ``path`` is used in between."""
    with open(path, "wb") as stream:
        stream.truncate(DISK_MIB << 20)
    command = ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(path)]
    subprocess.run(command, check=True)
    image = path.read_bytes()
    path.unlink()
    return image


def pack(path: Path, contents: Mapping[str, Path]) -> None:
    """Write a tar that the machine reads as a drive: name there -> file or folder here."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, source in contents.items():
            archive.add(source, name, filter=lambda member: None if "__pycache__" in member.name else member)
