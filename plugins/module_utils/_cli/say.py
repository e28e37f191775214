# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``airgap-envs`` says: lines, an error, a document for programs; on a terminal a bar and a question."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import transferred
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases

NAME = Releases(Path()).command.name
SCHEMA = 1
# Seconds between two looks of a bar.
LOOK = 0.2


def say(line: str, stream: TextIO | None = None) -> None:
    """Write one line, to stdout unless told otherwise."""
    (stream or sys.stdout).write(f"{line}\n")


def complain(error: AirgapError) -> None:
    """Write an error to stderr."""
    say(f"{NAME}: {error.problem}", sys.stderr)
    for name in ("wanted", "found", "where", "remedy"):
        say(f"  {name + ':':8} {getattr(error, name)}", sys.stderr)


def warn(text: str) -> None:
    """Write a warning to stderr."""
    say(f"{NAME}: {text}", sys.stderr)


def document(command: str, root: Path, found: Mapping[str, Any], error: AirgapError | None) -> str:
    """Return what a command found and did as JSON; ``error`` is null when all went well."""
    wrong = {"code": error.code, **error.as_result()} if error else None
    head = {"schema": SCHEMA, "command": command, "root": str(root), "ok": not error, "error": wrong}
    return json.dumps({**head, **found}, indent=1, sort_keys=True)


def confirm(plan: list[str], command: str) -> bool:
    """Show what will be done and ask whether to do it; raises AirgapError where nobody can be asked."""
    if not sys.stdin or not sys.stdin.isatty():
        raise AirgapError(
            f"Nobody confirmed what {NAME} {command} would do",
            wanted="a terminal to ask at, or --yes",
            found=f"no terminal; it would do this: {'; '.join(plan)}",
            where="standard input",
            remedy="add --yes",
            code="not-confirmed",
        )
    for line in plan:
        say(line, sys.stderr)
    sys.stderr.write("Proceed? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class Bar:
    """The progress of reading ``whole`` bytes, in one line on a terminal; elsewhere it says nothing."""

    def __init__(self, what: str, whole: int, stream: TextIO | None = None) -> None:
        self._what, self._whole, self._stream = what, whole, stream or sys.stderr
        self._done, self._start, self._shown = 0, time.monotonic(), 0.0
        self._is_on = whole > 0 and self._stream.isatty()

    def add(self, count: int) -> None:
        """Tell of ``count`` more bytes."""
        self._done += count
        now = time.monotonic()
        if self._is_on and now - self._shown >= LOOK:
            self._shown = now
            text = transferred(self._done, self._whole, now - self._start)
            self._stream.write(f"\r{self._what}  {text}\033[K")
            self._stream.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._is_on:
            self._stream.write("\r\033[K")
            self._stream.flush()


def require_env(store: Releases, env: str) -> None:
    """Raise AirgapError unless an environment has a current release here."""
    if env not in store.envs():
        raise AirgapError(
            f"There is no environment {env} on this host",
            wanted=f"an environment {env} with a current release",
            found=f"environments {', '.join(store.envs()) or 'none'}",
            where=str(store.root),
            remedy=f"list the names with {NAME} list, or deploy it to this host",
            code="no-such-env",
        )


def require_writable(store: Releases, env: str, command: str) -> None:
    """Raise AirgapError unless this user may switch an environment and remove releases of it."""
    for folder in (store.root / env, store.state(env)):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise AirgapError(
                f"User {os.geteuid()} may not switch {env}",
                wanted="a user who can write to the store",
                found=f"no permission to write {folder}",
                where=str(folder),
                remedy=f"run it as root: sudo {store.root / 'bin' / NAME} {command}",
                code="not-permitted",
            )
