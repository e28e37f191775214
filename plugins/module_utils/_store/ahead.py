# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tree of a release that a process unpacks while the parts arrive, and how an install takes it over.

It is made below ``.staging``, in a folder that only its owner can enter, and gets a name of its own by one rename when
it is whole. The install takes it by another, as long as that process is alive: so it is of this start of the system,
and all of it is flushed to disk before it can be seen, like a tree that the install unpacked.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import lock_file
from ansible_collections.airgap.conda.plugins.module_utils._run.background import Background
from ansible_collections.airgap.conda.plugins.module_utils._store.arrived import Told

# The folder of such processes in a store.
AREA = ".staging/.ahead"
# Seconds that an install waits for a process that neither reads nor writes, and between two looks at it.
PATIENCE, LOOK = 30.0, 0.05


class Ahead(Background):
    """The process that unpacks a release of ``env`` ahead of its install, at work or not: one for an environment."""

    what = "what is unpacked while it arrives"

    def __init__(self, root: Path, env: str) -> None:
        super().__init__(root / AREA, env)

    def whole(self, told: Told) -> Path:
        """Return where the tree is when it is whole: the name says all that it depends on."""
        return self.folder / f"{told.release}.{told.manifest_sha256}.{told.format}"

    def unfinished(self, told: Told) -> Path:
        """Return where the tree is until then."""
        return self.folder / f".{self.whole(told).name}"

    def take(self, told: Told, tree: Path) -> bool:
        """Move what was unpacked of a release to ``tree``; False when there is nothing, or it does not get ready.

        The caller holds the environment's lock. The process has ended afterwards, and nothing else of it is left.
        """
        if not self._is_for(told):
            return False
        make_folder(tree.parent, 0o700)
        moved, before = time.monotonic(), ""
        try:
            while self.is_alive:
                with suppress(FileNotFoundError):
                    os.rename(self.whole(told), tree)
                    return True
                now = self._done()
                if now != before:
                    moved, before = time.monotonic(), now
                elif time.monotonic() - moved > PATIENCE:
                    break
                time.sleep(LOOK)
            return False
        finally:
            self.end()

    def _is_for(self, told: Told) -> bool:
        with suppress(FileNotFoundError):
            is_ours = self.folder.lstat().st_uid == os.geteuid()
            return is_ours and any(path.is_dir() for path in (self.unfinished(told), self.whole(told)))
        return False

    def _done(self) -> str:
        """Return a text that is another one when the process has read or written; the kernel counts that."""
        with suppress(OSError):
            return Path("/proc", self.process or "0", "io").read_text(encoding="ascii").partition("syscr")[0]
        return ""

    @property
    def is_left(self) -> bool:
        """Whether something is left of a process that was killed, be it the empty folder of all such."""
        places = (self.folder, lock_file(self.area, self.name))
        is_empty = self.area.is_dir() and not any(self.area.glob("[!.]*"))
        return (is_empty or any(map(os.path.lexists, places))) and not self.is_alive

    def clear(self) -> None:
        """Remove what is left of a process that was killed; one at work stays."""
        if self.is_left:
            self.remove()

    def leave(self) -> None:
        """Remove its folder, as the process itself: nobody takes a tree of which a part is gone."""
        for path in self.folder.glob("[!.]*"):
            with suppress(OSError):  # it was taken this moment
                path.rename(path.with_name(".gone"))
        self.remove()
