# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host remembers of a depot that it fetches from: its index, and manifests and signatures by their hash.

With it, a look that finds nothing new is one request. Nothing of it is trusted more than what the server says.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import SHA256

# The answer to the last request: which URL, and what to ask the server the next time.
HEAD = "index"
FIELDS = ("url", "tag", "modified", "sha256")


@dataclass(frozen=True)
class Memory:
    """A folder that is only this program's, or that is not there yet. What cannot be written is forgotten."""

    folder: Path

    def head(self, url: str) -> dict[str, str]:
        """Return what was remembered of the index at ``url``: tag, modified and sha256; nothing of another one."""
        with suppress(FileFault, ValueError):
            found = parse_json(read_small(self.folder / HEAD, limits.SIGNATURE).decode("utf-8"))
            if isinstance(found, dict) and {*found} == {*FIELDS} and found["url"] == url:
                return {name: str(text) for name, text in found.items()}
        return {}

    def get(self, sha256: str, limit: int) -> bytes | None:
        """Return the content with a hash; None when it is not remembered."""
        if not SHA256.fullmatch(sha256):
            return None
        try:
            data = read_small(self.folder / sha256, limit)
        except FileFault:
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    def put(self, data: bytes) -> str:
        """Remember a content; returns its hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        with suppress(OSError):
            self._make()
            replace_file(self.folder / sha256, data)
        return sha256

    def begin(self, url: str, tag: str, modified: str, sha256: str, wanted: Collection[str]) -> None:
        """Remember the answer with an index, and forget all but this and what is ``wanted`` of it."""
        with suppress(OSError, AirgapError):
            self._make()
            for name in list_names(self.folder):
                if name not in (HEAD, sha256, *wanted):
                    (self.folder / name).unlink()
            replace_file(self.folder / HEAD, json.dumps(dict(zip(FIELDS, (url, tag, modified, sha256)))).encode())

    def _make(self) -> None:
        make_folder(self.folder, 0o700)
        status = self.folder.lstat()
        if self.folder.is_symlink() or status.st_uid != os.geteuid():
            raise PermissionError("not this user's")
