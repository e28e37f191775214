# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nvidia-smi answers, for good and for bad, and how it fails to answer."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import look
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import Answer, Clock, ask, find_smi, parse
from ansible_collections.airgap.conda.plugins.module_utils._run import keeper, process
from ansible_collections.airgap.conda.tests.unit.tiny_gpu import DATA, Host, by_check

# Seconds that a busy machine may take in addition.
BUSY = 20.0
FIXTURES = sorted(path.name for path in DATA.glob("*.xml"))


def ask_host(host: Host) -> Answer:
    """Ask a stand-in; whatever it does, the answer is there by the deadline and a little."""
    start = time.monotonic()
    answer = ask(find_smi(host.tools.nvidia_smi), Clock(host.deadline))
    assert time.monotonic() - start < host.deadline + process.GRACE + BUSY
    return answer


def health_of(host: Host) -> list[Finding]:
    return by_check(look(tools=host.tools).findings, "health")


def only(answer: Answer) -> tuple[str, str, str]:
    """Return verdict, found and remedy of the one finding there is."""
    assert len(answer.findings) == 1
    finding = answer.findings[0]
    assert finding.wanted
    assert finding.remedy
    return finding.verdict, finding.found, finding.remedy


@pytest.mark.parametrize(
    ("fixture", "seen", "gpus"),
    [
        ("quadro-p2200-470.xml", "driver 470.256.02, CUDA up to 11.4, 1 GPU", ["Quadro P2200 6.1"]),
        ("rtx-a4000-535.xml", "driver 535.183.01, CUDA up to 12.2, 1 GPU", ["NVIDIA RTX A4000 8.6"]),
        ("a100-two-550.xml", "driver 550.54.14, CUDA up to 12.4, 2 GPUs", ["NVIDIA A100 80GB PCIe 8.0"] * 2),
        ("h200-570.xml", "driver 570.124.06, CUDA up to 12.8, 1 GPU", ["NVIDIA H200 9.0"]),
    ],
)
def test_well_gpus(tmp_path: Path, fixture: str, seen: str, gpus: list[str]) -> None:
    answer = ask_host(Host(tmp_path).with_answer(fixture))
    assert [f"{gpu.name} {gpu.capability}" for gpu in answer.gpus] == gpus
    assert [gpu.index for gpu in answer.gpus] == list(range(len(gpus)))
    assert [(finding.check, finding.verdict, finding.subject) for finding in answer.findings] == [("driver", "ok", "")]
    well = [(finding.verdict, finding.subject) for finding in health_of(Host(tmp_path))]
    assert well == [("ok", f"GPU {index}") for index in range(len(gpus))]
    assert answer.findings[0].found == seen


def test_all_of_a_gpu_is_read() -> None:
    first = parse((DATA / "a100-two-remap-pending-550.xml").read_text(encoding="utf-8"), "x").gpus[1]
    assert first.as_result("degraded") == {
        "index": 1,
        "verdict": "degraded",
        "uuid": "GPU-9c84b7f2-5d03-4a16-8e7f-3b19a06d5c02",
        "name": "NVIDIA A100 80GB PCIe",
        "capability": "",
        "memory_mib": 81920,
        "memory_used_mib": 1,
        "temperature_c": 35,
        "persistence": "enabled",
        "ecc": "enabled",
        "ecc_uncorrected": {"volatile": 2, "aggregate": 3},
        "clocks_event_reasons": [],
        "pcie": {"gen": [4, 4], "width": [16, 16]},
    }
    old = parse((DATA / "quadro-p2200-470.xml").read_text(encoding="utf-8"), "x").gpus[0]
    assert (old.ecc, old.ecc_volatile, old.ecc_aggregate, old.persistence) == ("", None, None, "disabled")
    assert (old.link_gen, old.link_width, old.memory) == ((1, 3), (16, 16), 5059)


def test_the_fixtures_are_the_ones_of_the_readme() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    assert [name for name in FIXTURES if f"| `{name}` |" not in readme] == []


