# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drives and depots that anybody may have filled: reading them ends, says one short thing, and copies nothing."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import socket
import stat
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from scenes import Share, by_command
from tally import Tally
from trust_canary import LIMIT, UNFIT, Canary
from trust_forge import fields, replaced, values

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli import install as _own
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit import tiny_site
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key
from ansible_collections.airgap.conda.tests.unit.tiny_site import TWO, Site, make_site

# Seconds and bytes of memory for one import.
DEADLINE, MEMORY = 15, 2 << 30
SPARSE, GIB = 4 << 40, 1 << 30
SHORT = 120
# A host installs by itself from every how many of the drives, in the short form.
BY_COMMAND = 5
FILES_OF_A_RELEASE = ("env.tar.zst.000", FILES, "conda.lock", MANIFEST, SIGNATURE)
# How a case ended: a message, nothing wrong, or neither.
REFUSED, TAKEN, CRASHED = "refused", "taken", "crashed"

Spoil = Callable[[Site], None]


def run(tally: Tally, base: Path, share: Share) -> None:
    """Import from each drive, read it as a depot, install from it, in a child that may not go on for long."""
    (base / "site").mkdir()
    with patch.object(tiny_site, "ROOT", base / "case/opt"):
        make_site(base / "site")
    shutil.copytree(base / "site/bastion", base / "site/drive/depot")
    every = list(cases(base / "site"))
    worst = [case for case in every if case[0].startswith("unsigned, and")]
    chosen = every if share.long else [*worst, *random.Random(1).sample(every, SHORT)]  # noqa: S311 - always the same
    for number, (name, spoil) in enumerate(dict(share.of(chosen)).items()):
        shutil.rmtree(base / "case", ignore_errors=True)
        shutil.copytree(base / "site", base / "case", symlinks=True)
        site, canary = Site(base / "case"), Canary(base / "case")
        canary.set()
        spoil(site)
        readers = {"import": _import, "depot": _depot}
        if share.long or number % BY_COMMAND == 0:
            readers["the command"] = _install
        for what, read in readers.items():
            how, said = _in_child(partial(read, site))
            tally.case(f"{what}: {name}", _faults(site, canary, how, said))
            tally.counts[f"drives, {how}"] += 1
        canary.end()


def _import(site: Site) -> None:
    site.bring(envs=["demo"])


def _depot(site: Site) -> None:
    """Read the drive as the depot of a deploy."""
    depot = Depot(site.drive / "depot")
    depot.verify("demo", depot.choose("demo"), site.path / "key.signers")


def _install(site: Site) -> None:
    """Install from the drive as a person at a host does, by the keys of the host."""
    with patch.object(_own, "signers_file", lambda: site.path / "key.signers"):
        by_command(Store(site.path / "opt"), "install", str(site.drive), "--env", "demo", "--yes")


def _in_child(read: Callable[[], None]) -> tuple[str, str]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(DEADLINE)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        said = f"{CRASHED} by what is not caught"
        try:
            with os_errors("A step of this task", Path.cwd()):
                read()
            said = TAKEN
        except AirgapError as error:
            said = f"{REFUSED} {error}"
        except BaseException:  # noqa: BLE001 - a user would see a traceback
            said = f"{CRASHED} {traceback.format_exc()[-1500:]}"
        finally:
            with open(writer, "wb") as stream:
                stream.write(said.encode("utf-8", "backslashreplace"))
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        how, _space, text = stream.read().decode().partition(" ")
    _pid, status = os.waitpid(child, 0)
    return (how, text) if how else (CRASHED, f"no end: signal {os.WTERMSIG(status)} (14 is the deadline)")


