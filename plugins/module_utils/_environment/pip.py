# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the pip section of a spec with the environment's own pip."""

from __future__ import annotations

import contextlib
import csv
import importlib.metadata
import io
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import write_anew
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials, without_credentials
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import normal_name, site_folders
from ansible_collections.airgap.conda.plugins.module_utils._environment.container import Container
from ansible_collections.airgap.conda.plugins.module_utils._environment.inside import Inside
from ansible_collections.airgap.conda.plugins.module_utils._environment.pip_check import OLDEST_PIP, require_all
from ansible_collections.airgap.conda.plugins.module_utils._environment.python import python_of
from ansible_collections.airgap.conda.plugins.module_utils._environment.records import conda_files
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import PipPackage


def pip_install(
    prefix: Path,
    requirements: Sequence[str],
    where: str,
    dry_run: bool = False,
    container: Container | None = None,
    constraints: Sequence[str] = (),
) -> list[PipPackage]:
    """Install the requirements and return what came in with them, sorted by name.

    ``where`` is the file with the requirements, for messages. The machine's own pip settings (index, proxy,
    certificates) hold, in the ``container`` too. ``dry_run`` only finds out what would be installed.
    """
    output, found = _pip(prefix, requirements, ["--dry-run"] if dry_run else [], container, constraints)
    if found is None:
        raise _failed(requirements, where, decisive_lines(output))
    require_all(requirements, found, output, lambda: _installed(prefix), where)
    return found


def pip_install_locked(
    prefix: Path, lines: Sequence[str], options: Sequence[str], where: str, container: Container | None = None
) -> list[PipPackage]:
    """Install exactly what the ``lines`` of a pip.lock name, from the places that the ``options`` of the spec name.

    Raises AirgapError that names the package whose file is missing or another one.
    """
    hashed = [line for line in lines if "--hash=" in line]
    others = [line for line in lines if "--hash=" not in line]
    installed: list[PipPackage] = []
    # One line with a hash makes pip demand one of every line, and a repository has none: its commit is the pin.
    for part in (hashed, others):
        if part:
            output, found = _pip(prefix, [*options, *part], ["--no-deps"], container)
            if found is None:
                raise _not_as_locked(output, part, where)
            require_all(part, found, output, lambda: _installed(prefix), where)
            installed += found
    return sorted(installed, key=lambda package: package.name)


def _installed(prefix: Path) -> list[str]:
    """Return the names of the Python packages in a prefix, whoever brought them."""
    folders = [str(folder) for folder in site_folders(prefix)]
    return [package.metadata["Name"] or "" for package in importlib.metadata.distributions(path=folders)]


def _pip(
    prefix: Path,
    requirements: Sequence[str],
    options: Sequence[str],
    container: Container | None,
    constraints: Sequence[str] = (),
) -> tuple[str, list[PipPackage] | None]:
    """Run ``pip install``; return what it says and what it installed, which is None when it failed."""
    python, inside = python_of(prefix), Inside(prefix, container)
    with tempfile.TemporaryDirectory(prefix="airgap-pip-") as folder:
        scratch = Path(folder)
        listing, report = scratch / "requirements.txt", scratch / "report.json"
        listing.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
        if constraints:
            limits = scratch / "constraints.txt"
            limits.write_text("".join(f"{line}\n" for line in constraints), encoding="utf-8")
            options = [*options, "-c", str(limits)]
        command = [str(python), "-m", "pip", "install", "--no-input", "--no-compile", "--no-user"]
        command += ["--disable-pip-version-check", "--report", str(report), "-r", str(listing), *options]
        variables = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_QUIET": "0", **_cache(inside, python, scratch)}
        done = inside.run(command, scratch, variables)
        if done.returncode is None:
            return f"{done.output}\n{done.how}", None
        if not done.ok:
            return done.output, None
        return done.output, read_report(json.loads(report.read_text(encoding="utf-8")))