@pytest.mark.parametrize(
    ("fixture", "edits", "verdict", "found", "remedy"),
    [
        ("rtx-a4000-throttled-535.xml", [], "degraded", "held down by sw_thermal_slowdown at 93 C", "fans"),
        (
            "rtx-a4000-throttled-535.xml",
            [("sw_thermal_slowdown>Active", "sw_thermal_slowdown>Not Active")],
            "ok",
            "",
            "",
        ),
        (
            "quadro-p2200-470.xml",
            [("hw_slowdown>Not Active", "hw_slowdown>Active")],
            "degraded",
            "hw_slowdown",
            "power",
        ),
        (
            "h200-570.xml",
            [("hw_power_brake_slowdown>Not Active", "hw_power_brake_slowdown>Active")],
            "degraded",
            "held down by hw_power_brake_slowdown",
            "power supply",
        ),
        ("rtx-a4000-narrow-535.xml", [], "degraded", "PCIe width 4 of 16", "reseat"),
        ("rtx-a4000-narrow-535.xml", [("width>4x", "width>8x")], "ok", "", ""),
        ("quadro-p2200-470.xml", [("width>16x", "width>N/A")], "ok", "", ""),
        (
            "rtx-a4000-535.xml",
            [("remapped_row_failure>No", "remapped_row_failure>Yes")],
            "broken",
            "could not be replaced",
            "have the GPU replaced",
        ),
        ("rtx-a4000-535.xml", [("reset_required>No", "reset_required>Yes")], "broken", "has to be reset", "gpu-reset"),
        ("h200-570.xml", [("recovery_action>None", "recovery_action>GPU Reset")], "broken", "for: GPU Reset", "reset"),
        ("h200-570.xml", [("recovery_action>None", "recovery_action>Drain P2P")], "degraded", "Drain P2P", "reset"),
        ("h200-570.xml", [("unrepairable_memory>No", "unrepairable_memory>Yes")], "broken", "repaired", "replaced"),
        (
            "quadro-p2200-470.xml",
            [("<total>N/A</total>", "<total>7</total>")],
            "degraded",
            "7 uncorrected memory errors",
            "reboot",
        ),
        (
            "quadro-p2200-470.xml",
            [("<pending_retirement>N/A", "<pending_retirement>Yes")],
            "degraded",
            "wait to be retired",
            "reboot",
        ),
        ("rtx-a4000-535.xml", [("38 C", "GPU requires reset")], "broken", "gpu_temp is 'GPU requires reset'", "reboot"),
        ("rtx-a4000-535.xml", [("<gpu_util>0 %", "<gpu_util>Unknown Error")], "broken", "Unknown Error", "reboot"),
    ],
)
def test_gpus_that_are_not_well(
    tmp_path: Path, fixture: str, edits: list[tuple[str, str]], verdict: str, found: str, remedy: str
) -> None:
    (finding,) = health_of(Host(tmp_path).with_answer(fixture, *edits))
    assert finding.verdict == verdict
    assert found in finding.found
    assert remedy in finding.remedy
    assert finding.where.startswith("GPU 0, ")


def test_faults_are_those_of_one_gpu(tmp_path: Path) -> None:
    found = health_of(Host(tmp_path).with_answer("a100-two-remap-pending-550.xml"))
    health = [(f.subject, f.verdict, f.found) for f in found]
    assert health == [
        ("GPU 0", "ok", "none reported"),
        ("GPU 1", "degraded", "faulty rows of its memory wait to be replaced"),
        ("GPU 1", "degraded", "2 uncorrected memory errors since the driver was loaded"),
    ]


