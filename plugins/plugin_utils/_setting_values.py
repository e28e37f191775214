# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values as people give them, on the command line as texts: each in the type that its option has, or a fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from ansible.module_utils.common.validation import check_type_bool, check_type_dict, check_type_int

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import LINE, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RELEASE_ID, is_env_name
from ansible_collections.airgap.conda.plugins.module_utils._pull.window import parse_windows
from ansible_collections.airgap.conda.plugins.module_utils._source.address import WANTED as URL_WANTED
from ansible_collections.airgap.conda.plugins.module_utils._source.address import is_url, url_fault
from ansible_collections.airgap.conda.plugins.plugin_utils._paths import host_path_fault, of_caller, of_host, path_fault
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import (
    ENVS,
    LEAST,
    LINE_OF_UNIT,
    MOST,
    ON_CONTROLLER,
    ON_HOSTS,
    RELEASES,
    SECRET,
    URLS,
)

FORMS = {
    "bool": "true or false",
    "dict": "a dictionary, names with values",
    "int": "a whole number",
    "list": "a list, or names with commas between them",
    "path": "a path",
    "str": "a text",
}

# The name of a variable of the environment.
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# One element of deploy_batches.
BATCH = re.compile(r"[1-9][0-9]*|([1-9][0-9]?|100)%")


class Unfit(Exception):
    """A value is not what its option wants; the message says what would be."""


def settle(name: str, value: Any, option: Mapping[str, Any], local: bool) -> Any:
    """Return a value in the type of its option; raises Unfit.

    A path on the controller becomes absolute. ``local`` tells whether the machine that the role works on is the
    controller; on another one, a module takes ``~`` as that machine's.
    """
    kind = option.get("type", "str")
    if name in SECRET and kind == "dict":
        _secret(value)
    settled = TYPES[kind](value)
    if settled == "" and option.get("required"):
        raise Unfit(FORMS[kind])
    if kind == "list":
        settled = [_element(item, option.get("elements", "raw")) for item in settled]
    if name in URLS and settled and (kind == "str" or is_url(settled)):
        return _url(settled)
    if kind == "path":
        return _path(name, settled, option, local)
    if "choices" in option and settled not in option["choices"]:
        raise Unfit(f"one of {', '.join(option['choices'])}")
    if kind == "int" and not LEAST.get(name, settled) <= settled <= MOST.get(name, settled):
        raise Unfit(f"a whole number from {LEAST[name]} on" + (f" to {MOST[name]}" if name in MOST else ""))
    if name == "deploy_batches" and not (settled and all(BATCH.fullmatch(batch) for batch in settled)):
        raise Unfit("numbers of hosts or percentages such as 5, 30% or [1, 10%, 100%]")
    _window(name, settled)
    _names(name, settled)
    return settled


def _window(name: str, value: Any) -> None:
    if name == "schedule_window":
        try:
            parse_windows(value)
        except AirgapError as error:
            raise Unfit(error.wanted) from error


def shown(value: Any) -> str:
    """Return a value for a message."""
    return clean(mask_credentials(repr(value)), LINE)


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Unfit(FORMS["str"])
    return str(value)


def _list(value: Any) -> list[Any]:
    """Take a list, a text with commas, or a list as JSON: what -e gives is a text."""
    if isinstance(value, str):
        json = value.strip()[:1] in ("[", "{")
        value = _yaml(value) if json else [item.strip() for item in value.split(",")]
    elif isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, (list, tuple)) or "" in value:
        raise Unfit(FORMS["list"])
    return list(value)


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Unfit(FORMS["list"]) from error


def _checked(kind: str, check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if isinstance(value, bool) and kind != "bool":
            raise Unfit(FORMS[kind])
        try:
            return check(value)
        except (TypeError, ValueError) as error:
            raise Unfit(FORMS[kind]) from error

    return checked


TYPES: dict[str, Callable[[Any], Any]] = {
    "bool": _checked("bool", check_type_bool),
    "dict": _checked("dict", check_type_dict),
    "int": _checked("int", check_type_int),
    "list": _list,
    "path": _text,
    "raw": lambda value: value,
    "str": _text,
}


def _element(item: Any, kind: str) -> Any:
    return TYPES[kind](item)


def _url(text: str) -> str:
    if url_fault(text):
        raise Unfit(URL_WANTED)
    return text.rstrip("/")


def _path(name: str, path: str, option: Mapping[str, Any], local: bool) -> str:
    if path == "" and option.get("default") == "":
        return path
    if name in ON_HOSTS:
        if host_path_fault(path):
            raise Unfit("an absolute path on the hosts, below /, without '..'")
        return of_host(path)
    if path_fault(path):
        raise Unfit("a path")
    if name in LINE_OF_UNIT and path.endswith((" ", "\\")):
        raise Unfit("a path with neither a space nor a \\ at its end")
    if name in ON_CONTROLLER or local:
        return of_caller(path)
    if not path.startswith(("/", "~")):
        raise Unfit("an absolute path, since it is on another machine than the controller")
    return path


def _secret(value: Any) -> None:
    """Look at variables of an environment; they are used as they are given, so that no result has them."""
    if not isinstance(value, Mapping):
        raise Unfit(f"{FORMS['dict']}, not as a text")
    for name, text in value.items():
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            raise Unfit(f"names of variables, of letters, digits and _, which {shown(name)} is not")
        if isinstance(text, (Mapping, list, tuple)):
            raise Unfit(f"a text in each variable, also in {name}")


def _names(name: str, value: Any) -> None:
    """Look at names of environments and releases, which are looked up in depots and stores."""
    if name in ENVS and value != "":
        for env in [value] if isinstance(value, str) else value:
            if not isinstance(env, str) or not is_env_name(env):
                raise Unfit(f"names of environments, which {shown(env)} is not")
    if name in RELEASES:
        for release in [value] if isinstance(value, str) else value.values():
            if release and not (isinstance(release, str) and RELEASE_ID.fullmatch(release)):
                raise Unfit(f"ids of releases such as 1-1c0ffee5, which {shown(release)} is not")
