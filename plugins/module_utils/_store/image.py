# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The image of a release: a file, mounted where a tree would be, by a systemd unit that does so at each start as well.

It comes in an order in which a run may be cut off anywhere: the file gets its name when it is whole, hashed and on
disk; then there is the unit, then the folder, then the mount. It goes in the opposite order. So whatever is there of
an image, the file is, and a next run ends what this one began.
"""

from __future__ import annotations

import hashlib
import os
import string
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    flush_directory,
    make_folder,
    remove_unfinished,
    replace_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._formats import loop
from ansible_collections.airgap.conda.plugins.module_utils._formats.delta import image_blocks
from ansible_collections.airgap.conda.plugins.module_utils._formats.tar import chained

if TYPE_CHECKING:
    from ansible_collections.airgap.conda.plugins.module_utils._run import process

SYSTEMCTL = "systemctl"
# What pulls the units in at a start; a unit that fails is no reason to stop there (Wants, not Requires).
TARGET = "local-fs.target"
UNIT = """\
# Written by airgap.conda for a release that came as an image; removed with it.
[Unit]
Description=conda environment {what}
RequiresMountsFor={file}

[Mount]
What={file}
Where={place}
Type=squashfs
Options=loop,ro,nodev,nosuid

[Install]
WantedBy={target}
"""
# Seconds for a call of systemctl, which waits for the mount.
LIMIT = 120.0
# What a unit's name has as it is; all else becomes a number.
_PLAIN = frozenset(f"{string.ascii_letters}{string.digits}:_.".encode())


@dataclass(frozen=True)
class Image:
    """An image at ``file`` and the folder ``place`` for it; ``mount`` and ``remove`` are for root alone."""

    file: Path
    place: Path

    @property
    def unit(self) -> Path:
        """Return the file of its unit. systemd wants a place without links, and derives the name from it."""
        return loop.UNITS / f"{escaped(_real(self.place))}.mount"

    @property
    def wanted(self) -> Path:
        """Return the link by which the unit is enabled."""
        return loop.UNITS / f"{TARGET}.wants" / self.unit.name

    @property
    def is_mounted(self) -> bool:
        """Whether something is mounted at its place."""
        return os.path.ismount(self.place)

    def text(self) -> str:
        """Return the text of its unit, in which % would mean something else."""
        file, place = (str(_real(path)).replace("%", "%%") for path in (self.file, self.place))
        what = " ".join(self.place.parts[-2:])
        return UNIT.format(what=what, file=file, place=place, target=TARGET)

    def write(self, parts: Iterable[Path], payload: Payload, base: Path | None = None) -> None:
        """Join ``parts`` and give the file its name; those of a delta make it out of the older image ``base``.

        It is hashed as it is written: whoever sent the parts may still hold them open. Raises AirgapError when it is
        not what was signed, Damaged when the delta cannot be read.
        """
        make_folder(self.file.parent)
        new = self.file.with_name(f".{self.file.name}-new")
        new.unlink(missing_ok=True)
        digest = hashlib.sha256()
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
                with chained(parts) as stream:
                    whole = iter(partial(stream.read, BLOCK), b"")
                    for block in image_blocks(stream, base, payload.size) if base else whole:
                        digest.update(block)
                        out.write(block)
                out.flush()
                os.fchmod(out.fileno(), 0o644)  # whoever can read the release may verify it
                os.fsync(out.fileno())
            if digest.hexdigest() != payload.sha256:
                raise _damaged(new, payload, digest.hexdigest())
            os.rename(new, self.file)
        finally:
            new.unlink(missing_ok=True)
        for folder in list(self.file.parents)[:3]:
            flush_directory(folder)

    def require(self, payload: Payload) -> None:
        """Raise AirgapError when the file is not what was signed: nothing else is given to the kernel."""
        try:
            found = sha256_file(self.file)
        except OSError as error:
            found = error.strerror or str(error)
        if found != payload.sha256:
            raise _damaged(self.file, payload, found)

    def faults(self, payload: Payload, content: bool) -> list[str]:
        """Say what is wrong with the file, with what is mounted, and with the unit; ``content`` hashes the file."""
        return [*self.content_faults(payload, content), *self.mount_faults(), *self._unit_faults()]

    def content_faults(self, payload: Payload, content: bool = True) -> Iterator[str]:
        """Say what is wrong with the file."""
        try:
            size = self.file.stat().st_size
            if size != payload.size or (content and sha256_file(self.file) != payload.sha256):
                yield f"other content in {self.file}"
        except OSError as error:
            yield f"{self.file}: {error.strerror}"

    def mount_faults(self) -> list[str]:
        """Say what is wrong with what is mounted."""
        if not self.is_mounted:
            return ["an image that is not mounted"]
        if self._backing() != str(_real(self.file)):
            return [f"another mount: of {self._backing() or 'no image'}"]
        return [] if os.statvfs(self.place).f_flag & os.ST_RDONLY else ["a mount that is not read-only"]

    def _unit_faults(self) -> Iterator[str]:
        with suppress(OSError):
            if self.wanted.is_symlink() and self.unit.read_text(encoding="utf-8") == self.text():
                return
        yield f"no unit {self.unit.name} that mounts it at the next start"

    def _backing(self) -> str:
        """Return the file that is mounted, as the kernel knows it: one that was replaced since is " (deleted)"."""
        device = os.stat(self.place).st_dev
        with suppress(OSError):
            found = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/loop/backing_file")
            return found.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n")
        return ""

    def mount(self) -> None:
        """Mount it, now and at each start; raises AirgapError with what systemd says."""
        remove_unfinished(self.unit)
        replace_file(self.unit, self.text().encode())
        make_folder(self.place)
        if not self.is_mounted:
            done = _systemctl("enable", "--now", "--quiet", "--", self.unit.name)
        else:
            done = _systemctl("enable", "--quiet", "--", self.unit.name)
        if not done.ok or not self.is_mounted:
            raise AirgapError(
                f"The image of {' '.join(self.place.parts[-2:])} cannot be mounted",
                code="image-unmounted",
                wanted=f"a squashfs mounted at {self.place} by {self.unit.name}",
                found=done.explain(),
                where=str(self.file),
                remedy=f"see systemctl status {self.unit.name} and dmesg; where this host cannot mount, build the "
                "release with tar.zst in formats of release.yml as well",
            )
        flush_directory(self.wanted.parent)

    def unmount(self, lazily: bool = False) -> None:
        """Unmount it; raises AirgapError when it is in use. ``lazily``: its users keep what they have open."""
        if self.is_mounted and not lazily:
            _systemctl("stop", "--quiet", "--", self.unit.name)
        if self.is_mounted:
            # What systemd did not mount, or could not unmount; this says why.
            command = ["umount", *(["--lazy"] if lazily else []), "--", str(self.place)]
            done = _run(command)
            if self.is_mounted:
                raise AirgapError(
                    f"The image of {' '.join(self.place.parts[-2:])} cannot be unmounted",
                    code="release-in-use",
                    wanted="no process that uses it",
                    found=done.explain(),
                    where=str(self.place),
                    remedy=f"let its users leave it, or end them, then run again; fuser -vm {self.place} shows them",
                )
            if lazily:  # until systemd has seen that, starting the unit would do nothing
                _systemctl("stop", "--quiet", "--", self.unit.name)

    def remove(self) -> None:
        """Leave nothing of it; raises AirgapError, and leaves it whole, when it is in use."""
        was_mounted = self.is_mounted
        self.unmount()
        with suppress(FileNotFoundError):
            self.place.rmdir()
            flush_directory(self.place.parent)
        remove_unfinished(self.unit)
        if self.wanted.is_symlink() or self.unit.exists():
            self.wanted.unlink(missing_ok=True)
            self.unit.unlink(missing_ok=True)
            with suppress(OSError):
                self.wanted.parent.rmdir()
            flush_directory(loop.UNITS)
            _systemctl("daemon-reload")
            if not was_mounted:  # a unit that has failed is listed even when it is gone
                _systemctl("reset-failed", "--quiet", "--", self.unit.name)
        self.file.unlink(missing_ok=True)
        with suppress(OSError):
            self.file.parent.rmdir()
            self.file.parent.parent.rmdir()


def escaped(path: Path) -> str:
    """Return a path as the name of a unit has it: what ``systemd-escape --path`` prints."""
    text = os.fsencode(os.path.normpath(path)).strip(b"/")
    name = "".join(
        "-" if byte == ord("/") else chr(byte) if byte in _PLAIN and (at or byte != ord(".")) else f"\\x{byte:02x}"
        for at, byte in enumerate(text)
    )
    return name or "-"


def _real(path: Path) -> Path:
    """Return a path whose folder has no links in it; what it leads to need not be there."""
    return Path(os.path.realpath(path.parent), path.name)


def _systemctl(*words: str) -> process.Outcome:
    return _run([SYSTEMCTL, *words])


def _run(command: list[str]) -> process.Outcome:
    # Not loaded where there is nothing to mount: the host's command has no byte code.
    from ansible_collections.airgap.conda.plugins.module_utils._run import process

    return process.run(command, deadline=LIMIT, env=process.ENVIRONMENT)


def _damaged(file: Path, payload: Payload, found: str) -> AirgapError:
    return AirgapError(
        "An image is not as it was signed, and is not mounted",
        code="image-damaged",
        wanted=f"sha256 {payload.sha256}",
        found=found,
        where=str(file),
        remedy="run airgap.conda.repair if it is current, the deploy again if not: the image is sent again",
    )
