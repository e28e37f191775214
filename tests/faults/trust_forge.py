# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forged answers: a true one in which one field after another gets a value that wants something of the controller."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HUGE, DEPTH = 2_000_000, 10_000
# Stands for a value that json.dumps cannot make.
HOLE = "@hole@"
SETTINGS = "facts: where the controller works"


@dataclass(frozen=True)
class Forgery:
    """What a host answers to one ``kind`` of command.

    ``decides`` tells whether it can never count as right, ``worst`` whether it asks for a file of the controller.
    """

    kind: str
    name: str
    answer: Callable[[], str]
    decides: bool = False
    worst: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def texts(place: Path) -> dict[str, str]:
    """Return texts by what they are; each does something below ``place`` if it is more than a text to anybody."""
    canary = place / "outside/canary"
    return {
        "an absolute path": str(place / "vault_password"),
        "a path that leads out": "../../../vault_password",
        "a path from the root": "../" * 40 + str(place / "vault_password").lstrip("/"),
        "a path to write": str(canary),
        "two dots": "..",
        "an option": "--checkpoint-action=exec=sh",
        "a NUL": "env.tar.zst.000\0/../../vault_password",
        "a long path": "x/" * 3_000,
        "shell": f"$(touch {canary})`touch {canary}`; touch {canary} #'\"; touch {canary}",
        "jinja, a pipe": "{{ lookup('pipe', 'touch " + str(canary) + "') }}",
        "jinja, a file": "{{ lookup('file', '" + str(place / "vault_password") + "') }}",
        "jinja, a statement": "{% set _ = lookup('pipe', 'touch " + str(canary) + "') %}",
        "another language's jinja": "{{ cycler.__init__.__globals__.os.system('touch " + str(canary) + "') }}",
        "huge": "A" * HUGE,
        "marks of writing direction": "\u202egnp.exe\u2066\u200f\u061c",
        "control characters": "\x1b]0;title\x07\x1b[2J\x08\x7f\x9b31m",
        "a formula": "=cmd|'/C calc'!A0",
        "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    }


def values(place: Path) -> dict[str, str]:
    """Return values as JSON, by what they are."""
    return {
        **{name: json.dumps(text) for name, text in texts(place).items()},
        "half a character": '"\\ud800"',
        "null": "null",
        "true": "true",
        "a negative number": "-1",
        "a huge number": "1" + "0" * 400,
        "not a number": "NaN",
        "an empty list": "[]",
        "an empty map": "{}",
        "a list of maps": '[{"x": [{}]}]',
        "a long list": json.dumps(["x"] * 50_000),
        "a deep list": "[" * DEPTH + "]" * DEPTH,
        "a deep map": '{"a":' * DEPTH + "1" + "}" * DEPTH,
        "a tagged map": '{"__ansible_unsafe": "x", "__ansible_vault": "x", "__ansible_type": "x"}',
    }


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each field: of a list that of its first two items."""
    if path:
        yield path
    items = value.items() if isinstance(value, Mapping) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in items:
        yield from fields(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], text: str) -> str:
    """Return the JSON of ``value`` with the JSON ``text`` in the place of one field."""
    return json.dumps(_with_hole(value, path)).replace(f'"{HOLE}"', text)


def _with_hole(value: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return HOLE
    items = list(value.items() if isinstance(value, Mapping) else enumerate(value))
    new = [(key, _with_hole(item, path[1:]) if key == path[0] else item) for key, item in items]
    new += [] if path[0] in dict(items) else [(path[0], HOLE)]
    return dict(new) if isinstance(value, Mapping) else [item for _key, item in new]


def settings(place: Path) -> dict[str, Any]:
    """Return variables that would lead the controller elsewhere, if a host could set them."""
    outside, program = place / "outside", str(place / "evil.sh")
    return {
        "report_path": str(outside / "report"),
        "deploy_depot": str(place / "evil/depot"),
        "deploy_allowed_signers": str(place / "evil/key.signers"),
        "deploy_envs": ["demo", "../../outside"],
        "deploy_releases": {"demo": "../../.."},
        "deploy_root": str(outside / "root"),
        "report_root": str(outside / "root"),
        "report_envs": ["/etc", "../.."],
        "media_drive": str(outside / "drive"),
        "ansible_connection": "local",
        "ansible_host": "localhost",
        "ansible_python_interpreter": program,
        "ansible_playbook_python": program,
        "ansible_shell_executable": program,
        "ansible_ssh_executable": program,
        "ansible_ssh_common_args": f"-o ProxyCommand={program}",
        "ansible_remote_tmp": str(outside / "tmp"),
        "ansible_become": True,
        "ansible_become_exe": program,
        "ansible_delegated_vars": {"localhost": {"ansible_python_interpreter": program}},
        "discovered_interpreter_python": program,
        "hostvars": {},
        "inventory_hostname": "../../../outside/canary",
        "ansible_play_hosts_all": [],
        "_deploy_preflight": {"releases": [{"env": "demo", "id": "2-00000002", "path": str(place)}]},
        "_deploy_failure": {},
        "_deploy_wanted": [],
        "_report_page": {"wrong": [], "page": "x"},
        "_report_seen": {},
        "_refresh_build": "",
        "airgap_workstations": "localhost",
    }


def additions(place: Path) -> dict[str, dict[str, Any]]:
    """Return what a result can have that is Ansible's business and none of a module of this collection."""
    found: dict[str, Any] = {
        f"facts: {name}": {"ansible_facts": {name: value}} for name, value in settings(place).items()
    }
    program = str(place / "evil.sh")
    away = {"ansible_connection": "local", "ansible_python_interpreter": program, "ansible_shell_executable": program}
    places = ("report_path", "deploy_depot", "deploy_allowed_signers", "media_drive")
    return {
        SETTINGS: {"ansible_facts": {name: settings(place)[name] for name in places}},
        "facts: a local connection": {"ansible_facts": away},
        **found,
        "a new host": {"add_host": {"host_name": "evil", "groups": ["workstations"], "host_vars": away}},
        "a new group": {"add_group": "workstations", "parent_groups": ["all"], "changed": True},
        "a warning of MBs": {"warnings": ["W" * HUGE]},
        "many warnings": {"warnings": ["\u202e\x1b[2J"] + [f"warning {number}" for number in range(5_000)]},
        "many deprecations": {"deprecations": [{"msg": f"old {n}\x1b[2J", "version": "9"} for n in range(5_000)]},
        "an exception": {"failed": True, "msg": "no", "exception": "Traceback\x1b[2J" + "E" * HUGE},
        "a message of MBs": {"failed": True, "msg": "M" * HUGE},
        "a message with marks": {"failed": True, "msg": "\u202eko\x1b[2J\x07"},
        "a diff of MBs": {"diff": {"before": "B" * HUGE, "after": ["x"]}},
        "skipped": {"skipped": True, "skip_reason": "\u202e"},
        "unreachable": {"unreachable": True, "msg": "\x1b[2J"},
        "results": {"results": [{"ansible_facts": settings(place), "failed": False}]},
        "a job": {"ansible_job_id": "../../../outside/canary", "finished": 0, "started": 1},
        "notes of Ansible's own": {
            "_ansible_no_log": False, "_ansible_delegated_vars": {"ansible_host": "localhost"},
            "_ansible_item_label": "x", "_ansible_notify": ["x"], "_ansible_parsed": False,
        },
        "included variables": {"ansible_included_var_files": ["/etc/passwd"], "include": program, "include_args": {}},
    }  # fmt: skip


def noise(truth: str) -> dict[str, str]:
    """Return answers that are no answer."""
    return {
        "nothing": "",
        "half of it": truth[: len(truth) // 2],
        "it twice": truth + truth,
        "it after a banner": f"Welcome {{}}\n\x1b[2J{{\n{truth}",
        "MBs of nothing": "\n" * HUGE,
        "MBs of noise": "\x1b[2J\u202e{[" * (HUGE // 8),
        "a list": f"[{truth}]",
        "a deep list": "[" * DEPTH + "]" * DEPTH,
        "a text": '"ok"',
        "a number": "1",
    }
