# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole hosts: what is seen, whether it fits, whether it works, and what of it a release can live with."""

from __future__ import annotations

import io
import itertools
import json
import time
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import ORDER, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.gpu_verdict import culprit, overall, subject_of
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import (
    Report,
    loaded_module,
    look,
    require,
    require_gpu,
)
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_gpu import (
    OPEN_MODULE,
    Host,
    bare,
    by_check,
    environment,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, skip_flushes, write_tree

P2200, A4000, A100S = "quadro-p2200-470.xml", "rtx-a4000-535.xml", "a100-two-550.xml"
UUIDS = ("GPU-6a2f0d3b-11e4-4f7a-b9c5-20d87e6b4c01", "GPU-9c84b7f2-5d03-4a16-8e7f-3b19a06d5c02")


def seeds_workstation(folder: Path) -> Host:
    return Host(folder).with_module("470.256.02").with_answer(P2200)


# --- seen ---------------------------------------------------------------------------------------------------------


def test_a_well_host(tmp_path: Path) -> None:
    report = look(tools=Host(tmp_path).with_module("550.54.14", OPEN_MODULE).with_answer(A100S).tools)
    assert (report.verdict, report.driver, report.cuda, len(report.gpus)) == ("ok", "550.54.14", "12.4", 2)
    assert [finding.check for finding in report.findings] == ["driver", "health", "health"]
    assert report.warnings() == []


@pytest.mark.parametrize(
    ("text", "version"),
    [("NVRM version: nonsense\n", ""), ("", ""), ("\0" * 100, ""), (OPEN_MODULE.format(driver="570.26"), "570.26")],
)
def test_the_loaded_module(tmp_path: Path, text: str, version: str) -> None:
    write_tree(tmp_path, {"driver/nvidia/version": text})
    assert loaded_module(tmp_path) == version


@pytest.mark.parametrize(
    ("card", "smi", "verdict", "found", "remedy"),
    [
        (False, "", "absent", "none, and no NVIDIA card", "hosts with an NVIDIA GPU"),
        (True, "", "absent", "an NVIDIA card (PCI 10de:1c31)", "install the NVIDIA driver 520.61.05 or newer"),
        (False, "exit 9", "absent", "none, and no NVIDIA card", "build one for the CPU"),
        (True, "exit 9", "broken", "exit status 9, the driver is not loaded", "modprobe"),
    ],
)
def test_hosts_without_a_driver(tmp_path: Path, card: bool, smi: str, verdict: str, found: str, remedy: str) -> None:
    host = bare(tmp_path, card)
    report = look(cuda="11.8", tools=(host.with_smi(smi) if smi else host).tools)
    (finding,) = report.findings
    assert report.verdict == finding.verdict == verdict
    assert found in finding.found
    assert remedy in finding.remedy
    assert report.gpus == ()


def test_a_driver_without_nvidia_smi(tmp_path: Path) -> None:
    report = look(tools=Host(tmp_path).with_module("470.256.02").tools)
    (finding,) = report.findings
    assert (report.verdict, report.driver, report.cuda) == ("unknown", "470.256.02", "11.4")
    assert "driver 470.256.02 is loaded, and no" in finding.found


def test_an_update_without_a_reboot(tmp_path: Path) -> None:
    says = "echo 'Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.183'; exit 18"
    report = look(tools=Host(tmp_path).with_module("535.161.07").with_smi(says).tools)
    assert (report.verdict, report.findings[0].remedy) == ("broken", "reboot")
    assert "NVML library version: 535.183" in report.findings[0].found
    report = look(tools=Host(tmp_path).with_module("535.161.07").with_answer(A4000).tools)
    assert (report.verdict, report.findings[0].wanted) == ("broken", "libraries of the loaded driver 535.161.07")
    assert "reboot" in report.findings[0].remedy


def test_when_nvidia_smi_hangs_nothing_else_is_tried(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env", like={"import": "open('/proc/self/cwd/../tried', 'w')"})
    host = replace(Host(tmp_path).with_module("535.183.01").with_smi("exec sleep 60"), deadline=0.2)
    start = time.monotonic()
    report = look(prefix, tools=host.tools)
    assert time.monotonic() - start < 30
    assert [(finding.check, finding.verdict) for finding in report.findings] == [("driver", "unknown"), ("cuda", "ok")]
    assert (report.verdict, report.gpus) == ("unknown", ())


# --- fits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cuda", "verdict", "found", "remedy"),
    [
        ("11.4", "ok", "driver 470.256.02, which supports it", ""),
        ("11.8", "degraded", "by minor-version compatibility", "update the driver to 520.61.05, or build the"),
        ("12.1", "broken", "which does not run it", "update the driver to 530.30.02 or newer"),
        ("15.0", "unknown", "has no entry", "update airgap.conda"),
    ],
)  # fmt: skip
def test_the_driver_and_the_cuda_of_a_release(tmp_path: Path, cuda: str, verdict: str, found: str, remedy: str) -> None:
    report = look(cuda=cuda, tools=seeds_workstation(tmp_path).tools)
    (finding,) = by_check(report.findings, "cuda")
    assert finding.verdict == verdict
    assert report.verdict == verdict
    assert found in finding.found
    assert finding.remedy.startswith(remedy)
    assert f"CUDA {cuda}" in finding.wanted


def test_the_cuda_is_read_from_the_environment(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env", cuda="11.7", capability="6.1")
    (finding,) = by_check(look(prefix, tools=seeds_workstation(tmp_path).tools).findings, "cuda")
    assert finding.wanted == "a driver for CUDA 11.7: 515.43.04 or newer"
    assert finding.where.endswith("torch/version.py")


def test_cuda_13_leaves_pascal_behind(tmp_path: Path) -> None:
    host = Host(tmp_path).with_module("580.65.06").with_answer(P2200, ("470.256.02", "580.65.06"), ("11.4", "13.0"))
    (finding,) = by_check(look(cuda="13.0", tools=host.tools).findings, "architecture")
    assert (finding.verdict, finding.subject) == ("broken", "GPU 0")
    assert finding.wanted == "compute capability 7.5 or newer, which CUDA 13.0 compiles for"
    assert finding.found == "compute capability 6.1"


@pytest.mark.parametrize(
    ("architectures", "verdict"),
    [(("sm_50", "sm_60"), "ok"), (("compute_50", "sm_70"), "degraded"), (("sm_70", "sm_75", "compute_75"), "broken")],
)
def test_what_a_framework_was_compiled_for(tmp_path: Path, architectures: tuple[str, ...], verdict: str) -> None:
    prefix = environment(tmp_path / "env", architectures=architectures, capability="6.1")
    (finding,) = by_check(look(prefix, tools=seeds_workstation(tmp_path).tools).findings, "architecture")
    assert (finding.verdict, finding.subject) == (verdict, "GPU 0")
    assert finding.wanted == "torch 2.1.0 compiled for 6.1"
    assert finding.found.startswith(f"compiled for {', '.join(architectures)}: ")


def test_the_framework_knows_the_capability_of_an_unknown_card(tmp_path: Path) -> None:
    host = Host(tmp_path).with_module("470.256.02").with_answer(P2200, ("Quadro P2200", "Quadro New"))
    assert [gpu.capability for gpu in look(tools=host.tools).gpus] == [""]
    assert [gpu.capability for gpu in look(environment(tmp_path / "env"), tools=host.tools).gpus] == ["8.6"]


# --- works --------------------------------------------------------------------------------------------------------


def test_everything_at_once(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env", cuda="12.1", capability="8.0")
    report = look(prefix, tools=Host(tmp_path).with_module("550.54.14").with_answer(A100S).tools)
    assert report.verdict == "ok"
    checks = ["driver", "health", "health", "cuda", "architecture", "architecture", "matmul", "matmul"]
    assert [finding.check for finding in report.findings] == checks
    result = report.as_result()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert len(json.dumps(result)) < 5000
    assert [gpu["verdict"] for gpu in result["gpus"]] == ["ok", "ok"]


def test_one_bad_gpu_beside_a_good_one_is_degraded(tmp_path: Path) -> None:
    like = {f"add on {UUIDS[1]}": "raise RuntimeError('CUDA error: no kernel image is available')"}
    prefix = environment(tmp_path / "env", cuda="12.1", capability="8.0", like=like)
    report = look(prefix, tools=Host(tmp_path).with_module("550.54.14").with_answer(A100S).tools)
    assert (report.verdict, [gpu["verdict"] for gpu in report.as_result()["gpus"]]) == ("degraded", ["ok", "broken"])
    assert len(report.warnings()) == 1
    assert "no kernel image" in report.warnings()[0]


@pytest.mark.parametrize(
    ("tree", "verdict", "found"),
    [
        ({"cuda": None, "version": "2.13.0+cpu"}, "absent", "torch 2.13.0+cpu, built without CUDA"),
        (None, "unknown", "neither of them in this environment"),
    ],
)
def test_nothing_to_compute_with(tmp_path: Path, tree: dict[str, Any] | None, verdict: str, found: str) -> None:
    prefix = tmp_path / "env"
    prefix.mkdir()
    if tree is not None:
        environment(prefix, **tree)
    report = look(prefix, tools=seeds_workstation(tmp_path).tools)
    assert report.verdict == verdict
    assert culprit(report.findings).found == found


def test_a_prefix_that_is_none(tmp_path: Path) -> None:
    with raised("prefix-missing"):
        look(tmp_path / "missing", tools=bare(tmp_path).tools)


def test_a_hung_framework_is_back_by_the_deadline(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env", capability="6.1", like={"matmul": "time.sleep(60)"})
    host = replace(seeds_workstation(tmp_path), deadline=0.25)
    start = time.monotonic()
    report = look(prefix, tools=host.tools)
    assert time.monotonic() - start < 30
    assert (report.verdict, culprit(report.findings).check) == ("unknown", "matmul")


def test_many_hung_probes_do_not_add_up(tmp_path: Path) -> None:
    """Two frameworks, two GPUs and a query: five that hang, of which no more than three deadlines are seen."""
    environment(tmp_path / "env", "tensorflow", like={"import": "time.sleep(60)"})
    prefix = environment(tmp_path / "env", like={"import": "time.sleep(60)"})
    host = Host(tmp_path, deadline=2).with_module("550.54.14").with_answer(A100S)
    host.with_smi(f'if [ "$1" = -q ]; then exec cat {host.folder}/bin/answer.xml; fi; sleep 60')
    start = time.monotonic()
    report = look(prefix, tools=host.tools)
    assert time.monotonic() - start < 5 * 2
    assert [finding.verdict for finding in by_check(report.findings, "matmul")] == ["unknown"] * 4


# --- what passes --------------------------------------------------------------------------------------------------


def finding(verdict: str, gpu: int | None = None, check: str = "x") -> Finding:
    subject = "" if gpu is None else subject_of(gpu)
    return Finding(check, subject, verdict, "problem", f"wanted {verdict}", "found", "where", "remedy")


@pytest.mark.parametrize(
    ("need", "passes"),
    [
        ("required", {"ok", "degraded"}),
        ("optional", {"ok", "degraded", "absent", "unknown"}),
        ("none", {"ok", "degraded", "absent", "unknown", "broken"}),
    ],
)
def test_what_is_required_decides(need: str, passes: set[str]) -> None:
    for verdict in ORDER:
        report = Report("", "", (), (finding("ok"), finding(verdict)))
        if verdict in passes:
            require(report, need, "and so")
        else:
            with raised("x", problem=f"{verdict}, and so", wanted=f"wanted {verdict}", found="found") as caught:
                require(report, need, "and so")
            assert caught.value.as_result()["gpu"]["verdict"] == verdict


@pytest.mark.parametrize(
    ("host", "gpus", "verdict"),
    [
        ("ok", ["ok", "ok"], "ok"),
        ("ok", ["ok", "broken"], "degraded"),
        ("ok", ["degraded", "unknown"], "degraded"),
        ("ok", ["broken", "unknown"], "broken"),
        ("ok", ["unknown"], "unknown"),
        ("absent", ["ok"], "absent"),
        ("unknown", ["ok", "broken"], "unknown"),
        ("degraded", [], "degraded"),
    ],
)
def test_many_findings_become_one_verdict(host: str, gpus: list[str], verdict: str) -> None:
    findings = [finding(host), *itertools.chain(*([finding("ok", i), finding(v, i)] for i, v in enumerate(gpus)))]
    assert overall(findings) == verdict
    assert culprit(findings).verdict == verdict or verdict == "degraded"


def test_texts_are_short_and_clean() -> None:
    assert clean(" a\n\tb\x00\x1b[31mc\ufffd ") == "a b [31mc?"
    assert len(clean("x" * 10**6)) <= 300
    dirty = Finding("x", "GPU 0", "ok", "", "a\nb", "c" * 999, "d\ud800").as_result()
    assert (dirty["wanted"], len(dirty["found"]), dirty["where"], dirty["subject"]) == ("a b", 299, "d", "GPU 0")


def test_for_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)
    manifest = make_release(tmp_path / "depot", tmp_path / "opt").manifest
    tools = bare(tmp_path).tools
    prefix = environment(tmp_path / "env")
    assert require_gpu(prefix, manifest, "x", tools) is None
    optional = require_gpu(prefix, replace(manifest, gpu="optional"), "x", tools)
    assert optional is not None
    assert optional.verdict == "absent"
    problem = "absent, .*demo 1-00000001 .*gpu: required; the old one stays"
    with raised("driver", problem=problem, wanted="^a loaded"):
        require_gpu(prefix, replace(manifest, gpu="required"), "the old one stays", tools)


def test_a_release_without_a_framework_is_judged_by_what_can_be_seen_unless_it_requires_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_flushes(monkeypatch)
    manifest = make_release(tmp_path / "depot", tmp_path / "opt").manifest
    tools = seeds_workstation(tmp_path / "host").tools
    prefix = tmp_path / "env"
    prefix.mkdir()
    optional = require_gpu(prefix, replace(manifest, gpu="optional"), "x", tools)
    assert optional is not None
    assert (optional.verdict, optional.warnings(), len(optional.gpus)) == ("ok", [], 1)
    with raised("matmul", problem="unknown") as caught:
        require_gpu(prefix, replace(manifest, gpu="required"), "x", tools)
    assert caught.value.found == "neither of them in this environment"


# --- the module ---------------------------------------------------------------------------------------------------


def run_gpu(monkeypatch: pytest.MonkeyPatch, **params: object) -> tuple[int, dict[str, Any]]:
    """Run the module in this process as Ansible does: parameters as JSON in, a result as JSON out."""
    basic = pytest.importorskip("ansible.module_utils.basic")
    from ansible_collections.airgap.conda.plugins.modules import gpu

    arguments = {"ANSIBLE_MODULE_ARGS": {"_ansible_remote_tmp": "/tmp", **params}}  # noqa: S108
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(arguments).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    output = io.StringIO()
    with redirect_stdout(output), pytest.raises(SystemExit) as left:
        gpu.main()
    return int(left.value.code or 0), json.loads(output.getvalue())


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check_mode: bool) -> None:
    tools = Host(tmp_path).with_module("535.183.01").with_answer("rtx-a4000-narrow-535.xml").tools
    params = {"nvidia_smi": tools.nvidia_smi, "proc": str(tools.proc), "_ansible_check_mode": check_mode}
    code, result = run_gpu(monkeypatch, require="required", **params)
    assert (code, result["changed"], result["gpu"]["verdict"]) == (0, False, "degraded")
    assert ["PCIe width 4 of 16" in str(warning) for warning in result["warnings"]] == [True]
    code, result = run_gpu(monkeypatch, require="required", cuda="13.0", **params)
    assert (code, result["failed"], result["gpu"]["verdict"]) == (1, True, "broken")
    says = (
        "The GPU of this host is broken, and the task says require: required. Wanted: a driver for CUDA 13.0: 580.65.06"
    )
    assert result["msg"].startswith(says)
    assert result["remedy"].startswith("update the driver to 580.65.06")
