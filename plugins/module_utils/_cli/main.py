# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``airgap-envs``: what is on this host, for people at the host. It needs neither Ansible nor a network."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.say import (
    NAME,
    SCHEMA,
    complain,
    document,
    require_env,
    require_writable,
    say,
    warn,
)
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# What a shell gives to a program that was interrupted.
INTERRUPTED = 130
# How many releases of an environment stay, as with deploy_keep.
KEEP = 2


def main(root: Path, arguments: Sequence[str]) -> int:
    """Run one command on the store at ``root``; returns the exit status: 0 well, 1 a fault, 2 a wrong command line."""
    options = _parser(root).parse_args(arguments)
    try:
        with os_errors(NAME, root):
            return int(options.run(Store(root), options))
    except AirgapError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(root: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=NAME, description=f"The environments in {root} on this host.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="called")

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

    for name, about in (
        ("install", "install releases from a drive, another folder or a URL, check them and make them current"),
        ("check", "verify the same and say what install would do; change nothing"),
        ("update", "install newer releases of the environments that are on this host"),
    ):
        _add_source(commands.add_parser(name, help=about, description=about), name)

    prune = commands.add_parser("prune", help="remove old releases that nothing uses")
    prune.add_argument("env", nargs="?", metavar="ENV", help="only this environment")
    _add_keep(prune)
    _add_json(prune)
    prune.set_defaults(run=_documented("prune"))

    gone = commands.add_parser("remove", help="remove an environment, or one release that is not current")
    gone.add_argument("env", metavar="ENV")
    gone.add_argument("release", nargs="?", default="", metavar="RELEASE", help="default: the whole environment")
    gone.add_argument("--yes", action="store_true", help="do not ask")
    _add_json(gone)
    gone.set_defaults(run=_documented("remove"))

    paper = commands.add_parser("export-receipt", help="copy the receipts of this host to a drive, or print them")
    paper.add_argument("folder", nargs="?", metavar="FOLDER", help="a mounted drive, or a folder that is a depot")
    paper.set_defaults(run=_paper("export_receipt"))

    audit = commands.add_parser("audit", help="look at what was done on this host, by whom")
    verbs = audit.add_subparsers(metavar="VERB", required=True)
    chain = verbs.add_parser("verify", help="check that no line of the audit chain was changed or taken out; show it")
    chain.add_argument("folder", nargs="?", metavar="FOLDER", help="also the chain of this drive or depot")
    chain.add_argument("--json", action="store_true", help="as JSON")
    chain.set_defaults(run=_paper("audit_verify"))
    return parser


def _add_source(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", help="a mounted drive, a folder that is a depot, or the URL of a depot"
    )
    parser.add_argument(
        "--ca", default="", metavar="FILE", help="authorities that a URL with https is known by; default: the system's"
    )
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME", help="only this environment; may be given again"
    )
    if name != "update":
        parser.add_argument("--release", default="", metavar="ID", help="this release of the one --env")
    else:
        _add_policy(parser)
    _add_keep(parser)
    parser.add_argument(
        "--allow-downgrade", action="store_true", help="a release may be older than one that this host has had"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    _add_json(parser)
    parser.set_defaults(run=_documented(name), refuse=parser.error)


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ring", type=_count, default=0, metavar="N", help="wait until a host of ring N-1 has reported a release right"
    )
    parser.add_argument(
        "--after-days",
        type=int,
        default=0,
        metavar="D",
        help="wait for a ring that says nothing for D days; 0 for ever",
    )
    parser.add_argument(
        "--window", default="", metavar="TIMES", help="only at these times: 'Mon-Fri 20:00-06:00; Sat,Sun 00:00-24:00'"
    )
    parser.add_argument("--despite-gpu", action="store_true", help="also while a process of an environment uses a GPU")


def _add_keep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep", type=_count, default=KEEP, metavar="N", help=f"releases of an environment that stay ({KEEP})"
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document, also for an error")


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 9999")
    return int(text)


def _documented(name: str) -> Callable[[Store, argparse.Namespace], int]:
    """Return what runs a command of ``changes``, which is loaded only then, and prints a document if that is asked."""

    def run(store: Store, options: argparse.Namespace) -> int:
        from ansible_collections.airgap.conda.plugins.module_utils._cli import changes
        from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted

        if getattr(options, "release", "") and name in ("install", "check") and len(options.env) != 1:
            options.refuse("--release needs one --env")
        found: dict[str, Any] = {"changed": False}
        wrong: AirgapError | None = None
        try:
            is_dry = name == "check"
            event = "install" if is_dry else name
            with os_errors(NAME, store.root), noted(store, event, warn, dry=is_dry) as note:
                changes.COMMANDS[name](store, options, found, note)
        except AirgapError as error:
            wrong = error
        if options.json:
            say(document(name, store.root, found, wrong))
        if wrong:
            raise wrong
        return 0

    return run


def _paper(name: str) -> Callable[[Store, argparse.Namespace], int]:
    """Return what runs a command of ``papers``, which is loaded only then."""

    def run(store: Store, options: argparse.Namespace) -> int:
        from ansible_collections.airgap.conda.plugins.module_utils._cli import papers

        return int(getattr(papers, name)(store, options))

    return run


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
        say(json.dumps(found, indent=1, sort_keys=True))
        return 0
    rows = [("ENVIRONMENT", "CURRENT", "ALSO HERE")]
    for env, item in found["envs"].items():
        others = [release for release in reversed(item["installed"]) if release != item["current"]]
        current = item["current"] if item["whole"] else f"{item['current']} (missing)"
        rows.append((env, current, ", ".join(others) or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for row in rows:
        say(f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}")
    return 0


def _verify(store: Store, options: argparse.Namespace) -> int:
    from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted
    from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify

    if options.env is not None:
        require_env(store, options.env)
    with noted(store, "verify", warn, always=True) as note:
        for env in [options.env] if options.env else store.envs():
            try:
                found = verify(store, env)
            except AirgapError as error:
                note.failed("verify", env, error)
                complain(error)
                continue
            note.saw_gpu(env, found["gpu"])
            for text in found["warnings"]:
                warn(text)
            say(f"{env} {found['release']} is as it was signed, and its checks passed")
    return 1 if note.error else 0


def _activate_path(store: Store, options: argparse.Namespace) -> int:
    require_env(store, options.env)
    say(str(store.root / options.env / "activate"))
    return 0


def _run(store: Store, options: argparse.Namespace) -> int:
    os.execv(store.command, [NAME, "run", *options.command])  # noqa: S606 - it is a program


def _rollback(store: Store, options: argparse.Namespace) -> int:
    env = options.env
    require_env(store, env)
    require_writable(store, env, f"rollback {env}")
    before = store.current(env)
    from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted

    with noted(store, "rollback", warn) as note:
        back = rollback(store, env, options.release, check_mode=False)
        if back.release != before:
            note.did("rolled back", env, back.release)
    for text in back.warnings:
        warn(text)
    say(f"{env}: {before} -> {back.release}" if back.release != before else f"{env}: {before} is already current")
    return 0