def _faults(site: Site, canary: Canary, how: str, said: str) -> list[str]:
    faults = [said] if how == CRASHED else []
    faults += [f"a message of {len(said)} characters"] if len(said) > LIMIT else []
    faults += [f"unfit in the message: {unfit!r}" for unfit in UNFIT.findall(said)[:1]]
    faults += [f"{canary.vault.name} was opened"] if canary.opened() else []
    faults += canary.appeared()
    there = sorted(site.inside.glob("*/*")) if site.inside.is_dir() else []
    if how != TAKEN:
        there += (site.path / "opt").glob("demo/[0-9]*")
    if how != TAKEN and there:
        faults.append(f"copied: {there[0]}")
    # What is whole of a release stays on a host for its next run.
    for path in (*there, *(site.path / "opt/.incoming").glob("*/*")):
        copied = [found for found in path.rglob("*") if not stat.S_ISREG(found.lstat().st_mode)]
        faults += [f"copied: {found}" for found in copied[:3]]
    return faults


# --- what is on the drives -------------------------------------------------------------------------------------------


def cases(original: Path) -> Iterator[tuple[str, Spoil]]:
    """Yield names and functions that spoil the drive of a site."""
    for name in FILES_OF_A_RELEASE:
        for what, put in THINGS.items():
            yield f"{name} is {what}", partial(_put, name, put)
            yield f"unsigned, {name} is {what}", partial(_unsigned_and, partial(_put, name, put))
    for what, sign in SIGNATURES.items():
        yield f"signed {what}", sign
    yield (
        "unsigned, and a part is sparse",
        partial(_unsigned_and, partial(_put, "env.tar.zst.000", _sparse, resize=True)),
    )
    yield "unsigned, and 20 documents are sparse", partial(_unsigned_and, _many_documents)
    yield "unsigned, and there are 400,000 parts", partial(_unsigned_and, partial(_many_parts, 400_000))
    yield "unsigned, and there are 400,000 documents", partial(_unsigned_and, partial(_many_names, 400_000))
    manifest = json.loads((original / "drive/depot/demo" / TWO / MANIFEST).read_text(encoding="utf-8"))
    for path in fields(manifest):
        for what, text in values(original).items():
            name = ".".join(map(str, path))
            yield f"the manifest's {name} is {what}", partial(_manifest, path, text)
    for what, change in FOLDERS.items():
        yield what, change


def _release(site: Site) -> Path:
    return site.on_drive()


def _put(name: str, put: Callable[[Site, Path], None], site: Site, resize: bool = False) -> None:
    path = _release(site) / name
    path.unlink(missing_ok=True)
    put(site, path)
    if resize:
        data = json.loads((_release(site) / MANIFEST).read_text(encoding="utf-8"))
        first = data["payloads"][0]
        first["size"] += path.stat().st_size - first["parts"][0]["size"]
        first["parts"][0]["size"] = path.stat().st_size
        (_release(site) / MANIFEST).write_text(json.dumps(data), encoding="utf-8")


def _sparse(_site: Site, path: Path) -> None:
    with open(path, "wb") as stream:
        stream.truncate(SPARSE)


def _socket(_site: Site, path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _device(number: int) -> Callable[[Site, Path], None]:
    return lambda _site, path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, number))


def _link(target: str) -> Callable[[Site, Path], None]:
    return lambda site, path: path.symlink_to(target.replace("VAULT", str(site.path / "vault_password")))


THINGS: dict[str, Callable[[Site, Path], None]] = {
    "missing": lambda _site, _path: None,
    "empty": lambda _site, path: path.touch(),
    "another": lambda _site, path: _write(path, b"x" * 41),
    "sparse": _sparse,
    "a pipe": lambda _site, path: os.mkfifo(path),
    "a socket": _socket,
    "a folder": lambda _site, path: path.mkdir(),
    "/dev/zero": _device(5),
    "/dev/random": _device(8),
    "a link to /dev/zero": _link("/dev/zero"),
    "a link to a secret": _link("VAULT"),
    "a link to itself": lambda _site, path: path.symlink_to(path.name),
    "a link to nothing": _link("nothing"),
    "noise": lambda _site, path: _write(path, os.urandom(1 << 20)),
}


def _unsigned_and(spoil: Spoil, site: Site) -> None:
    spoil(site)
    path = _release(site) / SIGNATURE
    if not path.is_dir():
        path.unlink(missing_ok=True)


def _sign_by(name: str, site: Site) -> None:
    key, _signers = make_key(site.path, name)
    signature.sign(_release(site) / MANIFEST, key)


