# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write docs/schemas from the types that the code reads and writes; with ``--check`` only report what is stale."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "docs/schemas"
sys.path.insert(0, str(CHECKOUT / ".cache/collections"))

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import FIELDS  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import ORDER  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import hints  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._contract import manifest as _manifest  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._contract import receipt as _receipt  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._report import host as _host  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._report.columns import COLUMNS  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._source import index as _index  # noqa: E402

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
_SHA256 = {"pattern": f"^{_manifest.SHA256.pattern}$"}
_RELEASE = {"pattern": f"^({_manifest.RELEASE_ID.pattern.replace('?P<serial>', '').replace('?P<hash8>', '')})?$"}
_TIME = {"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"}
_ERROR = {
    "type": ["object", "null"],
    "properties": {name: {"type": "string"} for name in FIELDS},
    "required": list(FIELDS),
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Published:
    """A kind of file: the type it is made of, and what the type does not say.

    ``more`` has for a path in the file (``envs[].release``) what is added to its schema. ``optional`` are keys that a
    file may lack.
    """

    name: str
    kind: Any
    what: str
    more: Mapping[str, Mapping[str, Any]]
    optional: tuple[str, ...] = ()


PUBLISHED = (
    Published(
        "manifest",
        _manifest.Manifest,
        "manifest.json of a release in a depot",
        {
            "": {"properties": {"schema": {"const": _manifest.SCHEMA}}, "required": ["schema"]},
            "env": {"pattern": f"^{_manifest.ENV_NAME.pattern}$"},
            "id": {"pattern": _RELEASE["pattern"].replace("(", "", 1).replace(")?$", "$")},
            "created": _TIME,
            "files_sha256": _SHA256,
            "payloads[].sha256": _SHA256,
            "payloads[].parts[].sha256": _SHA256,
            "findings[].level": {"enum": [_manifest.ERROR, _manifest.WARNING]},
        },
        ("gpu",),
    ),
    Published("files", FileEntry, "an entry of files.json.zst of a release, which is a list", {}),
    Published(
        "receipt",
        _receipt.Receipt,
        "a receipt of a host",
        {
            "schema": {"const": _receipt.SCHEMA},
            "when": _TIME,
            "event": {"enum": list(_receipt.EVENTS)},
            "error": _ERROR,
            "host.name": {"pattern": f"^{_receipt.HOST_NAME.pattern}$"},
            "envs[].current": _RELEASE,
            "envs[].proved": _RELEASE,
            "findings[].verdict": {"enum": list(ORDER)},
        },
    ),
    Published(
        "index",
        _index.Index,
        "index.json of a depot, for hosts that read it from a web server",
        {
            "": {"properties": {"schema": {"const": _index.SCHEMA}}, "required": ["schema"]},
            "envs[].releases[]": {"pattern": _RELEASE["pattern"].replace("(", "", 1).replace(")?$", "$")},
            "envs[].manifest": {"pattern": f"^({_manifest.SHA256.pattern})?$"},
            "envs[].signature": {"pattern": f"^({_manifest.SHA256.pattern})?$"},
        },
    ),
    Published(
        "host-report",
        _host.HostReport,
        "the report of a host, below hosts in report_path",
        {
            "": {"properties": {"schema": {"const": _host.SCHEMA}}, "required": ["schema"]},
            "time": _TIME,
            "findings[].verdict": {"enum": list(ORDER)},
        },
    ),
)


def _schema(published: Published, kind: Any, at: str) -> dict[str, Any]:
    base: Any = get_origin(kind) or kind
    inner = get_args(kind)
    more = dict(published.more.get(at, {}))
    if is_dataclass(base):
        types: Any = hints
        fields = {name: _schema(published, hint, f"{at}.{name}" if at else name) for name, hint in types(base).items()}
        required = [name for name in fields if at or name not in published.optional]
        return {
            "type": "object",
            "description": " ".join((base.__doc__ or "").split()),
            "properties": {**more.get("properties", {}), **fields},
            "required": [*more.get("required", []), *required],
            "additionalProperties": False,
        }
    if base in (tuple, list):
        return {"type": "array", "items": _schema(published, inner[0], f"{at}[]"), **more}
    if base in (dict, Mapping) or getattr(base, "__name__", "") == "Mapping":
        return {"type": "object", "additionalProperties": _schema(published, inner[1], f"{at}[]"), **more}
    return {**({"type": _PLAIN[base]} if base in _PLAIN else {}), **more}


def _host_report(published: Published) -> dict[str, Any]:
    """Return the schema of a host's report: what an environment has in columns is next to its name."""
    body = _schema(published, published.kind, "")
    env = body["properties"]["envs"]["items"]
    columns = {column.name: {"type": "string"} for column in COLUMNS if column.read}
    env["properties"] = {**{name: kept for name, kept in env["properties"].items() if name != "values"}, **columns}
    env["required"].remove("values")
    return body


def _report(host: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of report.json: the reports of all hosts, with a verdict on each."""
    properties = {**host["properties"], "verdict": {"enum": list(_host.ORDER)}}
    del properties["schema"]
    return {
        "type": "object",
        "properties": {
            "schema": {"const": _host.SCHEMA},
            "time": {"type": "string", **_TIME},
            "summary": {"type": "string"},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
            "hosts": {"type": "array", "items": {**host, "properties": properties, "required": list(properties)}},
        },
        "required": ["schema", "time", "summary", "counts", "hosts"],
        "additionalProperties": False,
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Return all schemas by name."""
    found = {item.name: _schema(item, item.kind, "") for item in PUBLISHED}
    found["host-report"] = _host_report(next(item for item in PUBLISHED if item.name == "host-report"))
    found["report"] = _report(found["host-report"])
    titles = {**{item.name: item.what for item in PUBLISHED}, "report": "report.json, the report of all hosts"}
    return {name: {"$schema": DRAFT, "title": f"airgap.conda: {titles[name]}", **body} for name, body in found.items()}


def main(arguments: list[str]) -> int:
    """Write the schemas or compare them; return the exit status."""
    stale, found = [], schemas()
    for name, body in found.items():
        path, text = FOLDER / f"{name}.schema.json", json.dumps(body, indent=1) + "\n"
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(str(path.relative_to(CHECKOUT)))
    if stale:
        print(f"{', '.join(stale)}: stale; run python tests/tools/schemas.py")
        return 1
    print(f"{FOLDER.relative_to(CHECKOUT)} has all {len(found)} schemas")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
