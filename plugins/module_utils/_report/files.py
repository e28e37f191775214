# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of a report: one JSON a host, and the page, JSON and CSV of all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import require_own
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import fleet, parse_host, without_times
from ansible_collections.airgap.conda.plugins.module_utils._report.host import TIME_FORMAT, HostReport
from ansible_collections.airgap.conda.plugins.module_utils._report.page import page

# Characters of the report of a host: NAMED findings with five texts of LINE each, and as many environments.
LARGEST = 4 << 20
# Characters of a host's name that stay in that of its file; file systems take 255, a few of them for the rest.
LONGEST = 180


def write_report(
    path: Path, hosts: Iterable[str], reports: Mapping[str, HostReport], time: str, check_mode: bool
) -> dict[str, Any]:
    """Write the reports, and the page of ``hosts``; those without one in ``reports`` are read from their files.

    Returns what the module returns. The files are always written, for the time in them; ``changed`` tells whether
    more than a time is new. In check mode nothing is written.
    """
    _require_own(path)
    found = [reports.get(host) or _read_host(path, host, time) for host in dict.fromkeys(hosts)]
    all_of_them = fleet(found, time)
    try:
        before = (path / "report.json").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        before = ""
    changed = without_times(before) != without_times(all_of_them.to_json())
    if not check_mode:
        make_folder(path / "hosts")
        _require_own(path)
        for host, report in reports.items():
            replace_file(_file_of(path, host), _encoded(report.to_json()))
        replace_file(path / "index.html", _encoded(page(all_of_them)))
        replace_file(path / "report.csv", _encoded(all_of_them.to_csv()))
        # Last: a run that was cut off before counts as changed the next time.
        replace_file(path / "report.json", _encoded(all_of_them.to_json()))
    summary, counts = all_of_them.summary(), all_of_them.counts()
    page_path, wrong = str(path / "index.html"), all_of_them.wrong()
    return {"changed": changed, "page": page_path, "summary": summary, "counts": counts, "wrong": wrong}


def require_time(text: str) -> str:
    """Return ``text`` when it is a time as reports have it; raises AirgapError else."""
    try:
        datetime.strptime(text, TIME_FORMAT)
    except ValueError as error:
        raise AirgapError(
            "The time of the report cannot be used",
            code="time-invalid",
            wanted="a UTC time like 2026-01-31T12:00:00Z",
            found=text,
            where="option time of airgap.conda.report",
            remedy="write it like this, or leave it out for the present",
        ) from error
    return text


def _read_host(path: Path, host: str, time: str) -> HostReport:
    file = _file_of(path, host)
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            text = stream.read(LARGEST)  # one that is longer is cut off, and says that it cannot be used
    except FileNotFoundError:
        text = ""
    return parse_host(text, host, str(file), time)


def _require_own(path: Path) -> None:
    for folder in (path, path / "hosts"):
        require_own(folder, "the report", "choose another folder for report_path")


def _file_of(path: Path, host: str) -> Path:
    name = quote(host, safe="")
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{hashlib.sha256(host.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    return path / "hosts" / f"{name}.json"


def _encoded(text: str) -> bytes:
    # What is half a character came from a host; a report is not lost for it.
    return text.encode("utf-8", "replace")
