# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every script of the lab shares: one-line errors, running a command, saying how long a step took."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
DEFAULT_CACHE = CHECKOUT / ".cache" / "lab"
APT_LIST = HERE.relative_to(CHECKOUT) / "apt.txt"

_START = time.monotonic()


class LabError(Exception):
    """One line for the person at the terminal: what is wrong and what to do."""


def say(text: str) -> None:
    """Print ``text`` with the seconds since the script began."""
    print(f"[{time.monotonic() - _START:6.1f} s] {text}", flush=True)


def need(*tools: str) -> None:
    """Fail with one line unless every one of ``tools`` is on PATH."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise LabError(f"{', '.join(missing)}: not installed. Install the packages listed in {APT_LIST}.")


def run(command: Sequence[str | Path], *, env: dict[str, str] | None = None, stdin: str | None = None) -> str:
    """Run ``command`` and return its stdout; a failure raises LabError with the end of what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=env, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise LabError(f"`{' '.join(words)}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def digest(*parts: str | bytes | Path) -> str:
    """Sixteen hex digits that identify ``parts``; a Path represents the bytes of its file."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        total.update(hashlib.sha256(data).digest())
    return total.hexdigest()[:16]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` (created), so that two runs never build the same thing at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def make_once(target: Path, build: Callable[[Path], None]) -> Path:
    """Return ``target``, made by ``build(scratch)`` if it is not there; it appears by one rename, whole."""
    if not target.exists():
        scratch = target.with_name(f".{target.name}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        build(scratch)
        scratch.rename(target)
    return target


def main_guard(main: Callable[[], int]) -> None:
    """Run ``main`` as a script: a LabError becomes one message on stderr and exit status 1."""
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")
