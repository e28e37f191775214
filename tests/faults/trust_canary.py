# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A controller's secret that nobody may open, programs that nobody may start, a folder in which nothing may appear."""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import dataclass
from pathlib import Path

SECRET = "canary-6f1d-of-a-vault-password"  # noqa: S105 - it opens nothing
OPENED = 0x20  # IN_OPEN of inotify(7)
PROGRAM = """\
#!/bin/sh
echo "$0 $*" >>"{ran}"
exec /bin/sh "$@"
"""


# The most characters that a host may make of a run's output and of its file of the report, or a drive of a message.
LIMIT = 64 << 10
# What must not reach a terminal or a page: control characters, and marks that change the direction of writing.
UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass
class Canary:
    """The files in ``place``, next to a depot: ``vault_password``, ``evil.sh``, the folder ``outside``."""

    place: Path
    watch: int = -1

    @property
    def vault(self) -> Path:
        return self.place / "vault_password"

    @property
    def outside(self) -> Path:
        return self.place / "outside"

    def set(self) -> None:
        """Put all of it there, and watch the secret."""
        self.outside.mkdir(parents=True)
        self.vault.write_text(SECRET, encoding="ascii")
        self.vault.chmod(0o600)
        program = self.place / "evil.sh"
        program.write_text(PROGRAM.format(ran=self.outside / "ran"), encoding="utf-8")
        program.chmod(0o755)
        libc = ctypes.CDLL(None, use_errno=True)
        self.watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if libc.inotify_add_watch(self.watch, os.fsencode(self.vault), OPENED) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", str(self.vault))

    def opened(self) -> bool:
        """Tell whether the secret was opened since this was asked last."""
        try:
            return bool(os.read(self.watch, 1 << 16))
        except BlockingIOError:
            return False

    def appeared(self) -> list[str]:
        """Return what is outside that was not put there; of a few files with the beginning of their text."""
        found = sorted(self.outside.rglob("*"))
        return [f"{path.relative_to(self.place)} {_begin(path)}" for path in found[:5]]

    def end(self) -> None:
        """Watch no longer; of watches there is only a number."""
        os.close(self.watch)


def _begin(path: Path) -> str:
    return repr(path.read_text(encoding="utf-8", errors="replace")[:80]) if path.is_file() else ""
