# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials of channels: from a file that only its owner can read, to the rattler library, and nowhere else."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials, secrets_in

# Where rattler reads them from.
VARIABLE = "RATTLER_AUTH_FILE"
KINDS = ("BasicHTTP", "BearerToken", "CondaToken", "S3Credentials")

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_EXAMPLE = '{"conda.example.org": {"BasicHTTP": {"username": "me", "password": "${PASSWORD}"}}}'


def refuse_in_url(urls: str | Sequence[str], name: str, secrets: set[str]) -> None:
    """Refuse credentials in the addresses that the parameter ``name`` has: parameters are shown in logs."""
    for url in [urls] if isinstance(urls, str) else urls:
        found = secrets_in(url)
        if found:
            secrets.update(found)
            raise AirgapError(
                "Logs would show credentials in a URL",
                code="url-credentials",
                wanted="a URL without user, password and token",
                found=mask_credentials(url),
                where=f"the parameter {name}",
                remedy="write them into the file of 'credentials' (role build: build_credentials), into a "
                ".netrc, or into the configuration of the program that is the backend",
            )


@contextlib.contextmanager
def authenticated(path: str | None, backend: str, secrets: set[str]) -> Iterator[None]:
    """Let rattler use the credentials in the file ``path`` meanwhile; what must not be shown joins ``secrets``."""
    if path and backend != "rattler":
        raise AirgapError(
            f"{backend} does not use these credentials",
            code="credentials-unused",
            wanted="credentials only with the backend rattler",
            found=f"credentials and the backend {backend}",
            where=path,
            remedy=f"remove 'credentials' (role build: build_credentials), and put them into the configuration of "
            f"{backend} or into a .netrc",
        )
    values = _values(path)
    if not values:
        yield
        return
    secrets.update(_secrets(values))
    with tempfile.TemporaryDirectory(prefix="airgap-conda-") as folder:  # 0700
        file = Path(folder, "credentials.json")
        file.write_text(json.dumps(values), encoding="utf-8")
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(file)
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            if before is not None:
                os.environ[VARIABLE] = before


def known_secrets(path: str | None) -> set[str]:
    """Return the passwords and tokens that ``authenticated`` takes from ``path``, and base64 of them as it is sent."""
    return _plain_secrets(_values(path))


def _values(path: str | None) -> dict[str, dict[str, Any]]:
    named = path or os.environ.get(VARIABLE)
    if not named or (not path and not Path(named).is_file()):
        return {}
    values: dict[str, dict[str, Any]] = _resolved(_read(Path(named)), named)
    return values


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the content of the file; no message ever repeats any of it but hosts and kinds."""
    try:
        if path.stat().st_mode & 0o077:
            raise _refused(path, "a file that others can read", f"chmod 600 {path}")
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refused(path, error.strerror or str(error), "create the file, or set another path") from error
    except ValueError as error:
        place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its encoding"
        raise _refused(path, f"invalid JSON at {place}", "correct the file") from None
    entries = values.items() if isinstance(values, dict) else [("the top", values)]
    for host, entry in entries:
        kind = next(iter(entry), None) if isinstance(entry, dict) and len(entry) == 1 else None
        if kind not in KINDS or not _is_complete(kind, entry[kind]):
            raise _refused(path, f"another value at {host}", f"write one of {', '.join(KINDS)} with its values")
    return dict(values)


def _is_complete(kind: str, value: Any) -> bool:
    if kind == "BasicHTTP":
        return isinstance(value, dict) and set(value) == {"username", "password"} and _all_text(value.values())
    if kind == "S3Credentials":
        return isinstance(value, dict)
    return _all_text([value])


def _all_text(values: Any) -> bool:
    return all(isinstance(value, str) and value for value in values)


def _resolved(value: Any, where: str) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(inner, where) for key, inner in value.items()}
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return value
    if not os.environ.get(match[1]):
        raise AirgapError(
            "A credential is missing from the environment",
            code="credential-missing",
            wanted=f"the variable {match[1]} in the environment of the module",
            found="a missing or empty variable",
            where=where,
            remedy=f"export {match[1]} where ansible-playbook is started, or write the value into the file",
        )
    return os.environ[match[1]]


def _secrets(values: dict[str, dict[str, Any]]) -> set[str]:
    """Return each secret in the forms in which it is sent or could be printed."""
    found = _plain_secrets(values)
    return found | {quote(secret, safe="") for secret in found}


def _plain_secrets(values: dict[str, dict[str, Any]]) -> set[str]:
    """Return each secret as it is sent. A user name is not a secret."""
    found: set[str] = set()
    for entry in values.values():
        for kind, value in entry.items():
            if kind == "BasicHTTP":
                pair = f"{value['username']}:{value['password']}"
                found |= {value["password"], base64.b64encode(pair.encode()).decode()}
            else:
                found |= {text for text in (value.values() if isinstance(value, dict) else [value]) if text}
    return found


def _refused(path: Path, found: str, remedy: str) -> AirgapError:
    return AirgapError(
        "The credentials file cannot be used",
        code="credentials-unusable",
        wanted=f"JSON that only its owner can read, such as {_EXAMPLE}",
        found=found,
        where=str(path),
        remedy=remedy,
    )
