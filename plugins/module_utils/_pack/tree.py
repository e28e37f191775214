# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tree that a release is packed from: conda-pack decides what is in it and rewrites the prefix, links do the rest.

conda-pack 0.9.2 can make a tree itself, but copies every file that pip installed, which costs a second tree and makes
byte code older than its source; and it drops every error on the way, with the files after it.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import shutil
import stat
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import recorded_site, site_folders
from ansible_collections.airgap.conda.plugins.module_utils._environment.brought import brought_into
from ansible_collections.airgap.conda.plugins.module_utils._environment.records import conda_files
from ansible_collections.airgap.conda.plugins.module_utils._pack.shebang import fitted

# Bytes of a file that are looked at at a time.
READ = 256 << 10
RECORD = re.compile(r"conda-meta/[^/]+\.json")


class LinkTree:
    """What conda-pack takes for an archive: hard links to files that stay as they are, new files for the others.

    These already contain the path on the hosts, ``dest_prefix``; it may be too long for a shebang.
    Nothing takes the place of what is ``final``.
    """

    final: Collection[str] = ()

    def __init__(self, tree: Path, dest_prefix: str = "") -> None:
        self._tree, self._dest_prefix = str(tree), dest_prefix
        self._folders: set[str] = set()

    def add(self, source: str, target: str) -> None:
        """Take the file, link or empty folder ``source`` unchanged."""
        if target in self.final:
            return
        place = self._place(target)
        try:
            os.link(source, place, follow_symlinks=False)
        except OSError as error:
            if os.path.isdir(source) and not os.path.islink(source):
                os.makedirs(place, exist_ok=True)
            elif isinstance(error, FileExistsError):
                os.unlink(place)
                self.add(source, target)
            else:  # conda-pack's own scripts may be on another file system
                shutil.copy2(source, place, follow_symlinks=False)

    def add_link(self, leads_to: str, target: str) -> None:
        """Make a symbolic link."""
        os.symlink(leads_to, self._place(target))

    def add_bytes(self, source: str, data: bytes, target: str) -> None:
        """Take ``source`` with the content ``data``."""
        data = fitted(data, self._dest_prefix)
        if os.path.getsize(source) == len(data) and Path(source).read_bytes() == data:
            self.add(source, target)
            return
        place = self._place(target)
        # What is there may be a link to the environment's file: never write into it.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)
        with open(place, "wb") as stream:
            stream.write(data)
        shutil.copymode(source, place)

    def _place(self, target: str) -> str:
        folder = target.rpartition("/")[0]
        if folder not in self._folders:
            os.makedirs(f"{self._tree}/{folder}", exist_ok=True)
            self._folders.add(folder)
        return f"{self._tree}/{target}"


