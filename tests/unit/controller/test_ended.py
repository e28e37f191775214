# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last play of a playbook is for the hosts that are not right, and for one that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.plugin_utils._ended import ended
from ansible_collections.airgap.conda.plugins.plugin_utils._places import Places
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions

RIGHT = {"_rollback_result": {"changed": False, "current": "1-1c0ffee5"}}


def of(hosts: Mapping[str, Any], work: str = "rollback", **variables: Any) -> list[str]:
    known = {"hostvars": hosts, "groups": {"all": [*hosts], "workstations": [*hosts]}, **variables}
    return ended(Places(known, lambda value: value), work, RunOptions())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([], ["ws1"]),
        (["ws1"], ["ws1", "ws2"]),
        (["ws3", "ws6"], ["ws1", "ws3", "ws6"]),
        (["ws3", "ws4", "ws6"], ["workstations"]),  # not much fewer
        ([f"ws{number}" for number in range(1, 7)], ["workstations"]),
    ],
)
def test_hosts_that_are_right_are_left_out_but_for_one(wrong: list[str], told: list[str]) -> None:
    names = [f"ws{number}" for number in range(1, 7)]
    assert of({name: {} if name in wrong else RIGHT for name in names}) == told


class Hostile(dict[str, Any]):
    def get(self, *_arguments: Any) -> Any:
        raise RecursionError


def test_a_host_that_cannot_be_judged_ends_the_account_of_no_other() -> None:
    assert of({"ws1": RIGHT, "ws2": RIGHT, "ws3": Hostile(), "ws4": RIGHT}) == ["ws1", "ws3"]


@pytest.mark.parametrize("name", ["ws1:ws2", "ws1,ws2"])
def test_a_name_that_means_other_hosts_is_no_pattern(name: str) -> None:
    assert of({name: {}, "ws1": RIGHT, "ws2": RIGHT, "ws3": RIGHT}) == ["workstations"]


def test_before_anything_is_known_it_is_the_pattern_that_was_given() -> None:
    assert of({}, airgap_workstations="lab") == ["lab"]
    assert ended(Places({"airgap_workstations": "lab"}, lambda value: value), "deploy", RunOptions()) == ["lab"]
    assert ended(Places({"refresh_side": "bastion"}, lambda value: value), "refresh", RunOptions()) == []
