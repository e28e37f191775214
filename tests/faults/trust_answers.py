# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The same forgeries, thousands of them, without Ansible: what the controller takes in, looks up, says and writes."""

from __future__ import annotations

import json
import random
import shutil
import traceback
from pathlib import Path
from typing import Any

from scenes import Share
from tally import Tally
from trust_canary import LIMIT, UNFIT, Canary
from trust_forge import Forgery
from trust_truth import ASKED, MARK, Truths, forgeries

from ansible_collections.airgap.conda.plugins.filter.outcomes import outcomes
from ansible_collections.airgap.conda.plugins.filter.readable import readable
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import FIELDS, AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report, with_failure
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.plugins.plugin_utils import _links
from ansible_collections.airgap.conda.plugins.plugin_utils._accept import accept, documented
from ansible_collections.airgap.conda.plugins.plugin_utils._asked import asked
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import listen
from ansible_collections.airgap.conda.plugins.plugin_utils._notes import note
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

HOST, TIME = "ws-001", "2026-01-01T00:00:00Z"
SHORT = 600
# What Ansible itself makes of a module's result, whatever a module says.
OWN = {"changed", "failed", "skipped", "refused", "rc", "msg", "exception", "errors", "code", *FIELDS}
OWN |= {"module_stdout", "module_stderr", "warnings", "diff"}


def run(tally: Tally, base: Path, share: Share) -> None:
    """Take in each forgery of this worker's share."""
    place = base / "answers"
    canary = Canary(place)
    canary.set()
    made = [make_release(place / "depot", place / "root", serial, part_size=1 << 20) for serial in (1, 2)]
    truths = Truths(place / "root", made)
    every = [one for playbook in ASKED for group in forgeries(playbook, place, truths) for one in group]
    every = [one for one in every if one.kind in truths.results() or one.kind == "raw"]
    worst = [one for one in every if one.worst]
    chosen = every if share.long else [*worst, *random.Random(2).sample(every, SHORT)]  # noqa: S311 - always the same
    for forgery in share.of(chosen):
        try:
            faults = _raw(forgery, place) if forgery.kind == "raw" else _module(forgery, place, made)
        except Exception:  # noqa: BLE001 - it would end the run for all hosts
            faults = [traceback.format_exc()[-1000:]]
        faults += ["the secret was opened"] if canary.opened() else []
        tally.case(f"in process: {forgery}", [*faults, *canary.appeared()])
        tally.counts["forged, without Ansible"] += 1
    canary.end()


def _module(forgery: Forgery, place: Path, made: Any) -> list[str]:
    try:
        answer = json.loads(forgery.answer())
    except (ValueError, RecursionError) as error:
        # What Ansible makes of an answer that it cannot read.
        answer = {"failed": True, "msg": f"MODULE FAILURE {error}", "module_stdout": forgery.answer(), "rc": 0}
    returns = documented(forgery.kind)
    result = accept(answer if isinstance(answer, dict) else {"failed": True, "msg": "no"}, returns, forgery.kind, HOST)
    faults = [f"{name} was taken in" for name in result.keys() - returns.keys() - OWN]
    if not result.get("failed") and forgery.kind in ("preflight", "repair"):
        faults += _asks(forgery, result, made)
    wrong = outcomes([HOST], {HOST: {"_deploy_failure": note(result)}})["wrong"]
    outcome = wrong.get(HOST) if isinstance(wrong, dict) and result.get("failed") else None
    current = {"runtime": made[0].manifest.id, "demo": made[1].manifest.id}
    links = [{"env": env, "release": release, "since": 1} for env, release in current.items()]
    seen = {"root": "/opt", "links": links}
    results = [{**result, "item": "demo"}] if forgery.kind == "verify" else []
    return faults + _written(place, seen, {"results": results}, outcome)


def _asks(forgery: Forgery, result: dict[str, Any], made: Any) -> list[str]:
    releases = [one.wanted for one in made]
    try:
        found = asked(result.get("steps", []), releases, HOST)
    except AirgapError as error:
        return _said(str(error))
    ours = {one.folder: {part.name for payload in one.manifest.payloads for part in payload.parts} for one in made}
    gets = [(Path(one.release.path), {part.name for part in one.parts}) for one in found]
    faults = [f"it gets {folder} {parts}" for folder, parts in gets if not parts <= ours.get(folder, set())]
    return [*faults, "it is served"] if forgery.worst else faults


def _raw(forgery: Forgery, place: Path) -> list[str]:
    heard = listen(forgery.answer(), MARK, _links.SAID)
    seen = {"root": "/opt", **_links.parse_links(heard)} if heard.status == 0 else {"failed": True, "msg": heard.text}
    return _written(place, seen, {"results": []}, None)


def _written(place: Path, seen: dict[str, Any], verified: dict[str, Any], failure: Any) -> list[str]:
    """Write the page of this host; say what is wrong with its files."""
    report = with_failure(host_report(HOST, readable(seen), readable(verified), TIME), failure)
    write_report(place / "report", [HOST], {HOST: report}, TIME, False)
    written = {str(path.relative_to(place)): path for path in (place / "report").rglob("*") if path.is_file()}
    wanted = {f"report/{name}" for name in ("index.html", "report.csv", "report.json", f"hosts/{HOST}.json")}
    faults = [f"{name} was written" for name in written.keys() - wanted]
    text = json.dumps(json.loads(written[f"report/hosts/{HOST}.json"].read_bytes()), ensure_ascii=False)
    shutil.rmtree(place / "report")
    return faults + _said(text)


def _said(text: str) -> list[str]:
    faults = [f"{len(text)} characters are said"] if len(text) > LIMIT else []
    return faults + [f"unfit: {unfit!r}" for unfit in UNFIT.findall(text)[:1]]
