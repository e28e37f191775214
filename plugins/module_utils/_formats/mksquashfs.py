# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""mksquashfs: the program of the bastion that makes an image of a tar, so that no second tree is needed."""

from __future__ import annotations

import io
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from threading import Thread

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import MTIME
from ansible_collections.airgap.conda.plugins.module_utils._formats.tar import BUFFER, Archive
from ansible_collections.airgap.conda.plugins.module_utils._run import process

PROGRAM, PACKAGE = "mksquashfs", "squashfs-tools"
# The first version that reads a tar: Debian 12, Ubuntu 22.04.
OLDEST = "4.5"
# Bytes of a block, and the level of zstd: what is read at once when a program wants a byte, and how small it is.
BLOCK_SIZE, LEVEL = 256 << 10, 9
# The same tree gives the same bytes, however many processors there are. All else is in the tar.
OPTIONS = (
    *("-tar", "-noappend", "-no-progress", "-quiet", "-exit-on-error", "-no-xattrs", "-no-exports", "-all-root"),
    *("-comp", "zstd", "-Xcompression-level", str(LEVEL), "-b", str(BLOCK_SIZE), "-reproducible"),
    *("-root-mode", "755", "-mkfs-time", str(MTIME), "-all-time", str(MTIME)),
)
# Seconds to make an image of a tree, which may have tens of gigabytes.
LIMIT = 6 * 3600.0


def lacks_program() -> str:
    """Return what keeps this machine from making an image, in a few words; empty when nothing does."""
    if not shutil.which(PROGRAM):
        return f"{PROGRAM} (package {PACKAGE} of the distribution or of conda-forge)"
    said = process.run([PROGRAM, "-version"], deadline=60).output
    found = re.search(r"version (\d[\d.]*)", said)
    if not found or version_key(found[1]) < version_key(OLDEST):
        return f"{PROGRAM} {OLDEST} or newer (found {found[1] if found else 'no version'}; package {PACKAGE})"
    return ""


class Program:
    """mksquashfs at work on what is written to ``archive``; leaving the context waits for its end."""

    def __init__(self, image: Path) -> None:
        self._image = image
        self._outcome = process.Outcome(None, "", 0.0)
        self._reader, writer = os.pipe()
        self._pipe = io.BufferedWriter(io.FileIO(writer, "wb"), BUFFER)
        self.archive = Archive(self._pipe)
        self._thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        # The program takes its tar from a pipe, which is open here until it has ended: then writing to it fails.
        command = ["/bin/sh", "-c", f'exec "$@" </proc/self/fd/{self._reader}', "sh"]
        command += [PROGRAM, "-", str(self._image), *OPTIONS]
        try:
            # It would refuse this setting, which other tools want, next to its own options for times.
            env = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
            self._outcome = process.run(command, deadline=LIMIT, env=env, handles=[self._reader])
        finally:
            os.close(self._reader)

    def __enter__(self) -> Program:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> None:
        broken = isinstance(error, BrokenPipeError)
        try:
            if kind is None:
                self.archive.finish()
                self._pipe.flush()
        except BrokenPipeError:
            broken = True
        finally:
            with suppress(BrokenPipeError):
                self._pipe.close()
            self._thread.join()
        if broken or (kind is None and not self._outcome.ok):
            raise AirgapError(
                "The image of a release could not be made",
                code="image-failed",
                wanted=f"{PROGRAM} {OLDEST} or newer, of {PACKAGE}, and room for the image",
                found=self._outcome.explain(),
                where=str(self._image),
                remedy="free space or install the package, or leave squashfs out of formats in release.yml",
            )