@pytest.mark.parametrize(
    ("script", "verdict", "found", "remedy"),
    [
        ("echo 'Invalid argument'; exit 2", "unknown", "exit status 2, it does not know", "nvidia-smi"),
        ("exit 3", "unknown", "exit status 3, the GPU does not offer", "reboot"),
        ("echo 'Insufficient Permissions' >&2; exit 4", "unknown", "permission to ask: Insufficient", "root"),
        ("echo 'No devices were found'; exit 6", "broken", "found no GPU", "RmInitAdapter"),
        ("echo 'No devices were found'", "broken", "found no GPU", "RmInitAdapter"),
        ("exit 8", "broken", "power cables", "attach"),
        ("echo NVIDIA-SMI has failed because it could not communicate; exit 9", "broken", "not loaded", "modprobe"),
        ("exit 10", "broken", "interrupt", "kernel log"),
        ("exit 12", "unknown", "NVML", "install one whole version"),
        ("exit 13", "unknown", "NVML", "install"),
        ("echo 'Unable to determine the device handle: GPU is lost.'; exit 15", "broken", "off the bus", "power"),
        ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18", "broken", "mismatch", "reboot"),
        ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 1", "broken", "mismatch", "reboot"),
        ("exit 255", "unknown", "exit status 255", "reboot"),
        ("kill -SEGV $$", "unknown", "killed by signal 11", "reboot"),
        ("exit 0", "unknown", "no nvidia_smi_log in its output: nothing", "install"),
        ("echo hello", "unknown", "no nvidia_smi_log in its output: hello", "install"),
        ("head -c 5000 /dev/zero", "unknown", "no nvidia_smi_log in its output", "install"),
        ("printf '\\377\\376<nvidia_smi_log>\\377</nvidia_smi_log>'", "unknown", "a schema this", "install"),
        ("echo '<nvidia_smi_log><gpu>'", "unknown", "cut off after", "install"),
        ("echo '<nvidia_smi_log><gpu></nvidia_smi_log>'", "unknown", "cannot be read", "install"),
        ("echo '<nvidia_smi_log>&boom;</nvidia_smi_log>'", "unknown", "cannot be read: undefined entity", "install"),
        ("echo '{\"gpus\": []}'", "unknown", "no nvidia_smi_log", "install"),
    ],
)  # fmt: skip
def test_answers_that_are_none(tmp_path: Path, script: str, verdict: str, found: str, remedy: str) -> None:
    is_verdict, is_found, is_remedy = only(ask_host(Host(tmp_path).with_smi(script)))
    assert is_verdict == verdict
    assert found in is_found
    assert remedy in is_remedy


@pytest.mark.parametrize(
    ("edits", "found"),
    [
        ([("v12.dtd", "v99.dtd"), ("driver_version", "driver")], "does not know (nvsmi_device_v99.dtd)"),
        ([("535.183.01", "unknown")], "a schema this version does not know (nvsmi_device_v12.dtd)"),
        ([("product_name", "title")], "no uuid or product_name for GPU 0"),
        ([("uuid>", "id>")], "no uuid or product_name for GPU 0"),
        ([("</gpu>", "</gpu>" + "<gpu><uuid>G</uuid><product_name>x</product_name></gpu>" * 64)], "a schema this"),
        ([("<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n", ""), ("driver_version", "d")], "(not named)"),
        ([("\t\t<utilization>", "\t\t<utilization")], "XML that cannot be read"),
    ],
)  # fmt: skip
def test_another_schema(tmp_path: Path, edits: list[tuple[str, str]], found: str) -> None:
    answer = ask_host(Host(tmp_path).with_answer("rtx-a4000-535.xml", *edits))
    verdict, is_found, _remedy = only(answer)
    assert verdict == "unknown"
    assert found in is_found
    assert answer.gpus == ()


def test_no_gpu_in_a_good_answer(tmp_path: Path) -> None:
    text = "<nvidia_smi_log><driver_version>535.1</driver_version><attached_gpus>0</attached_gpus></nvidia_smi_log>"
    assert only(ask_host(Host(tmp_path).with_smi(f"echo '{text}'")))[:2] == ("broken", "driver 535.1, no GPU")


def test_a_newer_schema_with_the_same_fields_is_read(tmp_path: Path) -> None:
    host = Host(tmp_path).with_answer("h200-570.xml", ("v12.dtd", "v99.dtd"), ("<gpu ", "<new>1</new><gpu "))
    assert [gpu.name for gpu in ask_host(host).gpus] == ["NVIDIA H200"]


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    host = Host(tmp_path).with_answer(
        "rtx-a4000-535.xml",
        ('<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">', bomb),
        ("NVIDIA RTX A4000", "&b;"),
    )
    assert "undefined entity" in only(ask_host(host))[1]


