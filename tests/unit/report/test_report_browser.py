# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fleet page of 1,000 hosts in headless Chromium: what it takes to open, and what its controls do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import fleet
from ansible_collections.airgap.conda.plugins.module_utils._report.host import HostReport, Installed
from ansible_collections.airgap.conda.plugins.module_utils._report.page import page
from ansible_collections.airgap.conda.tests.bench.frame import processor

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or ""
TIME = "2026-03-31T12:00:00Z"
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--dump-dom",
]
POLICY = r"<meta http-equiv=[^>]*>"
# Appended to the page in place of its policy, which would not let it run: uses the page, leaves what it saw as text.
USE = """<script>addEventListener('load', () => {
const rows = () => [...document.querySelectorAll('tbody tr')];
const shown = () => rows().filter(row => !row.hidden).length;
const first = () => rows()[0].cells[0].textContent;
const click = column => document.querySelectorAll('thead button')[column].click();
const type = words => { text.value = words; text.dispatchEvent(new Event('input')); return shown(); };
const seen = {shown: shown(), first: first()};
click(0); seen.host = first(); click(0); seen.host_down = first();
const began = performance.now(); click(2); seen.sort = performance.now() - began;
seen.env = first(); click(2); seen.env_down = first();
seen.typed = type('BROKEN remedy'); seen.nothing = type('no such word'); type('');
wrong.click(); seen.wrong = shown(); seen.said = document.querySelector('#shown').textContent;
document.body.textContent = 'SEEN' + JSON.stringify(seen) + 'END';
});</script>"""


def report(number: int) -> HostReport:
    host = f"ws-{number}"
    envs = tuple(Installed(env, f"{1 + number % 12}-1c0ffee5", values={"since": TIME}) for env in ("demo", "runtime"))
    text = "<script>document.title = 'x'</script>"
    broken = (Finding("verify", "demo", "broken", "It is not as it was signed", text, text, text, "roll back"),)
    return HostReport(host, TIME, True, envs, broken if number % 100 == 7 else ())


def look(path: Path, text: str) -> tuple[str, float]:
    """Return what the browser made of a page, and the seconds of processors that it took."""
    path.write_text(text, encoding="utf-8")
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={path.parent}/chromium", path.as_uri()]
    worked = processor()
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    return said, processor() - worked


@pytest.mark.skipif(not CHROMIUM, reason="there is no chromium")
def test_a_thousand_hosts_open_sort_and_filter(tmp_path: Path) -> None:
    text = page(fleet([report(number) for number in range(1000)], TIME))
    said, took = look(tmp_path / "page.html", text)
    assert "1000 of 1000 shown" in said, "the page's policy does not let its script run"
    found = re.search("SEEN(.*)END", unescape(look(tmp_path / "used.html", re.sub(POLICY, "", text) + USE)[0]))
    assert found
    seen: dict[str, Any] = json.loads(found[1])
    # Others may keep all processors busy: nothing here is compared with a clock but what takes milliseconds.
    assert seen.pop("sort") < 1000
    _said, alone = look(tmp_path / "empty.html", "")
    assert took - alone < 2
    assert seen == {
        "shown": 1000,
        "first": "ws-107",
        "host": "ws-0",
        "host_down": "ws-999",
        "env": "ws-0",
        "env_down": "ws-107",
        "typed": 10,
        "nothing": 0,
        "wrong": 10,
        "said": "10 of 1000 shown",
    }
