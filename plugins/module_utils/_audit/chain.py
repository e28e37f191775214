# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A chain of audit lines: one JSON object a line, each with the hash of the line before. Lines are only ever added.

A chain shows that no line in it was changed, left out or moved. It cannot show that lines are missing at its end, nor
that who may write it did not write all of it again: docs/guide/security.md.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pwd
import stat
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.answer import LINE, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import Checks, handed
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.sshsig import fingerprint_in

# The name of a chain in a depot, also one on a drive, and in the folder .state of a store.
DEPOT_CHAIN = HOST_CHAIN = ".audit.jsonl"
# What can be done to a release.
DONE = (
    "built",
    "signed",
    "exported",
    "imported",
    "installed",
    "switched",
    "rolled back",
    "repaired",
    "removed",
    "pruned",
)
# What the first line has in the place of the hash of the line before.
FIRST = "0" * 64
# Seconds that one run waits until another has written its line.
WAIT = 10.0


@dataclass(frozen=True)
class Deed:
    """What was done to which release; ``key`` is the fingerprint of the key that signed it. Unknown is empty."""

    what: str
    env: str
    release: str
    manifest_sha256: str = ""
    key: str = ""


@dataclass(frozen=True)
class Entry:
    """A line of a chain: number ``n``, ``when`` (UTC), ``who``, a deed, and ``prev``, the hash of the line before."""

    n: int
    when: str
    who: str
    what: str
    env: str
    release: str
    manifest_sha256: str
    key: str
    prev: str

    @classmethod
    def from_line(cls, line: bytes, where: str) -> Entry:
        """Read a line; raises ValueError for what is none."""
        try:
            entry = handed(cls, parse_json(line.decode("utf-8")), "this line", where, _CHECKS)
        except AirgapError as error:
            raise ValueError(error.short()) from error
        if any(text != clean(text) for text in asdict(entry).values() if isinstance(text, str)):
            raise ValueError("texts that are not plain")
        return entry


_CHECKS: Checks = {"n": ("a number from 1", lambda n: n > 0), "what": (f"one of {', '.join(DONE)}", DONE.__contains__)}


@dataclass(frozen=True)
class Chain:
    """A chain as it was read. ``broken`` says where it is no chain, ``cut`` which lines an interrupted run left."""

    path: str
    entries: tuple[Entry, ...] = ()
    broken: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    head: str = field(default=FIRST)

    @property
    def verdict(self) -> str:
        """``broken``, ``cut`` or ``whole``."""
        return "broken" if self.broken else "cut" if self.cut else "whole"

    def error(self) -> AirgapError:
        """Return the error for a chain of which a line was changed, left out or moved."""
        return AirgapError(
            "An audit chain is broken",
            wanted="lines of which each has the hash of the line before",
            found="; ".join(self.broken[: limits.ERRORS]),
            where=self.path,
            remedy="find out who changed it: compare it with a copy of it, or with the chains of depot, drive and "
            "hosts; then move it away, and the next run begins a new one",
            code="chain-broken",
        )


def deed_of(what: str, env: str, release: str, record: Path) -> Deed:
    """Return what was done with a release whose manifest and signature are in ``record``; unknown where they are not.

    The key is the one that the signature names: who trusts the release has verified it, the chain only tells.
    """
    manifest, signature = _content(record / MANIFEST, limits.MANIFEST), _content(record / SIGNATURE, limits.SIGNATURE)
    return Deed(what, env, release, hashlib.sha256(manifest).hexdigest() if manifest else "", fingerprint_in(signature))


def _content(path: Path, limit: int) -> bytes:
    try:
        return read_small(path, limit)
    except FileFault:
        return b""


def require_ready(path: Path) -> None:
    """Raise AirgapError when a line could not be added now: to know it before a step, not after it."""
    if os.path.lexists(path):
        status = path.lstat()
        _require_room(path, status.st_size)
        found = "" if stat.S_ISREG(status.st_mode) else "something else than a file"
        found = found or ("" if os.access(path, os.R_OK | os.W_OK) else "no permission to write")
    else:
        found = (
            "" if not path.parent.exists() or os.access(path.parent, os.W_OK | os.X_OK) else "no permission to write"
        )
    if found:
        raise _unusable(path, found)


