# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fail on an error whose kind has no code, or one of another form than ``drive-unusable``.

A code is written where the error is made. It is not put together there: whoever looks for a code finds it in the code.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
FORM = re.compile(r"[a-z0-9]+(-[a-z0-9]+){0,2}")
# The keywords that every error has, whatever its class.
PARTS = {"wanted", "found", "where", "remedy"}
FORMED = "one to three lower-case words with hyphens between them"


def faults(name: str, text: str) -> list[str]:
    """Return a line for each error without a code, and for each code of another form."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            is_error = set(given) >= PARTS or (ast.unparse(node.func) == "AirgapError" and None not in given)
            if is_error and "code" not in given and None not in given:
                found.append(f"{name}:{node.lineno}: an error without a code")
            codes = [given["code"]] if "code" in given else []
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            codes = list(_defaults(node.args))
        else:
            continue
        found += [f"{name}:{one.lineno}: {ast.unparse(one)} is not {FORMED}" for one in codes if not _is_well(one)]
    return found


def _defaults(arguments: ast.arguments) -> Iterator[ast.expr]:
    """Yield the default of a parameter ``code``: errors that a function makes have this code or the one it is given."""
    plain = [*arguments.posonlyargs, *arguments.args]
    pairs: list[tuple[ast.arg, ast.expr | None]] = [*zip(reversed(plain), reversed(arguments.defaults), strict=False)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    yield from (default for argument, default in pairs if argument.arg == "code" and default)


def _is_well(code: ast.expr) -> bool:
    """Tell whether it is a literal of the form; or the choice of two, a constant, or the code of something else."""
    if isinstance(code, ast.Constant):
        return isinstance(code.value, str) and bool(FORM.fullmatch(code.value))
    if isinstance(code, ast.IfExp):
        return _is_well(code.body) and _is_well(code.orelse)
    if isinstance(code, ast.Attribute):
        return code.attr in ("code", "name")
    return isinstance(code, ast.Name) and (code.id == "code" or code.id.isupper())


def main() -> int:
    """Print every fault and return the exit status."""
    files = sorted(PLUGINS.rglob("*.py"))
    lines = [line for path in files for line in faults(str(path), path.read_text(encoding="utf-8"))]
    print("\n".join(lines) or f"every error in {len(files)} files has a code")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