def _sign_for(namespace: str, site: Site) -> None:
    kept = signature.NAMESPACE
    signature.NAMESPACE = namespace
    signature.sign(_release(site) / MANIFEST, site.path / "key")
    signature.NAMESPACE = kept


def _text(text: str, site: Site) -> None:
    (_release(site) / SIGNATURE).write_text(text, encoding="utf-8")


def _of_another(site: Site) -> None:
    shutil.copyfile(site.on_drive("1-00000001") / SIGNATURE, _release(site) / SIGNATURE)


SIGNATURES: dict[str, Spoil] = {
    "by a foreign key": partial(_sign_by, "foreign"),
    "for git": partial(_sign_for, "git"),
    "for nothing": partial(_sign_for, "x"),
    "with the signature of another": _of_another,
    "with a text": partial(_text, "signed, the bastion"),
    "with MBs": partial(_text, "-----BEGIN SSH SIGNATURE-----\n" + "A" * (8 << 20)),
    "with an empty signature": partial(_text, "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n"),
    "with a key for a signature": lambda site: _text((site.path / "key.pub").read_text(encoding="ascii"), site),
}


def _manifest(path: tuple[Any, ...], text: str, site: Site) -> None:
    manifest = _release(site) / MANIFEST
    data = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(replaced(data, path, text), encoding="utf-8")


def _many_documents(site: Site) -> None:
    names = {f"document-{number}": "0" * 64 for number in range(20)}
    for name in names:
        with open(_release(site) / name, "wb") as stream:
            stream.truncate(GIB)
    _manifest(("documents",), json.dumps(names), site)


def _many_parts(count: int, site: Site) -> None:
    parts = [{"name": f"env.tar.zst.{number:06}", "size": 1, "sha256": "0" * 64} for number in range(count)]
    payload = {"format": "tar.zst", "size": count, "sha256": "0" * 64, "parts": parts}
    _manifest(("payloads",), json.dumps([payload]), site)


def _many_names(count: int, site: Site) -> None:
    _manifest(("documents",), json.dumps({f"document-{number}": "0" * 64 for number in range(count)}), site)


def _folder(name: bytes, below: str, site: Site) -> None:
    os.mkdir(os.fsencode(site.drive / "depot" / below) + b"/" + name)


def _elsewhere(what: str, target: str, site: Site) -> None:
    """Put a link in the place of the depot, an environment or a release of the drive."""
    path = {"depot": site.drive / "depot", "env": site.drive / "depot/demo", "release": _release(site)}[what]
    shutil.rmtree(path)
    path.symlink_to(target)


def _many_folders(below: str, name: str, site: Site) -> None:
    for number in range(2, 20_000):
        (site.drive / "depot" / below / name.format(number)).mkdir()


NAMES = (b"\x1b[2J\x07", "\u202egnp".encode(), b"\xff\xfe", b"x" * 255, b"-rf", b"a\nb", b".state", b"$(touch x)")
FOLDERS: dict[str, Spoil] = {
    **{
        f"the {what} is a link to {target}": partial(_elsewhere, what, target)
        for what in ("depot", "env", "release")
        for target in ("/proc", "/dev", "/", ".", "nothing")
    },
    **{
        f"a folder {name!r} in {below or 'the depot'}": partial(_folder, name, below)
        for below in ("", "demo")
        for name in (
            b"\x1b[2J\x07",
            "\u202egnp".encode(),
            b"\xff\xfe",
            b"x" * 255,
            b"-rf",
            b"a\nb",
            b".state",
            b"$(touch x)",
        )
    },
    "20,000 environments": partial(_many_folders, "", "env-{}"),
    "20,000 releases": partial(_many_folders, "demo", "{0}-{0:08x}"),
    "a release of the highest serial that is empty": lambda site: (
        site.drive / "depot/demo/999999999-ffffffff"
    ).mkdir(),
    "a release that is a pipe": lambda site: os.mkfifo(site.drive / "depot/demo/9-00000009"),
    "an environment that is a pipe": lambda site: os.mkfifo(site.drive / "depot/other"),
}