def _require_room(path: Path, size: int) -> None:
    if size > limits.AUDIT:
        raise AirgapError(
            "The audit chain is full",
            wanted=f"at most {limits.AUDIT >> 20} MiB",
            found=f"{size >> 20} MiB",
            where=str(path),
            remedy=f"keep it: mv {path} to a place of archives; the next run begins a new one",
            code="audit-full",
        )


def add(path: Path, deeds: Sequence[Deed], *, before: Sequence[Deed] = (), own_folder: bool = True) -> None:
    """Add a line to the chain at ``path`` for each deed, and wait until they are on disk; raises AirgapError.

    ``before`` are deeds of something that could not write lines; they come first, where the chain says nothing of their
    release yet. ``own_folder`` is false on a drive, where no lock is left: whoever writes there keeps others off.
    """
    if not deeds and not _lines(path, deeds, before):
        return
    folder = path.parent
    with os_errors("Writing the audit chain", path):
        lock = locked(folder, ".audit", f"the audit chain {path}", WAIT) if own_folder else nullcontext()
        with lock:
            _add(path, _lines(path, deeds, before))


def _lines(path: Path, deeds: Sequence[Deed], before: Sequence[Deed]) -> list[Deed]:
    """Return the deeds that are to be written, as ``add`` has them."""
    wanted = {(deed.env, deed.release) for deed in before} - {(deed.env, deed.release) for deed in deeds}
    wanted -= _told(path, wanted)
    return [*(deed for deed in before if (deed.env, deed.release) in wanted), *deeds]


