# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""conda, mamba and micromamba by their command line, with the configuration that they have on the bastion.

Solving is a dry run whose JSON names every archive; installing takes an explicit list of archives. Both are the same
for the three programs. The program handles credentials itself: arguments contain none.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ANSWER_LIMIT, Outcome
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import DEFAULTS, Channels, virtual_packages
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import EXPLICIT
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler_install import install_failed, package_failed
from ansible_collections.airgap.conda.plugins.module_utils._solve.why import looser
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage, package_at
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target

# Of the bastion's variables: what would make the program another one, or think that it is in an environment.
_UNWANTED = re.compile(r"PYTHON.*|(CONDA|MAMBA)_(OVERRIDE_.*|PREFIX.*|DEFAULT_ENV|SHLVL|SUBDIR|PLATFORM)")
# Virtual packages that the programs look for on the machine they run on, unless they are told.
_OVERRIDES = ("glibc", "cuda", "linux", "archspec")
# What the programs call an unsolvable request.
_UNSOLVABLE = re.compile(r"Unsatisfiable|PackagesNotFound|ResolvePackageNotFound|SpecsConfigurationConflict")
# Characters of another program's message that a user gets to see.
_LONGEST = 1500


class CliBackend:
    """``cache`` is for this program's packages and indexes; ``deadline`` is in seconds, for one call."""

    alias: str | None = None
    runs_link_scripts = True

    def __init__(self, name: str, program: str, cache: Path, deadline: float) -> None:
        self.name, self._program, self._cache, self._deadline = name, program, cache, deadline

    def solve(self, specs: Sequence[str], channels: Channels, target: Target, where: str) -> list[CondaPackage]:
        """See Backend."""
        names, pinned = channels.pin(specs, where)
        arguments = ["create", "--yes", "--dry-run", "--override-channels"]
        if self.name == "conda":
            arguments.append("--no-default-packages")
        for name in names:
            arguments += [f"--channel={address}" for address in _addresses(name, channels)]
        variables = {
            **self._variables(target),
            **_setting("CHANNEL_PRIORITY", channels.priority),
            # Never holds a package, so that every archive has to be fetched: conda names the address of those only.
            "CONDA_PKGS_DIRS": str(self._folder("index")),
        }
        with tempfile.TemporaryDirectory(dir=self._folder("solve")) as scratch:
            done = self._run([*arguments, f"--prefix={scratch}/env", *pinned], variables)
        answer = _answer(done.output)
        if done.returncode != 0 or answer is None or answer.get("success") is False:
            raise self._refused(done, answer, specs, target, channels, where)
        return self._packages(answer, done)

    def install(self, packages: Sequence[CondaPackage], prefix: Path, target: Target) -> None:
        """See Backend."""
        lines = [EXPLICIT, *(f"{package.source}#{package.hash}".rstrip("#") for package in packages)]
        variables = {
            **self._variables(target),
            # Hash every file: one shared with an older prefix may have been written into there.
            **_setting("SAFETY_CHECKS", "enabled"),
            **_setting("EXTRA_SAFETY_CHECKS", "true"),
            "CONDA_PKGS_DIRS": str(self._folder("pkgs")),
            "CONDA_REGISTER_ENVS": "false",
        }
        with tempfile.TemporaryDirectory(dir=self._folder("solve")) as scratch:
            listing = Path(scratch, "explicit.txt")
            listing.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            done = self._run(["create", "--yes", f"--prefix={prefix}", f"--file={listing}"], variables)
        answer = _answer(done.output)
        if done.returncode != 0 or (answer or {}).get("success") is False:
            raise install_failed(_reason(done, answer), packages, prefix)
        self._verify(packages)
        (prefix / ".mambarc").unlink(missing_ok=True)  # says for which platform mamba made it

    def _verify(self, packages: Sequence[CondaPackage]) -> None:
        """Hash the archives that were fetched: mamba before 2.1 passes over a sha256 in an explicit list."""
        for package in packages:
            path = self._folder("pkgs") / package.file
            if package.sha256 and path.is_file():
                found = sha256_file(path)
                if found != package.sha256:
                    raise package_failed(package, f"sha256 {found} in {path}")

    def _folder(self, name: str) -> Path:
        path = self._cache / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AirgapError(
                "The cache cannot be written",
                code="cache-unwritable",
                wanted="a directory for packages and indexes",
                found=error.strerror or str(error),
                where=str(path),
                remedy="choose another 'cache' or grant permissions on this one",
            ) from error
        return path

    def _variables(self, target: Target) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _UNWANTED.fullmatch(name)}
        known = virtual_packages(target)
        for name in _OVERRIDES:
            version, build = known.get(f"__{name}", ("", ""))
            # An empty one says that the hosts have none, whatever the bastion has.
            kept[f"CONDA_OVERRIDE_{name.upper()}"] = build if name == "archspec" else version
        return {**kept, **_setting("ALWAYS_YES", "true"), "CONDA_SUBDIR": target.platform}

    def _run(self, arguments: Sequence[str], variables: Mapping[str, str]) -> Outcome:
        command = [self._program, arguments[0], "--json", *arguments[1:]]
        done = process.run(command, deadline=self._deadline, env=variables, apart=True, limit=ANSWER_LIMIT)
        if done.returncode is None:
            raise AirgapError(
                f"{self.name} did not finish",
                code="solver-unfinished",
                wanted=f"an answer to '{self.name} {arguments[0]}' within {self._deadline:.0f} s",
                found=_tail(done) or "no output",
                where=self._program,
                remedy="check the network and the channels, or allow more time with 'timeout' (role build: "
                "build_backend_timeout)",
            )
        return done

    def _packages(self, answer: Mapping[str, Any], done: Outcome) -> list[CondaPackage]:
        actions = answer.get("actions")
        if not isinstance(actions, dict) or not actions.get("LINK"):
            raise self._garbage(done)
        try:
            links = actions["LINK"]
            fetched = {_key(entry): entry for entry in [*actions.get("FETCH", []), *links] if entry.get("url")}
            return sorted(
                (self._package(fetched.get(_key(entry)) or self._cached(entry)) for entry in links),
                key=lambda package: package.name,
            )
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise self._garbage(done) from error

    def _package(self, entry: Mapping[str, Any]) -> CondaPackage:
        size = entry.get("size") or 0
        package = package_at(str(entry["url"]), entry.get("sha256") or "", entry.get("md5") or "", int(size))
        if package is None:
            raise ValueError("no URL of a package")
        return package

    def _cached(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return what conda keeps about a package in one of the caches that its configuration adds to ours."""
        information = _answer(self._run(["info"], dict(os.environ)).output) or {}
        for folder in information.get("pkgs_dirs", []):
            path = Path(folder, entry["dist_name"], "info", "repodata_record.json")
            if path.is_file():
                return dict(json.loads(path.read_text(encoding="utf-8")))
        raise KeyError("url")

    def _refused(
        self,
        done: Outcome,
        answer: Mapping[str, Any] | None,
        specs: Sequence[str],
        target: Target,
        channels: Channels,
        where: str,
    ) -> AirgapError:
        if answer is None and done.returncode == 0:
            return self._garbage(done)
        reason = _reason(done, answer)
        name = str((answer or {}).get("exception_name", ""))
        if "ToSNonInteractive" in name + reason or "Terms of Service" in reason:
            return AirgapError(
                "A channel requires acceptance of its terms of service",
                code="terms-not-accepted",
                wanted="channels that an unattended run can read",
                found=reason,
                where=channels.where,
                remedy="accept them on the bastion if you may (conda tos accept, or the variable "
                "CONDA_PLUGINS_AUTO_ACCEPT_TOS=yes), or use another channel, such as conda-forge instead of defaults",
            )
        virtual = ", ".join(f"{key} {version}" for key, (version, _build) in virtual_packages(target).items())
        unsolvable = _UNSOLVABLE.search(name) or "solver_problems" in (answer or {})
        return AirgapError(
            "The environment cannot be solved" if unsolvable else f"{self.name} could not query the packages",
            code="unsolvable" if unsolvable else "query-failed",
            wanted=mask_credentials(", ".join(specs)),
            found=reason,
            where=where if unsolvable else self._program,
            remedy=looser(virtual, specs, channels.names, channels.priority)
            if unsolvable
            else f"make '{self.name} create --dry-run' work for this user on the bastion: channels, network, proxy, "
            "credentials and its own configuration",
        )

    def _garbage(self, done: Outcome) -> AirgapError:
        return AirgapError(
            f"{self.name} gave an invalid answer",
            code="solver-answer",
            wanted="JSON that names each package and its URL, as conda 24.9, mamba and micromamba 2.1 give it",
            found=_tail(done) or "no output",
            where=self._program,
            remedy=f"check that this is {self.name} and not a wrapper with its own output, and update it if it is old",
        )


def _addresses(name: str, channels: Channels) -> list[str]:
    if name == "defaults" and channels.alias:
        return [channels.address(part) for part in DEFAULTS]
    return [channels.address(name)]


def _setting(name: str, value: str) -> dict[str, str]:
    return {f"CONDA_{name}": value, f"MAMBA_{name}": value}


def _key(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return entry["name"], entry["version"], entry.get("build_string") or entry["build"]


def _answer(text: str) -> dict[str, Any] | None:
    """Return the last JSON object in the output: older programs write progress as objects before it, or warnings."""
    found, start = None, text.find("{")
    while start >= 0:
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            end = start + 1
        else:
            found = value
        start = text.find("{", end)
    return found


def _reason(done: Outcome, answer: Mapping[str, Any] | None) -> str:
    """Return what the program says of its failure: in its answer, else in its last lines."""
    answer = answer or {}
    texts = [str(inner["error"]) for inner in answer.get("errors", []) if isinstance(inner, dict) and "error" in inner]
    for key in ("solver_problems", "message", "error"):
        if not texts and answer.get(key):
            value = answer[key]
            texts = list(map(str, value)) if isinstance(value, list) else [str(value)]
    if texts:
        return _shown("; ".join(dict.fromkeys(texts)))
    return _tail(done) or f"exit status {done.returncode} without output"


def _tail(done: Outcome) -> str:
    lines = [line.strip() for line in (done.error.strip() or done.output.strip()).splitlines() if line.strip()]
    return _shown("; ".join(lines[-6:]))


def _shown(text: str) -> str:
    text = mask_credentials(re.sub(r"\s*\n\s*", "; ", text.strip()))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
