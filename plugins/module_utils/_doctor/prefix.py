# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on the prefix: files that cannot be told where the environment lives on a host."""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import leads_out
from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import (
    Case,
    Complained,
    Line,
    complain,
    named,
    some,
)
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import Package


def link_leads_out(case: Case) -> Iterator[Complained]:
    """Find symbolic links that lead out of the environment, absolute ones into it included."""
    links = case.tree.links
    outward = [path for path in links if leads_out(path, links)]
    for packages, paths in _by_owner(case, outward).items():
        lines = [line for package in packages for line in _lines(case, package)]
        yield complain(
            "link-leads-out",
            f"{named(packages) or 'no package'}: {some(f'{path} -> {links[path]}' for path in paths)}",
            packages,
            f"{case.removal(lines[0])}, or use another version" if lines else "remove its package",
            lines[0].where if lines else str(case.tree.prefix),
        )


def prefix_too_long(case: Case) -> Iterator[Complained]:
    """Find binary files that have no room for the path on the hosts. Without that path nothing can be said."""
    length = len(os.fsencode(case.dest_prefix))
    short: dict[Package, list[tuple[int, str]]] = {}
    for claimed in case.tree.claims.values():
        package, file = claimed[0]
        room = len(os.fsencode(file.placeholder))
        if file.mode == "binary" and room < length:
            short.setdefault(package.package, []).append((room, file.path))
    if not short:
        return
    room, path = min(entry for entries in short.values() for entry in entries)
    yield complain(
        "prefix-too-long",
        f"{case.dest_prefix} has {length} bytes, {path} has space for {room}; packages: {named(short)}",
        tuple(short),
        f"write a build_root that is at least {length - room} characters shorter",
        "build_root in the inventory",
    )


def prefix_in_binary(case: Case) -> Iterator[Complained]:
    """Find binary files, not brought by conda, that hold the path of the environment on this machine.

    conda-pack takes what is UTF-8 for text and rewrites the path in it, such as in the console scripts of pip's
    packages; not where it is written in another way. Byte code has it only to show it.
    """
    prefix = str(case.tree.prefix)
    paths = [path for path in case.tree.unmanaged if not path.endswith(".pyc")]
    found = [path for path in paths if _holds(case.tree.prefix / path, prefix)]
    for packages, paths in _by_owner(case, found).items():
        where, change = _instead(case, packages)
        yield complain("prefix-in-binary", f"{named(packages) or 'no package'}: {some(paths)}", packages, change, where)


def build_path_left(case: Case) -> Iterator[Complained]:
    """Find files, not brought by conda, with a path of the build in them that is not the environment's own.

    Nobody rewrites it: another environment's, that of a package in the cache, that of a folder that is gone.
    """
    tree = case.tree
    folders = {
        str(case.work or tree.prefix.parent),
        *(os.path.dirname(item.cache) for item in tree.conda if item.cache),
    }
    folders |= {os.path.realpath(folder) for folder in folders}
    found = {path: text for path in tree.unmanaged if (text := _other_path(tree.prefix, path, folders))}
    for packages, paths in _by_owner(case, found).items():
        where, change = _instead(case, packages)
        shown = some(f"{path} ({found[path]})" for path in paths)
        yield complain("build-path-left", f"{named(packages) or 'no package'}: {shown}", packages, change, where)


def _instead(case: Case, packages: tuple[Package, ...]) -> tuple[str, str]:
    if not packages:
        return str(case.file), "remove the package that writes them"
    name = packages[0].name
    return case.move_to_conda(name, name, f"{name}={packages[0].version}")


def _spellings(path: str) -> Iterator[tuple[bytes, bool]]:
    """Yield a path as files hold it, and whether that is plain: as it is, as JSON may escape it, in two bytes each."""
    yield os.fsencode(path), True
    yield os.fsencode(path.replace("/", "\\/")), False
    yield path.encode("utf-16-le", "surrogatepass"), False


def _holds(path: os.PathLike[str], prefix: str) -> bool:
    """Tell whether a file holds ``prefix`` where nobody rewrites it; plain text, links and empty files do not count."""
    with _content(path) as content:
        for needle, plain in _spellings(prefix):
            if content is not None and find(content, needle) >= 0 and not (plain and _is_text(content)):
                return True
    return False


def find(content: mmap.mmap, needle: bytes, start: int = 0) -> int:
    """Return where ``needle`` is in the content of a file, or -1.

    Not by ``mmap.find``, which until Python 3.11.4 reads a byte behind the file: of a file that fills its last page,
    that ends the process (gh-105235).
    """
    match = re.compile(re.escape(needle)).search(content, start)
    return match.start() if match else -1


def _is_text(content: mmap.mmap) -> bool:
    try:
        content[:].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _other_path(prefix: Path, name: str, folders: Iterable[str]) -> str:
    """Return the first path below ``folders`` in a file that does not lead into the prefix, or nothing."""
    own = (str(prefix), os.path.realpath(prefix))
    with _content(prefix / name) as content:
        for folder in folders if content is not None else ():
            for needle, _plain in _spellings(f"{folder}/"):
                at = find(content, needle) if content is not None else -1
                while content is not None and at >= 0:
                    text = _path_at(content, at, needle)
                    if not any(_is_path(text, path, content) for path in own):
                        return text
                    at = find(content, needle, at + len(needle))
    return ""


def _is_path(text: str, path: str, content: mmap.mmap) -> bool:
    """Tell whether a text is a path or one below it. In a binary file anything may follow the end of a path."""
    return text.startswith(path) and (text[len(path) :][:1] in ("", "/") or not _is_text(content))


def _path_at(content: mmap.mmap, at: int, needle: bytes) -> str:
    raw = content[at : at + 1024]
    text = raw.decode("utf-16-le" if b"\0" in needle else "utf-8", "replace").replace("\\/", "/")
    match = re.match(r"[\w/.+@~=-]+", text)
    return match[0] if match else ""


@contextlib.contextmanager
def _content(path: os.PathLike[str]) -> Iterator[mmap.mmap | None]:
    """Give the bytes of a regular file that is not empty."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        yield None
        return
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _by_owner(case: Case, paths: Iterable[str]) -> dict[tuple[Package, ...], list[str]]:
    """Sort paths by the packages that brought them: one, or several that share them, or none."""
    groups: dict[tuple[Package, ...], list[str]] = {}
    for path in paths:
        owners = [package.package for package, _file in case.tree.claims.get(path, ())]
        owners += [item.package for item in case.tree.pip_files.get(path, ())]
        groups.setdefault(tuple(owners), []).append(path)
    return groups


def _lines(case: Case, package: Package) -> list[Line]:
    lines = case.conda_lines if package.manager == "conda" else case.pip_lines
    return [lines[package.name]] if package.name in lines else []
