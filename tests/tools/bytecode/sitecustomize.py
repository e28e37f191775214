# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the byte code of what is imported from an archive, for Pythons that tests start with this folder in PYTHONPATH.

Ansible runs a module as an archive of sources. Python compiles these anew each time, which takes more than a third of
the time of a module that does little, and the tests run thousands of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
import zipimport
from types import CodeType

FOLDER = os.path.join(os.path.dirname(__file__), "../../../.cache/bytecode", str(sys.implementation.cache_tag))
compile_source = zipimport._compile_source  # type: ignore[attr-defined] # noqa: SLF001 - what a change of it costs is time


def kept(path: str, source: bytes) -> CodeType:
    """Return the code of ``source``, compiled now or when it was seen first."""
    name = os.path.join(FOLDER, hashlib.sha1(source, usedforsecurity=False).hexdigest())
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError), open(name, "rb") as stream:
        return marshal.loads(stream.read())  # noqa: S302 - written below
    code: CodeType = compile_source(path, source)
    with contextlib.suppress(OSError):
        os.makedirs(FOLDER, exist_ok=True)
        with open(f"{name}.{os.getpid()}", "wb") as stream:
            stream.write(marshal.dumps(code))
        os.replace(f"{name}.{os.getpid()}", name)
    return code


zipimport._compile_source = kept  # type: ignore[attr-defined] # noqa: SLF001