def make_tree(prefix: Path, tree: Path, dest_prefix: str, allow: Collection[str] = ()) -> None:
    """Make ``tree`` out of the environment at ``prefix``, for its place ``dest_prefix`` on the hosts.

    The records in conda-meta are those of the environment, and still tell of it.

    Raises AirgapError when files of conda's packages are gone or other ones, when there are editable installs, or when
    the package cache is gone, unless the doctor's finding of that is among those to ``allow``.
    """
    import conda_pack
    from conda_pack.core import Packer

    options = {
        "ignore_missing_files": not {"pip-replaced-conda-files", "conda-files-changed"}.isdisjoint(allow),
        "ignore_editable_packages": "editable-install" in allow,
        "on_missing_cache": "ignore" if "package-cache-missing" in allow else "warn",
    }

    try:
        with warnings.catch_warnings():
            # Its one warning says that the package cache is gone; it would then miss prefixes in binary files.
            warnings.simplefilter("error", UserWarning)
            with _knowing(prefix):
                # One for each path, though two packages may have it.
                files = {file.target: file for file in conda_pack.CondaEnv.from_prefix(str(prefix), **options)}
    except (conda_pack.CondaPackException, UserWarning) as error:
        raise AirgapError(
            "conda-pack could not pack the environment",
            code="pack-failed",
            wanted="an environment whose files belong to one package each, and its package cache",
            found=mask_credentials(" ".join(str(error).split())),
            where=str(prefix),
            remedy="let either conda or pip install the packages named here; if the cache is missing, remove the "
            "environment, so that it is made again",
        ) from error
    owned = conda_files(prefix)
    links, needle = LinkTree(tree, dest_prefix), os.fsencode(prefix)
    packer = Packer(str(prefix), links, dest_prefix)
    for file in files.values():
        if file.is_conda and file.target not in owned and not file.target.startswith("conda-meta/"):
            # A script of the package rewrote it; conda-pack would use the package's original.
            file.source, file.file_mode = f"{prefix}/{file.target}", "unknown"
        place = _moved(file.target, prefix, dest_prefix)
        if place != file.target and os.path.islink(file.source):
            links.add_link(_moved_link(file.target, os.readlink(file.source), prefix, dest_prefix), place)
            continue
        file.target = place
        if file.file_mode == "unknown" and not _is_text_with(needle, file.source):
            links.add(file.source, file.target)
            continue
        if file.file_mode is None:
            file.source = f"{prefix}/{file.target}"  # what was built and tried; conda-pack would take the cache's
        if RECORD.fullmatch(file.target):
            # The packer rewrites it, so conda-pack need not; conda-pack only checks whether conda is installed.
            packer.packages.append(json.loads(Path(file.source).read_text(encoding="utf-8")))
            links.add(file.source, file.target)
            continue
        try:
            packer.add(file)
        except ValueError as error:
            raise AirgapError(
                "A file cannot be rewritten for its path on the hosts",
                code="rewrite-failed",
                wanted=f"a path in it that can be replaced by {dest_prefix}",
                found=str(error),
                where=str(prefix / file.target),
                remedy="choose a shorter root on the hosts",
            ) from error
    links.final = files  # conda-pack has its own bin/activate, and packages may too
    packer.finish()


@contextlib.contextmanager
def _knowing(prefix: Path) -> Iterator[None]:
    """Tell conda-pack what it takes for granted otherwise.

    Where the packages of this Python are: not always in lib/pythonX.Y of its version. And which files there are: it
    leaves out what lies in conda's own prefix (envs, pkgs, names that end in ~), where packages have files too.
    """
    from conda_pack import core

    sites = [str(path.relative_to(prefix)) for path in site_folders(prefix)]
    usual, usual_files = core.find_site_packages, core.load_files

    def found(path: str) -> str | None:
        guess = usual(path)
        recorded = [site for site in map(recorded_site, Path(path).glob("conda-meta/python-*.json")) if site]
        return next((site for site in [*recorded, guess, *sites] if site in sites), guess)

    def files(path: str) -> set[str]:
        names = {*conda_files(Path(path)), *(entry.path for entry in brought_into(Path(path)))}
        owned = {name for name in names if os.path.lexists(f"{path}/{name}")}
        return set(usual_files(path)) | owned

    core.find_site_packages, core.load_files = found, files
    try:
        yield
    finally:
        core.find_site_packages, core.load_files = usual, usual_files


def _moved(path: str, prefix: Path, dest_prefix: str) -> str:
    """Return where a path belongs on the hosts: some name the prefix themselves, as what gdb loads for a library."""
    return f"{path}/".replace(f"{prefix}/", f"{dest_prefix}/").rstrip("/")


def _moved_link(path: str, leads_to: str, prefix: Path, dest_prefix: str) -> str:
    """Return where a link that ``_moved`` takes to another depth has to lead."""
    goal = os.path.normpath(os.path.join(os.path.dirname(path), leads_to))
    return os.path.relpath(_moved(goal, prefix, dest_prefix), os.path.dirname(_moved(path, prefix, dest_prefix)))


def _is_text_with(prefix: bytes, path: str) -> bool:
    """Return whether the file contains ``prefix`` and it can be replaced there.

    conda-pack looks itself, by reading whole files into memory. It leaves what is not UTF-8 as it is, and nearly all
    of an environment's bytes are known for that from their first block.
    """
    # Byte code is not text, and there is as much of it as of everything else.
    if path.endswith(".pyc") or not stat.S_ISREG(os.lstat(path).st_mode):
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = b""
    with open(path, "rb") as stream:
        while block := stream.read(READ):
            if prefix in before + block:
                return True
            if len(block) < READ:
                return False
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return False
            before = block[-len(prefix) :]
    return False
