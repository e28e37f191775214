# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The store of a host: install, compare, keep and remove releases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    flush_directory,
    flush_file_system,
    make_folder,
    os_errors,
    replace_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import TOP, FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    IMAGE,
    MANIFEST,
    Manifest,
    Payload,
    next_older,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.place import in_the_way
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import read_entries, recorded
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import Difference, compare_tree
from ansible_collections.airgap.conda.plugins.module_utils._formats.delta import base_of
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Base, Damaged
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import is_image
from ansible_collections.airgap.conda.plugins.module_utils._store.activated import Activated
from ansible_collections.airgap.conda.plugins.module_utils._store.ahead import Ahead
from ansible_collections.airgap.conda.plugins.module_utils._store.arrived import Told, arrived, payload_of
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import damaged, extract
from ansible_collections.airgap.conda.plugins.module_utils._store.image import Image
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import unused
from ansible_collections.airgap.conda.plugins.module_utils._store.shared import Shared

# Next to the record of a release of which a delta did not make the newer one.
NO_BASE = "no-base"


@dataclass(frozen=True)
class Store(Activated):
    """The tree below ``root`` (``/opt/conda-envs``)."""

    def files(self, env: str, release: str) -> list[FileEntry]:
        """Read the list of files of an installed release; raises when it is not the one that its manifest names."""
        folder = self.state(env) / release
        record = recorded(folder / MANIFEST)
        remedy = f"run airgap.conda.repair with -e repair_env={env}; then look for who changed it"
        return read_entries(folder, record, remedy)[1]

    def require_free(self, env: str, release: str) -> None:
        """Raise AirgapError when something unknown is in the place of a release that is to be installed."""
        prefix = self.release(env, release)
        if os.path.lexists(prefix):
            raise in_the_way(str(prefix))

    def differences(self, env: str, release: str, content: bool = True) -> list[Difference]:
        """Return in what an installed release differs from what the bastion signed; its record has the same owner."""
        if self.came_as_image(env, release):
            image, payload = self.mountable(env, release), self.image_payload(env, release)
            wanted = f"{payload.format} with sha256 {payload.sha256}, mounted read-only from {image.file}"
            return [Difference(TOP.path, wanted, found) for found in image.faults(payload, content)]
        owner = (self.state(env) / release / MANIFEST).stat().st_uid
        return list(compare_tree(self.release(env, release), (TOP, *self.files(env, release)), content, owner))

    # --- releases that came as an image ------------------------------------------------------------------------------

    def mountable(self, env: str, release: str) -> Image:
        """Return the image of a release, whether there is one or not."""
        return Image(self.image(env, release), self.release(env, release))

    def image_payload(self, env: str, release: str) -> Payload:
        """Return what the image of a release has to be; raises AirgapError when its record does not say that."""
        format_name = self.image(env, release).suffix.removeprefix(".")
        return payload_of(self.manifest(env, release), format_name, self.state(env) / release)

    def held(self, env: str) -> list[str]:
        """Return the ids of the releases that are here, oldest serial first, mounted or not."""
        unmounted = [name for name in self._astray(env) if self.image(env, name).is_file()]
        return sorted([*self.releases(env), *unmounted], key=serial_of)

    def remount(self, env: str, release: str) -> None:
        """Mount an image that should be mounted, once it is seen to be what was signed.

        Raises AirgapError if not; one that is not current either is removed then, since it can be sent again.
        """
        image = self.mountable(env, release)
        with os_errors(f"Mounting {env} {release}", image.file):
            try:
                image.require(self.image_payload(env, release))
            except AirgapError:
                if self.current(env) != release:
                    self._take_away(env, release)
                raise
            image.mount()

    def unfinished(self, env: str) -> bool:
        """Tell whether there is something for ``recover``, or another run is at work."""
        return super().unfinished(env) or any(self._astray(env)) or Ahead(self.root, env).is_left

    def recover(self, env: str) -> None:
        """As for trees; an image that is not mounted is mounted, or goes if it has no record or no file.

        One that cannot be mounted stays as it is, and is none of ``releases``.
        """
        for release in list(self._astray(env)):
            with suppress(AirgapError):
                if (self.state(env) / release / MANIFEST).is_file() and self.image(env, release).is_file():
                    self.remount(env, release)
                else:
                    with os_errors(f"Removing what is left of {env} {release}", self.root):
                        self.mountable(env, release).remove()
        Ahead(self.root, env).clear()
        super().recover(env)

    def _astray(self, env: str) -> Iterator[str]:
        """Yield releases that came as an image and are not mounted."""
        files = {path.stem for path in self.image(env, "").parent.glob("[!.]*") if serial_of(path.stem)}
        noted = {path.parent.name for path in self.state(env).glob(f"*/{IMAGE}")}
        yield from (release for release in sorted(files | noted, key=serial_of) if self.unmounted(env, release))

    def _install_image(self, env: str, release: str, payload: Payload, files: list[FileEntry]) -> None:
        incoming, image = self.incoming(env, release), self.mountable(env, release)
        parts, older = [incoming / part.name for part in payload.parts], base_of(payload.format)
        replace_file(self.state(env) / release / IMAGE, b"mounted\n")
        if older:
            with self._out_of(env, release, older):
                image.write(parts, self.image_payload(env, release), self.image(env, older))
        else:
            image.write(parts, payload)
        image.mount()
        for difference in compare_tree(image.place, (TOP, *files), content=False, owner=0):
            raise damaged(str(image.file), f"{difference.path!r}: {difference.found}")

    # --- install and remove ------------------------------------------------------------------------------------------

    def install(
        self, env: str, release: str, manifest_sha256: str, format_name: str, signature_sha256: str = ""
    ) -> Manifest:
        """Unpack or mount a release from its incoming folder next to the others; ``current`` is not touched.

        ``manifest_sha256`` is the hash of the manifest whose signature the controller verified, ``signature_sha256``
        that of the signature. On an error neither the release nor its parts are left.
        """
        prefix, incoming = self.release(env, release), self.incoming(env, release)
        self.require_free(env, release)
        staging = self.root / ".staging" / env
        try:
            with os_errors(f"Installing {env} {release}", staging):
                told = Told(env, release, manifest_sha256, format_name, signature_sha256)
                here = arrived(self.root, incoming, told)
                tree = staging / release
                is_unpacked = Ahead(self.root, env).take(told, tree)
                for part in [] if is_unpacked else here.parts:
                    here.require(part)
                here.write_down(self.state(env) / release)
                if is_image(format_name):
                    self._install_image(env, release, here.payload, here.entries)
                    return here.trusted.manifest
                if not is_unpacked:
                    make_folder(staging, 0o700)
                    tree.mkdir(mode=0o700)
                    self._unpack(env, here.parts, format_name, here.entries, tree)
                tree.chmod(0o755)
                make_folder(prefix.parent)
                flush_file_system(tree)
                os.rename(tree, prefix)
                flush_directory(prefix.parent)
        except AirgapError:
            with suppress(OSError):  # the disk may refuse this as well; what came first is told
                self._take_away(env, release)
            raise
        finally:
            self._clear(staging)
            self._clear(incoming)
        return here.trusted.manifest

    def _unpack(self, env: str, parts: list[Path], format_name: str, files: list[FileEntry], tree: Path) -> None:
        have, older = Shared(self, env, files).link, base_of(format_name)
        if not older:
            extract(parts, format_name, files, tree, have)
            return
        with self._out_of(env, tree.name, older):
            base = Base(self.release(env, older), self.files(env, older))
            extract(parts, format_name, files, tree, have, base)

    @contextmanager
    def _out_of(self, env: str, release: str, older: str) -> Iterator[None]:
        """Make one release out of another: what goes wrong is the fault of the older one, which is noted."""
        try:
            yield
        except (AirgapError, Damaged) as error:
            if older in self.releases(env):
                replace_file(self.state(env) / older / NO_BASE, b"")
            raise AirgapError(
                f"{env} {release} cannot be made out of {older}",
                code="delta-refused",
                wanted=f"{older} as it was signed",
                found=error.found if isinstance(error, AirgapError) else str(error),
                where=str(self.release(env, older)),
                remedy=f"none is needed: the whole release is taken instead, by this run or the next; "
                f"to see what differs in {older}, compare its files with its list",
            ) from error

    def is_base(self, env: str, release: str, for_image: bool = False) -> bool:
        """Tell whether a newer release may be made out of this one: it is here, and was not found damaged by that.

        ``for_image``: it has to be here as an image.
        """
        is_here = release in self.releases(env) and (not for_image or self.image(env, release).is_file())
        return is_here and not (self.state(env) / release / NO_BASE).exists()

    def require_removable(self, env: str, release: str) -> None:
        """Raise AirgapError when a release is current."""
        if self.current(env) == release:
            raise AirgapError(
                "The current release cannot be removed",
                code="release-current",
                wanted="a release that is not current",
                found=f"{env} {release} is current",
                where=str(self.release(env, release)),
                remedy="switch to another release first",
            )

    def remove(self, env: str, release: str) -> None:
        """Remove a release that is not current; it disappears from view by one rename."""
        self.require_removable(env, release)
        with os_errors(f"Removing {env} {release}", self.release(env, release)):
            self._take_away(env, release)

    def remove_unused(self, env: str, release: str, concerns: list[str]) -> bool:
        """As ``remove``, but a release that is in use stays for the next run, and ``concerns`` gets why."""
        try:
            self.remove(env, release)
        except AirgapError as error:
            if error.code != "release-in-use":
                raise
            concerns.append(f"{env} {release} was not removed: {error.found}")
            return False
        return True

    def remove_env(self, env: str) -> None:
        """Remove an environment: first no release of it is current any more, then they go one after another.

        The mark and the log stay, so that an old release that is offered later is still refused.
        """
        with os_errors(f"Removing {env}", self.root / env):
            self._hide(env)
            self._record_switch(env)
            for release in self.held(env):
                self._take_away(env, release)

    def _take_away(self, env: str, release: str) -> None:
        trash = self.root / ".staging" / env / f"remove-{release}"
        if self.came_as_image(env, release):
            self.mountable(env, release).remove()
        elif self.release(env, release).is_dir():
            make_folder(trash.parent, 0o700)
            os.rename(self.release(env, release), trash)
            flush_directory(self.root / env)
        shutil.rmtree(self.state(env) / release, ignore_errors=True)
        self._clear(trash)
        with suppress(OSError):
            (self.root / env).rmdir()  # when it was the first and only one

    def clear_incoming(self, env: str, release: str) -> None:
        """Delete parts of this release and of older ones, which an interrupted transfer left."""
        folder = self.root / ".incoming" / env
        for path in list(folder.iterdir()) if folder.is_dir() else []:
            if serial_of(path.name) <= serial_of(release):
                self._clear(path)

    def prunable(self, env: str, keep: int, then: str = "", concerns: list[str] | None = None) -> list[str]:
        """Return the releases that may go: not among the newest ``keep``, not current, previous or in use.

        ``then`` is a release that will be installed and current before they go. ``concerns`` gets why none may.
        """
        releases = sorted({*self.held(env), then} - {""}, key=serial_of)
        current = then or self.current(env)
        kept = {current, next_older(current, releases), *releases[max(0, len(releases) - keep) :]}
        old = {name: self.release(env, name) for name in releases if name not in kept}
        free = unused(self.root, old.values(), [] if concerns is None else concerns)
        return [name for name, prefix in old.items() if prefix in free]
