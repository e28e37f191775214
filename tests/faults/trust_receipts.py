# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Receipts that anybody may have written on a drive: taken in, put on the page, held against a release."""

from __future__ import annotations

import random
import shutil
import subprocess
import traceback
from dataclasses import replace
from pathlib import Path

from scenes import Share
from tally import Tally
from trust_canary import LIMIT, UNFIT, Canary
from trust_forge import fields, replaced, values

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import FOLDER, HOST_NAME, SUFFIX, Receipt
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._hosts.fit import misfits
from ansible_collections.airgap.conda.plugins.module_utils._hosts.take import take_from
from ansible_collections.airgap.conda.plugins.module_utils._report.by_receipt import with_receipts
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import make_key, put, receipt, sign
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

SHORT, TIME = 150, "2026-02-03T12:00:00Z"
# Who signs: the host itself, somebody else in its name, nobody.
SIGNERS = ("host", "other", "nobody")


def run(tally: Tally, base: Path, share: Share) -> None:
    """Take in each forgery of this worker's share, next to a true receipt of the same host."""
    place = base / "receipts"
    canary = Canary(place)
    canary.set()
    keys = {name: make_key(place / "keys", name) for name in SIGNERS[:2]}
    made = make_release(place / "release", Path("/opt/conda-envs"), 2)
    release = Release.of(made.manifest, str(made.folder), "", "", "")
    true = _true(keys["host"])
    every = [
        (".".join(map(str, path)), path, what, text, signer)
        for path in fields(true.to_dict())
        for what, text in values(place).items()
        for signer in SIGNERS
    ]
    chosen = every if share.long else random.Random(3).sample(every, SHORT)  # noqa: S311 - always the same
    for name, path, what, text, signer in share.of(chosen):
        shutil.rmtree(place / "case", ignore_errors=True)
        drive, depot = place / "case/drive", place / "case/depot"
        depot.mkdir(parents=True)
        put(drive, replace(true, number=true.number - 1), keys["host"])
        take_from(drive, depot)
        file = put(drive, true, None, content=replaced(true.to_dict(), path, text).encode())
        if signer in keys:
            _sign(file, keys[signer])
        try:
            faults = _read(drive, depot, release, place / "case/report", signer)
        except Exception:  # noqa: BLE001 - it would end an export, or the page of all hosts
            faults = [traceback.format_exc()[-1000:]]
        faults += ["the secret was opened"] if canary.opened() else []
        tally.case(f"receipt by {signer}: {name} is {what}", [*faults, *canary.appeared()])
        tally.counts["forged receipts"] += 1
    canary.end()


def _true(key: Path) -> Receipt:
    """Return a receipt that has something in every field."""
    error = dict.fromkeys(("code", "problem", "wanted", "found", "where", "remedy"), "x")
    finding = Finding("verify", "demo", BROKEN, "p", "w", "f", "h", "r")
    return replace(receipt(5, key, gpus=("Quadro P2200",)), ok=False, error=error, findings=(finding,))


def _sign(file: Path, key: Path) -> None:
    try:
        sign(file, key)
    except subprocess.CalledProcessError:
        file.with_name(file.name + SUFFIX).write_text("no signature", encoding="ascii")


def _read(drive: Path, depot: Path, release: Release, report: Path, signer: str) -> list[str]:
    said = []
    try:
        taken = take_from(drive, depot)
        said += [text for one in taken for text in one.warnings()]
        new = sum(one.new for one in taken)
    except AirgapError as error:
        said.append(str(error))
        new = 0
    faults = [f"{new} taken in"] if new and signer != "host" else []
    said += misfits(depot, [release])
    reports = with_receipts({}, [], {}, depot)
    write_report(report, list(reports), reports, TIME, False)
    texts = [*said, *(path.read_text(encoding="utf-8") for path in report.rglob("*") if path.is_file())]
    faults += [f"unfit: {unfit!r}" for text in texts for unfit in UNFIT.findall(text)[:1]]
    faults += [f"a text of {len(text)} characters" for text in said if len(text) > LIMIT]
    faults += ["markup on the page"] if "<img src=x" in (report / "index.html").read_text(encoding="utf-8") else []
    names = [path.name for path in (depot / FOLDER).iterdir()]
    faults += [f"a folder {name!r}" for name in names if not HOST_NAME.fullmatch(name) and name != ".locks"]
    return faults
