# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the pip section of a spec with the environment's own pip."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._python import clean_variables, python_of
from ansible_collections.airgap.conda.plugins.module_utils._urls import mask_credentials, without_credentials


@dataclass(frozen=True)
class PipPackage:
    """What pip installed: ``sha256`` is the hash of the file it took, empty when there was no file (a repository)."""

    name: str
    version: str
    sha256: str
    url: str


def pip_install(prefix: Path, requirements: Sequence[str], where: str, dry_run: bool = False) -> list[PipPackage]:
    """Install the requirements and return what came in with them, sorted by name.

    ``where`` is the file that the requirements stand in, for messages. The machine's own pip settings (index, proxy,
    certificates) hold. ``dry_run`` only finds out what would be installed.
    """
    python = python_of(prefix)
    with tempfile.TemporaryDirectory(prefix="airgap-pip-") as scratch:
        listing, report = Path(scratch) / "requirements.txt", Path(scratch) / "report.json"
        listing.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
        command = [str(python), "-m", "pip", "install", "--no-input", "--no-compile", "--no-user"]
        command += ["--disable-pip-version-check", "--report", str(report), "-r", str(listing)]
        if dry_run:
            command.append("--dry-run")
        try:
            # pylint: disable-next=ansible-bad-function  # this library knows no module
            done = subprocess.run(
                command,
                cwd=scratch,
                env={**clean_variables(prefix, os.environ), "PIP_REQUIRE_VIRTUALENV": "0"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise _failed(requirements, where, f"{python}: {error.strerror}") from error
        if done.returncode != 0:
            raise _failed(requirements, where, decisive_lines(done.stdout))
        return read_report(json.loads(report.read_text(encoding="utf-8")))


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
        found.append(PipPackage(re.sub(r"[-_.]+", "-", metadata["name"]).lower(), metadata["version"], sha256, url))
    return sorted(found, key=lambda package: package.name)


def decisive_lines(output: str) -> str:
    """Return the lines of pip's output that say what went wrong: its errors, or else its last words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"error|.*No module named", line, re.IGNORECASE)]
    return mask_credentials("; ".join((errors or lines)[-6:])) or "no output"


def _failed(requirements: Sequence[str], where: str, found: str) -> AirgapError:
    return AirgapError(
        "The pip section cannot be installed",
        wanted=mask_credentials(", ".join(requirements)),
        found=found,
        where=where,
        remedy="correct the requirement, check pip's index and network settings on the bastion, and keep python and "
        "pip 22.2 or newer among the conda dependencies",
    )