def test_a_corrupted_inforom_is_a_warning_beside_the_answer(tmp_path: Path) -> None:
    host = Host(tmp_path).with_answer("rtx-a4000-535.xml")
    host.with_smi(f"cat {host.folder}/bin/answer.xml; echo WARNING: infoROM is corrupted at gpu 0000:01:00.0; exit 14")
    answer = ask_host(host)
    assert [finding.verdict for finding in answer.findings] == ["degraded", "ok"]
    assert "infoROM is corrupted at gpu 0000:01:00.0" in answer.findings[0].found
    assert [gpu.capability for gpu in answer.gpus] == ["8.6"]  # from the table: this one cannot be asked


@pytest.mark.parametrize(
    "script",
    [
        "sleep 60",
        "trap '' TERM INT HUP; while :; do sleep 1; done",
        f"cat {DATA}/rtx-a4000-535.xml; sleep 60",
    ],
)
def test_one_that_hangs_is_left_behind(tmp_path: Path, script: str) -> None:
    verdict, found, remedy = only(ask_host(Host(tmp_path, deadline=0.15).with_smi(script)))
    assert verdict == "unknown"
    assert found == "no answer within 0.15 s; it was left behind"
    assert "Xid" in remedy


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("exec yes", "more than 8 MiB"),  # endless: it is stopped by its size, long before the deadline
        ("trap '' XFSZ; head -c 104857600 /dev/zero", "more than 8 MiB"),
        (f"cat {DATA}/rtx-a4000-535.xml; exec head -c 104857600 /dev/zero", "more than 8 MiB"),
        ("head -c 104857600 /dev/zero >&2; exit 4", "permission"),
    ],
)
def test_a_flood_stops_early(tmp_path: Path, script: str, found: str) -> None:
    assert found in only(ask_host(Host(tmp_path, deadline=3).with_smi(script)))[1]


def test_an_endless_flood_ends_at_the_deadline(tmp_path: Path) -> None:
    assert only(ask_host(Host(tmp_path, deadline=0.1).with_smi("exec yes >&2")))[0] == "unknown"


def test_one_that_cannot_be_killed_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for uninterruptible sleep: the kill has no effect."""
    killed: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", lambda pid, _signal: killed.append(pid))
        patch.setattr(subprocess.Popen, "terminate", lambda _process: None)
        patch.setattr(keeper, "below", lambda _process: [])
        patch.setattr(process, "GRACE", 0.2)
        program = find_smi(Host(tmp_path).with_smi("exec sleep 30").tools.nvidia_smi)
        assert only(ask(program, Clock(0.1)))[0] == "unknown"
    os.kill(killed[0], signal.SIGKILL)
    os.waitpid(killed[0], 0)


def test_the_query_of_the_capability_may_hang(tmp_path: Path) -> None:
    host = Host(tmp_path, deadline=2).with_answer("quadro-p2200-470.xml")
    host.with_smi(f'if [ "$1" = -q ]; then exec cat {host.folder}/bin/answer.xml; fi; sleep 60')
    answer = ask_host(host)
    assert [gpu.capability for gpu in answer.gpus] == ["6.1"]


def test_missing_or_not_executable(tmp_path: Path) -> None:
    assert find_smi(str(tmp_path / "nvidia-smi")) == ""
    (tmp_path / "nvidia-smi").write_text("", encoding="ascii")
    assert find_smi(str(tmp_path / "nvidia-smi")) == ""
    assert find_smi("no-such-nvidia-smi") == ""
    assert find_smi("sh").endswith("/sh")


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    ask_host(Host(tmp_path).with_answer("rtx-a4000-535.xml"))
    ask_host(Host(tmp_path, deadline=0.1).with_smi("sleep 9"))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_clock_hands_out_three_deadlines_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = Clock(10)
    assert clock.take() == 10
    now[0] += 25
    assert clock.take() == 5
    now[0] += 25
    assert clock.take() == 0
