# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that fetches what a controller tells it: the files, with their hashes, and the URL of the depot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import Content
from ansible_collections.airgap.conda.plugins.module_utils._source.bring import copy
from ansible_collections.airgap.conda.plugins.module_utils._source.place import Place
from ansible_collections.airgap.conda.plugins.module_utils._source.server import Server
from ansible_collections.airgap.conda.plugins.module_utils._source.together import Tell, together
from ansible_collections.airgap.conda.plugins.module_utils._source.url import There


def fetch(url: str, ca: str, missing: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Fetch all that is ``missing`` of each release; return what arrived, and what kept the rest from that."""
    arrived: list[list[str]] = []
    failure: dict[str, str] = {}
    try:
        server = Server(url, ca)
        for one in missing:
            with os_errors(f"Fetching {one['env']} {one['release']}", Path(one["incoming"])):
                _fetch(server, one, arrived)
    except AirgapError as error:
        failure = error.fields()
    return {"changed": bool(arrived), "arrived": arrived, "failure": failure}


def _fetch(server: Server, one: Mapping[str, Any], arrived: list[list[str]]) -> None:
    env, release, folder = one["env"], one["release"], Path(one["incoming"])
    make_folder(folder, 0o700)

    def bring(place: Place, content: Content, heard: Tell) -> None:
        copy(place, content, folder, heard)
        arrived.append([env, release, content.name])

    files = [Content(of["name"], of["sha256"], int(of["size"]), int(of["size"])) for of in one["files"]]
    together(There(server, f"{env}/{release}"), files, bring)
