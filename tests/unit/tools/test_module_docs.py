# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules document of their attributes and of the shapes that they return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import Entry
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding as HostFinding
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Finding, Payload, Requirements
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu
from ansible_collections.airgap.conda.plugins.module_utils._secrets.search import Leak
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import Fault
from ansible_collections.airgap.conda.plugins.plugin_utils._accept import MODULES, documented

NAMES = sorted(path.stem for path in MODULES.glob("*.py"))
# Dicts by name of an environment or of a setting have no fixed keys.
BY_NAME = {
    "audit.verdicts", "environment.durations", "fetch.by", "note.failure", "note.notes.failure", "plan_info.target",
    "release.current", "release.seconds", "repair.damaged", "report.counts",
    "settings.settings", "pack.payloads.parts", "pack.requirements.gpu_architectures", "publish.findings.packages",
    "depot_info.releases.payloads.parts", "depot_info.releases.requirements.gpu_architectures",
    "verify.envs.gpu", "gpu.gpu.gpus.ecc_uncorrected", "gpu.gpu.gpus.pcie",
}  # fmt: skip
# What is as another module documents it.
SAME = {
    "deploy_look.settings": "settings.settings",
    "deploy_look.releases": "depot_info.releases",
    "deploy_look.steps": "preflight.steps",
    "deploy_look.verdicts": "preflight.verdicts",
}
SHAPES: dict[str, tuple[Any, set[str]]] = {
    "depot_info.releases": (Release, set()),
    "depot_info.releases.payloads": (Payload, set()),
    "depot_info.releases.requirements": (Requirements, set()),
    "audit.story": (Entry, {"place"}),
    "audit_info.entries": (Entry, set()),
    "gpu.gpu.findings": (HostFinding, set()),
    "pack.leaks": (Leak, set()),
    "pack.payloads": (Payload, set()),
    "pack.requirements": (Requirements, set()),
    "preflight.steps": (Step, set()),
    "preflight.verdicts": (HostFinding, set()),
    "publish.findings": (Finding, set()),
    "runtime.verdicts": (HostFinding, set()),
    "repair.faults": (Fault, {"env", "release"}),
    "repair.steps": (Step, set()),
}


def dicts(module: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give each value of a module that is a dict or a list of them, by its path."""
    todo = [(f"{module}.{name}", value) for name, value in documented(module, "RETURN").items()]
    while todo:
        path, value = todo.pop()
        if "dict" in (value["type"], value.get("elements")):
            yield path, value
        todo += [(f"{path}.{name}", inner) for name, inner in value.get("contains", {}).items()]


@pytest.mark.parametrize("module", NAMES)
def test_every_dict_says_what_it_contains(module: str) -> None:
    assert [path for path, value in dicts(module) if "contains" not in value and path not in {*BY_NAME, *SAME}] == []


@pytest.mark.parametrize("path", SAME)
def test_what_another_module_documents_is_there(path: str) -> None:
    of, name = SAME[path].split(".")
    (value,) = [value for found, value in dicts(path.split(".", maxsplit=1)[0]) if found == path]
    assert f"RV(airgap.conda.{of}#module:{name})" in str(value["description"])
    assert SAME[path] in [found for found, _value in dicts(of)]


@pytest.mark.parametrize("path", SHAPES)
def test_what_is_documented_is_what_is_returned(path: str) -> None:
    shape, more = SHAPES[path]
    (value,) = [value for name, value in dicts(path.split(".", maxsplit=1)[0]) if name == path]
    assert set(value["contains"]) == {field.name for field in fields(shape)} | more


def test_what_is_documented_of_a_gpu_is_what_is_returned() -> None:
    (value,) = [value for name, value in dicts("gpu") if name == "gpu.gpu.gpus"]
    assert list(value["contains"]) == list(Gpu(0, "uuid", "name").as_result("ok"))


@pytest.mark.parametrize("module", NAMES)
def test_every_module_says_what_it_does_in_check_mode_in_diff_mode_and_twice(module: str) -> None:
    document = documented(module, "DOCUMENTATION")
    assert "airgap.conda.attributes" in document["extends_documentation_fragment"]
    support = {name: attribute["support"] for name, attribute in document["attributes"].items()}
    assert set(support) == {"check_mode", "diff_mode", "idempotent"}
    assert support["check_mode"] == "full"
