# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take in of a module's answer what its documentation names.

A module runs on a host, and whoever is root there can answer in its place. Ansible acts on some keys of an answer: it
makes variables of ``ansible_facts``, which outrank the inventory's. None of them gets past here.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.answer import (
    LINE,
    MESSAGE,
    NAMED,
    TEXT,
    clean,
    excess,
    fields_of,
    plain,
    take_in,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import CODE, FIELDS, AirgapError

MODULES = Path(__file__).resolve().parent.parent / "modules"
TYPES: dict[str, Any] = {"bool": bool, "dict": dict, "float": (int, float), "int": int, "list": list, "str": str}
# What any task may return in addition to its documented values: how it ended, and what was wrong.
FLAGS = ("changed", "failed", "skipped")
TEXTS = ("msg", *FIELDS, "exception", "module_stdout", "module_stderr")
DIFF = ("before", "after", "before_header", "after_header")


@cache
def documented(module: str, what: str = "RETURN") -> dict[str, Any]:
    """Return what a module of this collection documents in RETURN, or in DOCUMENTATION."""
    tree = ast.parse((MODULES / f"{module}.py").read_text(encoding="utf-8"))
    texts = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == what
    ]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(ast.literal_eval(texts[0]), Loader=loader) or {})  # noqa: S506 - both are safe


def accept(
    answer: Mapping[str, Any], returns: Mapping[str, Mapping[str, Any]], module: str, host: str
) -> dict[str, Any]:
    """Return of an ``answer`` what ``returns`` documents, or a failure when a value has another type or no bounds."""
    result: dict[str, Any] = {name: bool(answer[name]) for name in FLAGS if name in answer}
    if isinstance(answer.get("rc"), int) and not isinstance(answer["rc"], bool):
        result["rc"] = answer["rc"]
    if isinstance(answer.get("code"), str) and CODE.fullmatch(answer["code"]):
        result["code"] = answer["code"]
    result.update({name: plain(str(answer[name]), MESSAGE) for name in TEXTS if name in answer})
    for name, of in returns.items():
        if name in answer and name not in result:
            fault = _fault(answer[name], of)
            if fault:
                return _refused(f"{name} is {fault}", str(of["type"]), module, host)
            result[name] = take_in(answer[name])
    errors = answer.get("errors")
    if isinstance(errors, list) and errors:
        result["errors"] = [fields for fields in map(fields_of, errors[: limits.ERRORS]) if fields]
    warnings = answer.get("warnings")
    if isinstance(warnings, list) and warnings:
        result["warnings"] = [clean(_warning(text), MESSAGE) for text in warnings[:NAMED]]
    diff = answer.get("diff")
    if isinstance(diff, Mapping):
        result["diff"] = {name: plain(str(diff[name]), TEXT) for name in DIFF if name in diff}
    return result


def _fault(value: Any, of: Mapping[str, Any]) -> str:
    """Tell how a value differs from its documentation; empty if it does not."""
    elements = of.get("elements", "raw")
    values = [(value, of["type"]), *((item, elements) for item in (value if isinstance(value, list) else ()))]
    for item, kind in values:
        wanted = TYPES.get(kind, object)
        if not isinstance(item, wanted) or (isinstance(item, bool) and kind in ("int", "float")):
            return clean(repr(take_in(item)), LINE)
    return excess(value)


def _warning(warning: Any) -> str:
    # Newer lines of ansible-core have objects for them by now, older ones texts.
    return str(getattr(getattr(warning, "event", None), "msg", warning))


def _refused(found: str, wanted: str, module: str, host: str) -> dict[str, Any]:
    error = AirgapError(
        "The answer of this host cannot be used",
        code="answer-refused",
        wanted=f"what airgap.conda.{module} documents that it returns, here of type {wanted}",
        found=found,
        where=host,
        remedy="find out who answers there in place of the module; nothing of the answer was used",
    )
    return {"failed": True, "refused": True, **error.as_result()}
