# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``airgap-envs``: what is on this host, for people at the host. It needs neither Ansible nor depot nor network."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify

NAME = Store(Path()).command.name
SCHEMA = 1
# What a shell gives to a program that was interrupted.
INTERRUPTED = 130


def main(root: Path, arguments: Sequence[str]) -> int:
    """Run one command on the store at ``root``; returns the exit status: 0 well, 1 a fault, 2 a wrong command line."""
    options = _parser(root).parse_args(arguments)
    try:
        with os_errors(NAME, root):
            return int(options.run(Store(root), options))
    except AirgapError as error:
        _complain(error)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(root: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=NAME, description=f"The environments in {root} on this host.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="show the environments and their releases")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=_list)

    check = commands.add_parser("verify", help="compare every file with what was signed, and run the checks")
    check.add_argument("env", nargs="?", metavar="ENV", help="only this environment")
    check.set_defaults(run=_verify)

    path = commands.add_parser("activate-path", help="print the path of the script to source")
    path.add_argument("env", metavar="ENV")
    path.set_defaults(run=_activate_path)

    # The file itself is sh, which takes this command before any Python starts (_cli_run); here for the help.
    start = commands.add_parser("run", help="execute a command in an activated environment: run ENV -- COMMAND ...")
    start.add_argument("command", nargs=argparse.REMAINDER, metavar="ENV -- COMMAND ...")
    start.set_defaults(run=_run)

    back = commands.add_parser("rollback", help="switch to an older release that is still on this host")
    back.add_argument("env", metavar="ENV")
    back.add_argument("release", nargs="?", default="", metavar="RELEASE", help="default: the previous release")
    back.set_defaults(run=_rollback)
    return parser


def inventory(store: Store) -> dict[str, Any]:
    """Return what is on this host: contract 3, the local facts ``ansible_local.conda_envs``."""
    envs = {
        env: {
            "current": store.current(env),
            "previous": store.previous(env),
            "installed": store.releases(env),
            "whole": store.current(env) in store.releases(env),
            "activate": str(store.root / env / "activate"),
        }
        for env in store.envs()
    }
    return {"schema": SCHEMA, "root": str(store.root), "envs": envs}


def _list(store: Store, options: argparse.Namespace) -> int:
    found = inventory(store)
    if options.json:
        _say(json.dumps(found, indent=1, sort_keys=True))
        return 0
    rows = [("ENVIRONMENT", "CURRENT", "ALSO HERE")]
    for env, item in found["envs"].items():
        others = [release for release in reversed(item["installed"]) if release != item["current"]]
        current = item["current"] if item["whole"] else f"{item['current']} (missing)"
        rows.append((env, current, ", ".join(others) or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for row in rows:
        _say(f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}")
    return 0


def _verify(store: Store, options: argparse.Namespace) -> int:
    faults = 0
    if options.env is not None:
        _require_env(store, options.env)
    for env in [options.env] if options.env else store.envs():
        try:
            found = verify(store, env)
        except AirgapError as error:
            faults += 1
            _complain(error)
            continue
        for text in found["warnings"]:
            _say(f"{NAME}: {text}", sys.stderr)
        _say(f"{env} {found['release']} is as it was signed, and its checks passed")
    return 1 if faults else 0


def _activate_path(store: Store, options: argparse.Namespace) -> int:
    _require_env(store, options.env)
    _say(str(store.root / options.env / "activate"))
    return 0


def _run(store: Store, options: argparse.Namespace) -> int:
    os.execv(store.command, [NAME, "run", *options.command])  # noqa: S606 - it is a program


def _rollback(store: Store, options: argparse.Namespace) -> int:
    env = options.env
    _require_env(store, env)
    _require_writable(store, env)
    before = store.current(env)
    back = rollback(store, env, options.release, check_mode=False)
    for text in back.warnings:
        _say(f"{NAME}: {text}", sys.stderr)
    _say(f"{env}: {before} -> {back.release}" if back.release != before else f"{env}: {before} is already current")
    return 0


def _require_env(store: Store, env: str) -> None:
    if env not in store.envs():
        raise AirgapError(
            f"There is no environment {env} on this host",
            code="env-missing",
            wanted=f"an environment {env} with a current release",
            found=f"environments {', '.join(store.envs()) or 'none'}",
            where=str(store.root),
            remedy=f"list the names with {NAME} list, or deploy it to this host",
        )


def _require_writable(store: Store, env: str) -> None:
    for folder in (store.root / env, store.state(env)):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise AirgapError(
                f"User {os.geteuid()} may not switch {env}",
                code="not-permitted",
                wanted="a user who can write to the store",
                found=f"no permission to write {folder}",
                where=str(folder),
                remedy=f"run it as root: sudo {store.root / 'bin' / NAME} rollback {env}",
            )


def _say(line: str, stream: TextIO | None = None) -> None:
    (stream or sys.stdout).write(f"{line}\n")


def _complain(error: AirgapError) -> None:
    _say(f"{NAME}: {error.problem}", sys.stderr)
    for name in ("wanted", "found", "where", "remedy"):
        _say(f"  {name + ':':8} {getattr(error, name)}", sys.stderr)
