# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for conda, mamba and micromamba: answers from a folder of recorded outputs, and notes how it was called.

Beside the program stand ``answers/<command>.json`` (stdout), ``.err`` (stderr), ``.rc`` (exit status) and ``.sleep``
(seconds). A ``create`` with --file installs what the list names, as far as the callers look.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Note the call, then say what was recorded."""
    arguments = sys.argv[1:]
    command = "create-dry-run" if "--dry-run" in arguments else arguments[0]
    kept = {name: value for name, value in os.environ.items() if re.match(r"CONDA|MAMBA|PYTHON", name)}
    with open(HERE / "calls.jsonl", "a") as calls:
        calls.write(json.dumps({"arguments": arguments, "variables": kept}) + "\n")
    options = dict(argument.split("=", 1) for argument in arguments if argument.startswith("--") and "=" in argument)
    answers = HERE / "answers"
    if (answers / f"{command}.sleep").exists():
        time.sleep(float((answers / f"{command}.sleep").read_text()))
    for ending, stream in (("json", sys.stdout), ("err", sys.stderr)):
        if (answers / f"{command}.{ending}").exists():
            stream.write((answers / f"{command}.{ending}").read_text())
    if (answers / f"{command}.rc").exists():
        return int((answers / f"{command}.rc").read_text())
    if "--file" in options:
        _install(Path(options["--prefix"]), Path(options["--file"]))
    return 0


def _install(prefix: Path, listing: Path) -> None:
    (HERE / "listing").write_text(listing.read_text())
    meta = prefix / "conda-meta"
    meta.mkdir(parents=True)
    (meta / "history").write_text(f"# cmd: create --file {listing}\n")
    (prefix / ".mambarc").write_text("platform: linux-64\n")
    for line in listing.read_text().splitlines()[1:]:
        name, version, build = Path(line.partition("#")[0]).name.removesuffix(".tar.bz2").rsplit("-", 2)
        source = HERE / "pkgs" / f"{name}-{version}-{build}"
        (source / "info").mkdir(parents=True, exist_ok=True)
        index = {"name": name, "version": version, "build": build, "build_number": 0, "depends": [], "subdir": "noarch"}
        (source / "info/index.json").write_text(json.dumps(index))
        (prefix / "share").mkdir(exist_ok=True)
        (prefix / "share" / name).write_text(f"{name} {version}\n")
        (prefix / "share" / f"{name}.pyc").write_text(str(prefix))  # as conda does for noarch packages
        paths = [{"_path": f"share/{name}", "path_type": "hardlink"}]
        paths += [{"_path": f"share/{name}.pyc", "path_type": "pyc_file"}]
        record = {
            **index,
            "url": line,
            "channel": "somewhere",
            "requested_spec": str(listing),
            "extracted_package_dir": str(source),
            "files": [f"share/{name}", f"share/{name}.pyc"],
            "paths_data": {"paths_version": 1, "paths": paths},
            "link": {"source": str(source), "type": 3},
        }
        (meta / f"{name}-{version}-{build}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    sys.exit(main())