def _cache(inside: Inside, python: Path, scratch: Path) -> dict[str, str]:
    """Return the setting for a separate pip cache, which has the machine's downloads but no wheels.

    A wheel that was built here may hold the prefix that it was built in; pip would install it in every other one.
    """
    own = scratch / "cache"
    own.mkdir()
    if inside.container is None:  # there pip sees none of this machine's
        asked = inside.run([str(python), "-m", "pip", "cache", "dir"], scratch, {"PIP_REQUIRE_VIRTUALENV": "0"})
        lines = asked.output.strip().splitlines()
        if not asked.ok or not lines:
            return {}  # it has none, by its settings
        for name in ("http", "http-v2"):
            shared = Path(lines[-1], name)
            with contextlib.suppress(OSError):
                shared.mkdir(parents=True, exist_ok=True)
                if shared.stat().st_uid == os.geteuid():  # as pip does, which root may run for somebody
                    (own / name).symlink_to(shared)
    return {"PIP_CACHE_DIR": str(own)}


def settle_records(prefix: Path) -> None:
    """Make what pip writes down of its packages the same in every prefix and for every way of asking for them.

    pip notes which packages were asked for by name (from a lock all of them are), and the hash of each script, whose
    first line names the prefix. Neither means anything on a host. What a conda package brought stays as it is.
    """
    owned = conda_files(prefix)
    for installer in sorted(path for site in site_folders(prefix) for path in site.glob("*.dist-info/INSTALLER")):
        record, requested = installer.with_name("RECORD"), installer.with_name("REQUESTED")
        if not installer.read_bytes().startswith(b"pip") or not record.is_file():
            continue
        if str(record.relative_to(prefix)) in owned:
            continue
        requested.unlink(missing_ok=True)
        rows = list(csv.reader(record.read_text(encoding="utf-8").splitlines()))
        settled = io.StringIO()
        writer = csv.writer(settled, lineterminator="\n")
        for path, *rest in sorted(row for row in rows if row):
            if path != f"{record.parent.name}/REQUESTED":
                place = os.path.relpath(record.parents[1] / path, prefix)
                writer.writerow([path, "", ""] if place.startswith("bin/") else [path, *rest])
        write_anew(record, settled.getvalue().encode("utf-8"))


def read_report(report: Mapping[str, Any]) -> list[PipPackage]:
    """Return what a report of ``pip install --report`` lists as installed, sorted by name."""
    found = []
    for item in report["install"]:
        source = item["download_info"]
        archive = source.get("archive_info", {})
        sha256 = archive.get("hashes", {}).get("sha256", "")
        if not sha256 and archive.get("hash", "").startswith("sha256="):
            sha256 = archive["hash"].partition("=")[2]
        url = without_credentials(source["url"])
        if "vcs_info" in source:
            url = f"{source['vcs_info']['vcs']}+{url}@{source['vcs_info']['commit_id']}"
        metadata = item["metadata"]
        name = normal_name(metadata["name"])
        direct = item.get("is_direct", False) or not sha256
        built = not urlsplit(source["url"]).path.endswith(".whl")
        found.append(PipPackage(name, metadata["version"], sha256, url, direct, built))
    return sorted(found, key=lambda package: package.name)


def decisive_lines(output: str) -> str:
    """Return the lines of pip's output that say what went wrong: its errors, or else its last words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"error|.*No module named", line, re.IGNORECASE)]
    return mask_credentials("; ".join((errors or lines)[-6:])) or "no output"


def _not_as_locked(output: str, lines: Sequence[str], where: str) -> AirgapError:
    """Return the one message for a package that is not available as the lock names it."""
    text = " ".join(output.split())
    wrong = re.search(r"(\S+==\S+) from .*?: Expected sha256 (\w+) Got (\w+)", text)
    absent = re.search(r"No matching distribution found for (\S+)", text)
    name = wrong[1] if wrong else absent[1] if absent else ""
    wanted = next((line for line in lines if name and line.startswith(name)), "exactly the packages in the lock")
    found = f"sha256 {wrong[3]}" if wrong else decisive_lines(output)
    return AirgapError(
        f"The pip package {name} is not available as the lock names it" if name else "pip cannot install the lock",
        code="lock-unavailable",
        wanted=mask_credentials(wanted),
        found=found,
        where=where,
        remedy="configure an index or folder for pip that has exactly this file, or recreate the lock with "
        "build_update: true",
    )


def _failed(requirements: Sequence[str], where: str, found: str) -> AirgapError:
    return AirgapError(
        "The pip list cannot be installed",
        code="pip-failed",
        wanted=mask_credentials(", ".join(requirements)),
        found=found,
        where=where,
        remedy="correct the requirement, check pip's index and network settings on the bastion, and keep python and "
        f"pip {OLDEST_PIP} or newer among the conda dependencies",
    )
