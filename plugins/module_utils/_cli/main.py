# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``airgap-envs``: what is on this host, for people at the host. It needs neither Ansible nor a network."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
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
    options = _parser(root, arguments[0] if arguments else "").parse_args(arguments)
    try:
        with os_errors(NAME, root):
            return int(options.run(Store(root), options))
    except AirgapError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(root: Path, called: str) -> argparse.ArgumentParser:
    """Return what reads the command line; where a command is ``called``, it knows that one: each takes a while."""
    parser = argparse.ArgumentParser(prog=NAME, description=f"The environments in {root} on this host.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="called")
    for name in [called] if called in COMMANDS else COMMANDS:
        about, add, run = COMMANDS[name]
        command = commands.add_parser(name, help=about, description=about)
        add(command)
        command.set_defaults(run=run, refuse=command.error)
    return parser


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _add_env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("env", metavar="ENV")


def _add_any_env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("env", nargs="?", metavar="ENV", help="only this environment")


def _add_release(parser: argparse.ArgumentParser, default: str) -> None:
    _add_env(parser)
    parser.add_argument("release", nargs="?", default="", metavar="RELEASE", help=f"default: {default}")


def _add_words(parser: argparse.ArgumentParser) -> None:
    # The file itself is sh, which takes this command before any Python starts (_cli_run); here for the help.
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="ENV -- COMMAND ...")


def _add_prune(parser: argparse.ArgumentParser) -> None:
    _add_any_env(parser)
    _add_keep(parser)
    _add_json(parser)


def _add_remove(parser: argparse.ArgumentParser) -> None:
    _add_release(parser, "the whole environment")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    _add_json(parser)


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="a mounted drive, or a folder that is a depot")


def _add_audit(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    chain = verbs.add_parser("verify", help="check that no line of the audit chain was changed or taken out; show it")
    chain.add_argument("folder", nargs="?", metavar="FOLDER", help="also the chain of this drive or depot")
    chain.add_argument("--json", action="store_true", help="as JSON")


def _add_source(parser: argparse.ArgumentParser, update: bool) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", help="a mounted drive, a folder that is a depot, or the URL of a depot"
    )
    parser.add_argument(
        "--ca", default="", metavar="FILE", help="authorities that a URL with https is known by; default: the system's"
    )
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME", help="only this environment; may be given again"
    )
    if update:
        _add_policy(parser)
    else:
        parser.add_argument("--release", default="", metavar="ID", help="this release of the one --env")
    _add_keep(parser)
    parser.add_argument(
        "--allow-downgrade", action="store_true", help="a release may be older than one that this host has had"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    _add_json(parser)


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


# Name -> what the help says of a command, what adds its options, and what runs it.
COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[Store, Any], int]]] = {
    "list": ("show the environments and their releases", _add_list, _list),
    "verify": ("compare every file with what was signed, and run the checks", _add_any_env, _verify),
    "activate-path": ("print the path of the script to source", _add_env, _activate_path),
    "run": ("execute a command in an activated environment: run ENV -- COMMAND ...", _add_words, _run),
    "rollback": (
        "switch to an older release that is still on this host",
        partial(_add_release, default="the previous release"),
        _rollback,
    ),
    "install": (
        "install releases from a drive, another folder or a URL, check them and make them current",
        partial(_add_source, update=False),
        _documented("install"),
    ),
    "check": (
        "verify the same and say what install would do; change nothing",
        partial(_add_source, update=False),
        _documented("check"),
    ),
    "update": (
        "install newer releases of the environments that are on this host",
        partial(_add_source, update=True),
        _documented("update"),
    ),
    "prune": ("remove old releases that nothing uses", _add_prune, _documented("prune")),
    "remove": ("remove an environment, or one release that is not current", _add_remove, _documented("remove")),
    "export-receipt": (
        "copy the receipts of this host to a drive, or print them",
        _add_folder,
        _paper("export_receipt"),
    ),
    "audit": ("look at what was done on this host, by whom", _add_audit, _paper("audit_verify")),
}
