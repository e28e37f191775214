# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""conda-meta, the records of what is installed: the same whichever tool wrote it, without credentials and times."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import write_anew
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import BROUGHT, MARKER
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage

HISTORY = "conda-meta/history"
# Of a record: what the installer found out on this machine. conda-pack needs it to find the package's own files.
_LOCAL = ("extracted_package_dir", "package_tarball_full_path", "link")
_INSTALLED = ("files", "paths_data")
# Of a path: what its bytes were in the package. What they became in a prefix is another thing in every prefix.
_OF_PATH = ("_path", "path_type", "prefix_placeholder", "file_mode", "no_link", "sha256", "size_in_bytes")
_GENERATED = ("unix_python_entry_point", "pyc_file", "windows_python_entry_point_script")


def records_of(tree: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each record of an installed package with the file that it is in, by their names."""
    for path in sorted((tree / "conda-meta").glob("*.json")):
        yield path, json.loads(path.read_text(encoding="utf-8"))


def adopt(prefix: Path, packages: Sequence[CondaPackage]) -> None:
    """Rewrite the record of each package from the package itself, with URL and hash from the lock.

    An index adds to a package's own description, another one every day, and tools add how they were called.
    """
    by_stem = {package.stem: package for package in packages}
    records = {path.stem: path for path in (prefix / "conda-meta").glob("*.json")}
    if set(records) != set(by_stem):
        odd = sorted(set(records) ^ set(by_stem))
        raise AirgapError(
            "The environment has other packages than the solution",
            code="packages-differ",
            wanted=f"{len(by_stem)} packages",
            found=f"{len(records)}, different in {', '.join(odd[:4])}",
            where=str(prefix / "conda-meta"),
            remedy="check whether the tool's own configuration adds packages to every environment",
        )
    for stem, path in records.items():
        record = json.loads(path.read_text(encoding="utf-8"))
        _drop_byte_code(prefix, record)
        write_anew(path, _to_bytes(_adopted(record, by_stem[stem])))
    for path in (prefix / "conda-meta").iterdir():
        if path.suffix != ".json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    # conda takes a directory for an environment when it has a history; what is in it are commands and times.
    write_anew(prefix / HISTORY, b"")


def _drop_byte_code(prefix: Path, record: dict[str, Any]) -> None:
    """Remove what conda compiled at the install, with this prefix in it and in some order: ours is compiled later."""
    paths = record["paths_data"]["paths"]
    compiled = {entry["_path"] for entry in paths if entry["path_type"] == "pyc_file"}
    for name in compiled:
        (prefix / name).unlink(missing_ok=True)
    record["files"] = [name for name in record["files"] if name not in compiled]
    record["paths_data"]["paths"] = [entry for entry in paths if entry["_path"] not in compiled]


def _adopted(record: Mapping[str, Any], package: CondaPackage) -> dict[str, Any]:
    source = Path(record["extracted_package_dir"])
    index = json.loads((source / "info" / "index.json").read_text(encoding="utf-8"))
    digest = {"sha256": package.sha256} if package.sha256 else {"md5": package.md5} if package.md5 else {}
    return {
        **{key: value for key, value in index.items() if value is not None},
        **{key: record[key] for key in (*_LOCAL, *_INSTALLED) if key in record},
        **digest,
        "fn": package.file,
        "url": package.url,
        "channel": package.channel,
        "subdir": package.subdir,
    }


def conda_files(prefix: Path) -> set[str]:
    """Return the paths in the prefix that conda packages brought."""
    return {name for _path, record in records_of(prefix) for name in record["files"]}


def disown(prefix: Path, paths: Collection[str]) -> None:
    """Remove paths from the records: these files no longer belong to a package, and are packed unchanged."""
    for record_path, record in records_of(prefix) if paths else ():
        if not set(paths).isdisjoint(record["files"]):
            record["files"] = [name for name in record["files"] if name not in paths]
            entries = record["paths_data"]["paths"]
            record["paths_data"]["paths"] = [entry for entry in entries if entry["_path"] not in paths]
            write_anew(record_path, _to_bytes(record))


def own_byte_code(prefix: Path) -> None:
    """Add the byte code of each noarch package to its record: conda-pack leaves out what no package owns."""
    for path, record in records_of(prefix):
        if record.get("noarch") != "python":
            continue
        code = sorted(set(_byte_code(prefix, record["files"])) - set(record["files"]))
        record["files"] += code
        record["paths_data"]["paths"] += [{"_path": name, "path_type": "pyc_file"} for name in code]
        write_anew(path, _to_bytes(record))


def _byte_code(prefix: Path, files: Sequence[str]) -> Iterator[str]:
    for name in files:
        if name.endswith(".py"):
            source = prefix / name
            # Python 2 has it next to the source.
            for path in (source.with_suffix(".pyc"), *(source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")):
                if path.is_file():
                    yield str(path.relative_to(prefix))


def release_records(tree: Path) -> None:
    """Take out of the records of a packed ``tree`` what tells of the machine and the folder it was built in."""
    for path, record in records_of(tree):
        kept = {key: value for key, value in record.items() if key not in _LOCAL}
        paths = record.get("paths_data", {}).get("paths", [])
        kept["files"] = sorted(record["files"])
        kept["paths_data"] = {"paths_version": 1, "paths": sorted(map(_of_package, paths), key=lambda p: p["_path"])}
        write_anew(path, _to_bytes(kept))
    for name in (MARKER, BROUGHT):
        (tree / name).unlink(missing_ok=True)


def _of_package(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record may say of one path: of a file that was written for this prefix not its hash or size."""
    keys: Sequence[str] = _OF_PATH
    if entry["path_type"] in _GENERATED:
        keys = _OF_PATH[:2]
    elif entry.get("prefix_placeholder"):
        keys = [key for key in _OF_PATH if key != "size_in_bytes"]
    return {key: entry[key] for key in keys if key in entry}


def _to_bytes(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, sort_keys=True) + "\n").encode("utf-8")  # indent would take the slow encoder
