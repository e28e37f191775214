# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A conda environment of two files and a link, as conda makes it, and the request to pack it."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

RELEASE = "1-1c0ffee5"
DEST_PREFIX = f"/opt/conda-envs/demo/{RELEASE}"
PLACEHOLDER = "/placeholder" * 10


def make_environment(folder: Path) -> Path:
    """Make what conda makes: a package in a cache, and an environment with its files and its own prefix in them."""
    prefix, cached = folder / "prefix", folder / "pkgs/tool-1-0"
    files = {"bin/tool": "#!{}/bin/sh\nexec tool\n", "lib/tool.txt": "plain"}
    write_tree(cached, {name: text.format(PLACEHOLDER) for name, text in files.items()})
    paths = [{"_path": "bin/tool", "path_type": "hardlink", "prefix_placeholder": PLACEHOLDER, "file_mode": "text"}]
    paths += [{"_path": "lib/tool.txt", "path_type": "hardlink"}]
    write_tree(cached, {"info/paths.json": json.dumps({"paths": paths, "paths_version": 1})})
    record = {
        "name": "tool",
        "version": "1",
        "url": "",
        "files": list(files),
        "link": {"source": str(cached), "type": 1},
    }
    write_tree(prefix, {name: text.format(prefix) for name, text in files.items()})
    write_tree(prefix, {"conda-meta/tool-1-0.json": json.dumps(record), "conda-meta/history": "", "share/pip.txt": "x"})
    (prefix / "lib/link").symlink_to("../share")
    return prefix


def make_request(folder: Path) -> PackRequest:
    return PackRequest(make_environment(folder), folder / "pack", DEST_PREFIX, ("tar.zst", "tar.gz"))
