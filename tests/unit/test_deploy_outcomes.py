# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a deploy went: on hosts that are right, failed, lost, off and not tried; and deploy.yml with all of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.filter.deploy_outcomes import FilterModule, deploy_outcomes
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError

LOST = {"unreachable": True, "msg": "Failed to connect\n to the host via ssh"}
DONE = {"_deploy_runtime": {"interpreter": "/p"}, "_deploy_preflight": {"work": True}, "_deploy_release": {}}
ERROR = AirgapError("A check of demo 2 failed", wanted="w", found="exit status 1", where="/p", remedy="mend it")
HOSTS: dict[str, dict[str, Any]] = {
    "right": DONE,
    "nothing-to-do": {**DONE, "_deploy_release": {"skipped": True}},
    "failed": {**DONE, "_deploy_failure": {"msg": str(ERROR), **ERROR.as_result()}},
    "broken": {"_deploy_runtime": {"failed": True}, "_deploy_failure": {"msg": "a\n traceback"}},
    "off": {"_deploy_runtime": LOST},
    "lost": {**DONE, "_deploy_preflight": LOST},
    "lost-at-last": {**DONE, "_deploy_release": LOST},
    "waiting": {},
}


@pytest.mark.parametrize(
    ("host", "problem", "found"),
    [
        ("failed", "A check of demo 2 failed", "exit status 1"),
        ("broken", "A step of the deploy failed", "a traceback"),
        ("off", "The host cannot be reached", "Failed to connect to the host via ssh"),
        ("lost", "The host stopped answering during the deploy", "Failed to connect to the host via ssh"),
        ("lost-at-last", "The host stopped answering during the deploy", "Failed to connect to the host via ssh"),
        ("waiting", "The deploy was not tried on this host", "too many hosts before it on which the deploy failed"),
    ],
)
def test_what_is_wrong_is_one_message(host: str, problem: str, found: str) -> None:
    wrong = deploy_outcomes([host], HOSTS)["wrong"][host]
    assert (wrong["problem"], wrong["found"]) == (problem, found)
    assert wrong["msg"].startswith(f"{problem}. Wanted: ")
    assert wrong["msg"].endswith(f"Remedy: {wrong['remedy']}.")


def test_hosts_that_are_right_are_not_named() -> None:
    assert deploy_outcomes(["right", "nothing-to-do"], HOSTS) == {"wrong": {}, "failed_percent": 0}


@pytest.mark.parametrize(
    ("hosts", "percent"),
    [
        (["off", "waiting"], 0),  # nothing was tried
        (["off", "right", "failed"], 50),
        (["right", "right", "lost"], 33),
        (["off", "failed", "waiting"], 100),
        (list(HOSTS), 66),
    ],
)
def test_the_share_is_that_of_the_hosts_that_answered(hosts: list[str], percent: int) -> None:
    assert deploy_outcomes(hosts, HOSTS)["failed_percent"] == percent


def test_ansible_finds_it() -> None:
    assert FilterModule().filters() == {"deploy_outcomes": deploy_outcomes}
