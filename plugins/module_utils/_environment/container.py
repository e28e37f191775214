# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the environment's own programs in a container that mimics the hosts.

pip is where the build's system leaks in: it takes the wheels that fit the C library it sees, and compiles against it.
So pip, and all else that runs the environment's Python, can run in an image of the hosts' system. That Python and
everything it needs is mounted at its own path: the image needs none. Each call is a container of its own, which is gone
when the call ends.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._run import process

ENGINES = ("podman", "docker")
# Seconds that an engine gets for one answer: it may have to fetch an image of a few GB.
LIMIT = 3600
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Settings for networks and pip. They may hold passwords: the engine is told their names, and takes the values itself.
SETTINGS = re.compile(r"PIP_\w+|\w+_proxy|\w+_PROXY|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC")
# The same in files: pip's own, users and passwords, authorities (an image may well have none).
FILES = (
    "/etc/pip.conf", "~/.config/pip", "~/.pip", "~/.netrc",
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
)  # fmt: skip


@dataclass(frozen=True)
class Container:
    """An image, and how to run it. ``engine`` is a path; ``options`` are more of its options."""

    image: str
    engine: str
    options: tuple[str, ...] = ()

    def command(
        self,
        words: Sequence[str],
        variables: Mapping[str, str],
        prefix: Path,
        folder: Path | None = None,
        given: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Return the command that runs ``words`` in the image, as the user who builds and with that user's network.

        ``variables`` are those of the environment's programs; the command itself needs them too. ``prefix`` is
        the environment's, ``folder`` the one to work in; both are at their own paths and can be written. What is
        ``given`` is set there whatever else would be.
        """
        names = sorted(name for name in variables if SETTINGS.fullmatch(name))
        own = {name: value for name, value in variables.items() if name.startswith(("PYTHON", "CONDA_"))}
        own.update(PATH=f"{prefix}/bin:{PATH}", HOME=str(Path.home()), LC_ALL="C.UTF-8")
        own.update({name: value for name, value in (given or {}).items() if name not in names})
        written = _outermost([prefix, *([folder] if folder else [])])
        named = [Path(variables[name]) for name in names if variables[name].startswith("/")]
        read = _outermost([*named, *(Path(name).expanduser() for name in FILES)], written)
        return [
            self.engine, "run", "--rm", "--network=host", "--security-opt=label=disable", "--label=airgap.conda=build",
            f"--workdir={folder or '/'}", *self._user(),
            *(f"--env={name}" for name in names), *(f"--env={name}={value}" for name, value in own.items()),
            *(f"--mount=type=bind,source={path},target={path}" for path in written),
            *(f"--mount=type=bind,source={path},target={path},readonly" for path in read),
            *self.options, self.image, *words,
        ]  # fmt: skip

    def _user(self) -> list[str]:
        """Return what makes files of the container belong to the user who builds.

        Root is root. For rootless podman, and rootless docker, the container's root is that user; a docker daemon that
        runs as root has to be told.
        """
        if os.geteuid() == 0 or "docker" not in os.path.basename(self.engine):
            return []
        asked = _run([self.engine, "info", "--format", "{{.SecurityOptions}}"])
        return [] if "rootless" in asked.output else [f"--user={os.geteuid()}:{os.getegid()}"]

    def check(self, glibc: str | None) -> None:
        """Refuse an image that cannot be used, or that is newer than the oldest host, whose ``glibc`` this is."""
        found = self.glibc()
        if glibc and version_key(found) > version_key(glibc):
            raise AirgapError(
                "The build image is newer than the hosts",
                code="image-too-new",
                wanted=f"glibc {glibc} or older, the target",
                found=f"glibc {found}",
                where=self.image,
                remedy="set build_container to an image of the oldest host's system, or raise target.glibc",
            )

    def glibc(self) -> str:
        """Return the version of the image's glibc. Fetches the image; raises AirgapError when it cannot be used."""
        command = [self.engine, "run", "--rm", "--network=none", self.image, "getconf", "GNU_LIBC_VERSION"]
        done = _run(command)
        version = re.fullmatch(r"glibc (\d+(?:\.\d+)+)", done.output.strip())
        if not done.ok or not version:
            lines = [line for line in done.error.splitlines() if line.strip()]
            # docker ends with a line on its help, podman begins with its attempts.
            said = [line for line in lines if "error" in line.lower()] or lines
            raise AirgapError(
                "The build image cannot be used",
                code="image-unusable",
                wanted="an image of the hosts' system, with its glibc, local or downloadable",
                found=said[-1] if said else f"{done.how}: {done.output!r}",
                where=self.image,
                remedy=f"correct build_container; for details, run: {' '.join(command)}",
            )
        return version[1]


def container(image: str, engine: str = "", options: Sequence[str] = ()) -> Container:
    """Return the container of ``image`` for the engine of this name or path, or for the first that is there."""
    for name in [engine] if engine else ENGINES:
        found = shutil.which(name)
        if found:
            return Container(image, found, tuple(options))
    raise AirgapError(
        "There is no program to run containers",
        code="program-missing",
        wanted=engine or " or ".join(ENGINES),
        found="no such program",
        where=f"PATH ({os.environ.get('PATH', os.defpath)})",
        remedy="install podman or docker, or build without build_container on a machine as old as the oldest host",
    )


def _outermost(paths: Iterable[Path], others: Iterable[Path] = ()) -> list[Path]:
    """Return those of ``paths`` that exist and are not below another, or below one of ``others``."""
    found = sorted({Path(os.path.abspath(path)) for path in paths if path.exists()})
    whole = [*found, *others]
    return [path for path in found if path not in others and not any(other in path.parents for other in whole)]


def _run(command: Sequence[str]) -> process.Outcome:
    return process.run(command, deadline=LIMIT, cwd=os.getcwd(), apart=True, whole=False)
