# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 1 as a folder that is written: publish the releases of a depot."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory, make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Manifest, serial_of
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import Folder
from ansible_collections.airgap.conda.plugins.module_utils._source.index import write_index

# Seconds that one run waits until another has published its release; an import copies it from a drive meanwhile.
PUBLISH_WAIT = 600.0


@dataclass(frozen=True)
class Depot(Folder):
    """A directory of releases, to which a bastion or an import adds."""

    @contextmanager
    def new_release(self, manifest: Manifest) -> Iterator[Path]:
        """Give a folder to fill; it becomes the release by one rename when the block ends well.

        Holds the depot's lock, so that two builds cannot take one serial. On an error nothing is left.
        """
        env = self.path / manifest.env
        with os_errors(f"Publishing {manifest.env} {manifest.id}", env):
            make_folder(self.path)
            with locked(self.path, "publish", f"the depot {self.path}", PUBLISH_WAIT):
                (self.path / ".lock").unlink(missing_ok=True)  # of an earlier version: everybody could hold it
                self._require_next(manifest)
                env.mkdir(exist_ok=True)
                for left in env.glob(".new-*"):  # of a run that was killed; the lock says that none is at work
                    shutil.rmtree(left)
                folder = Path(tempfile.mkdtemp(prefix=".new-", dir=env))
                try:
                    yield folder
                    folder.chmod(0o755)
                    _flush(folder)
                    os.rename(folder, env / manifest.id)
                    flush_directory(env)
                    flush_directory(self.path)
                    write_index(self.path)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                    with suppress(OSError):
                        env.rmdir()  # the first release of this environment failed

    def _require_next(self, manifest: Manifest) -> None:
        releases = self.releases(manifest.env)
        newest = serial_of(releases[-1]) if releases else 0
        if manifest.serial <= newest:
            raise AirgapError(
                "Another build published first",
                code="serial-taken",
                wanted=f"serial {newest + 1} or higher",
                found=f"serial {manifest.serial}",
                where=str(self.path / manifest.env),
                remedy="run the build again",
            )


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    flush_directory(folder)