def _told(path: Path, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return of which of these releases (environment, id) a chain has a line; most of its lines are not parsed."""
    found: set[tuple[str, str]] = set()
    ids = [release.encode() for _env, release in wanted]
    with suppress(FileFault):  # whoever writes there says what is wrong with it
        for line in io.BytesIO(read_small(path, limits.AUDIT + limits.AUDIT_LINE) if ids else b""):
            if any(name in line for name in ids):
                with suppress(ValueError):
                    entry = Entry.from_line(line.rstrip(b"\n"), "")
                    found.add((entry.env, entry.release))
    return found


def _add(path: Path, deeds: Sequence[Deed]) -> None:
    if not deeds:  # another run has written them meanwhile
        return
    is_new = not os.path.lexists(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _unusable(path, "something else than a file")
        if is_new:
            with suppress(OSError):  # FAT has no modes
                os.fchmod(handle, 0o644)
        size = status.st_size
        _require_room(path, size)
        number, head, is_cut = _end(os.pread(handle, 2 * limits.AUDIT_LINE, max(0, size - 2 * limits.AUDIT_LINE)))
        text = b"\n" if is_cut else b""
        for deed in deeds:
            number += 1
            line = _line(number, deed, head)
            head = hashlib.sha256(line).hexdigest()
            text += line + b"\n"
        try:
            _write(handle, text)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, size)  # not half a line, where the disk is full
            raise
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        flush_directory(path.parent)


def _end(tail: bytes) -> tuple[int, str, bool]:
    """Return the number of the last entry, the hash of the last line, and whether that line was cut off."""
    if not tail:
        return 0, FIRST, False
    lines = tail.split(b"\n")
    is_cut = lines[-1] != b""
    lines = lines if is_cut else lines[:-1]
    number = 0
    for line in reversed(lines):
        with suppress(ValueError):
            number = Entry.from_line(line, "").n
            break
    return number, hashlib.sha256(lines[-1]).hexdigest(), is_cut


def _write(handle: int, text: bytes) -> None:
    while text:
        text = text[os.write(handle, text) :]


def _line(number: int, deed: Deed, prev: str) -> bytes:
    entry = Entry(number, _now(), who(), **{name: clean(text) for name, text in asdict(deed).items()}, prev=prev)
    return json.dumps(asdict(entry), sort_keys=True).encode()


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def who() -> str:
    """Return who runs this: ``root (0)``, behind sudo with who called it: ``root (0) for ada``."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = "unknown"
    # What sudo sets, and anybody who is this user can set too: a help to remember, no proof.
    caller = os.environ.get("SUDO_USER", "")
    return clean(f"{name} ({number}){f' for {caller}' if caller else ''}", LINE)


def read(path: Path) -> Chain:
    """Read a chain and compare each line with the one before; one that is not there is empty and whole.

    Raises AirgapError when there is something that cannot be read.
    """
    try:
        content = read_small(path, limits.AUDIT + limits.AUDIT_LINE)
    except FileFault as fault:
        if not os.path.lexists(path):
            return Chain(str(path))
        raise _unusable(path, str(fault)) from fault
    return check(content, str(path))


def check(content: bytes, path: str) -> Chain:
    """Return the chain with this content."""
    *lines, rest = content.split(b"\n")
    entries: list[Entry] = []
    broken: list[str] = []
    cut: list[str] = []
    head, waiting = FIRST, ""
    for number, line in enumerate([*lines, rest] if rest else lines, start=1):
        is_last = bool(rest) and number == len(lines) + 1
        try:
            if is_last:
                raise ValueError("it has no end")
            entry = Entry.from_line(line, f"line {number} of {path}")
        except ValueError as error:
            # A run that was cut off leaves a beginning of a line. The next run goes on behind it, with its hash.
            if waiting:
                broken.append(waiting)
            waiting = f"line {number}: {error}"
            before, head = head, hashlib.sha256(line).hexdigest()
            if is_last:
                cut.append(waiting)
                waiting, head = "", before
            continue
        expected = (entries[-1].n if entries else 0) + 1
        if entry.prev != head:
            broken.append(f"line {number}: the line before it is another one than when it was written")
        elif entry.n != expected:
            broken.append(f"line {number}: number {entry.n} instead of {expected}")
        elif waiting:
            cut.append(waiting)
        waiting = ""
        entries.append(entry)
        head = hashlib.sha256(line).hexdigest()
    if waiting:
        broken.append(waiting)
    return Chain(path, tuple(entries), tuple(broken), tuple(cut), head)


def _unusable(path: Path, found: str) -> AirgapError:
    return AirgapError(
        "The audit chain cannot be used",
        wanted=f"a file of at most {limits.AUDIT >> 20} MiB",
        found=found,
        where=str(path),
        remedy="see what is in its place, and move it away; the next run begins a new one",
        code="audit-unusable",
    )


def as_result(chain: Chain, env: str = "", release: str = "") -> dict[str, Any]:
    """Return a chain for JSON, with the lines of an environment or a release if these are given."""
    wanted = [entry for entry in chain.entries if env in ("", entry.env) and release in ("", entry.release)]
    return {
        "path": chain.path,
        "verdict": chain.verdict,
        "lines": len(chain.entries),
        "head": chain.head,
        "broken": list(chain.broken[: limits.ERRORS]),
        "cut": list(chain.cut[: limits.ERRORS]),
        "entries": [asdict(entry) for entry in wanted],
    }


@dataclass(frozen=True)
class _Answer:
    """The part of ``as_result`` that a chain is made of again."""

    path: str
    head: str
    broken: list[str]
    cut: list[str]
    entries: list[Entry]


def from_result(data: object, place: str) -> Chain:
    """Make a chain of what ``as_result`` gave on another machine, whose word it is; raises AirgapError."""
    answer = handed(_Answer, data, "what was read of an audit chain", place, {})
    return Chain(
        clean(f"{place}: {answer.path}"),
        tuple(map(_plain, answer.entries)),
        _clean(answer.broken),
        _clean(answer.cut),
        answer.head,
    )


def _plain(entry: Entry) -> Entry:
    return Entry(**{**asdict(entry), **{name: clean(getattr(entry, name)) for name in _TEXTS}})


def _clean(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(clean(text) for text in texts[: limits.ERRORS])


_TEXTS = ("when", "who", "what", "env", "release", "manifest_sha256", "key", "prev")
