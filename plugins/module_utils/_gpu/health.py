# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check: which of a GPU's own readings say that it is not well."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, DEGRADED, OK, Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu, text_of
from ansible_collections.airgap.conda.plugins.module_utils._gpu.seen import Seen

_WANTED = "a GPU that reports no fault"
_RESET = "stop what runs on the GPU, then 'nvidia-smi --gpu-reset' or reboot"
_REPLACE = "have the GPU replaced"
# Element below <gpu> -> what it says when it is "Yes". NVIDIA, "GPU Memory Error Management" and nvidia-smi(1).
_FLAGS = [
    ("gpu_reset_status/reset_required", BROKEN, "it has to be reset before it can be used again", _RESET),
    ("gpu_reset_status/drain_and_reset_recommended", DEGRADED, "a reset is recommended", _RESET),
    ("remapped_rows/remapped_row_failure", BROKEN, "a faulty row of its memory could not be replaced", _REPLACE),
    ("remapped_rows/remapped_row_pending", DEGRADED, "faulty rows of its memory wait to be replaced", _RESET),
    ("retired_pages/pending_blacklist", DEGRADED, "faulty pages of its memory wait to be retired", _RESET),
    ("retired_pages/pending_retirement", DEGRADED, "faulty pages of its memory wait to be retired", _RESET),
    ("ecc_errors/channel_repair_pending", DEGRADED, "a channel of its memory waits for repair", _RESET),
    ("ecc_errors/tpc_repair_pending", DEGRADED, "a part of the processor waits for repair", _RESET),
    ("ecc_errors/unrepairable_memory", BROKEN, "its memory cannot be repaired", _REPLACE),
    ("ecc_errors/aggregate/sram_threshold_exceeded", DEGRADED, "too many errors in its caches over its life", _REPLACE),
]  # fmt: skip
# Reasons for low clocks that point to a fault outside the program that runs. A cap by the power limit (sw_power_cap)
# is what every busy GPU shows; idle, application and display clocks are settings.
_SLOW = {
    "hw_thermal_slowdown": "look at fans, dust and the temperature of the room",
    "sw_thermal_slowdown": "look at fans, dust and the temperature of the room",
    "hw_power_brake_slowdown": "look at the power supply of the host",
    "hw_slowdown": "look at cooling and power supply",
}
# What replaces a value when the driver lost the GPU.
_LOST = re.compile(r"requires reset|is lost|unknown error|ERR!", re.IGNORECASE)


def health(seen: Seen) -> Iterator[Finding]:
    """Yield a finding for each reading that says a GPU is not well, or one that says it is."""
    for gpu, element in zip(seen.answer.gpus, seen.answer.elements):
        faults = [
            Finding("health", gpu.subject, verdict, "This GPU reports a fault", _WANTED, found, gpu.where, remedy)
            for verdict, found, remedy in _faults(element, gpu)
        ]
        well = Finding("health", gpu.subject, OK, "", _WANTED, "none reported", gpu.where)
        yield from faults or [well]


def _faults(element: ET.Element, gpu: Gpu) -> Iterator[tuple[str, str, str]]:
    for path in ("temperature/gpu_temp", "fb_memory_usage/total", "utilization/gpu_util"):
        value = text_of(element, path)
        if _LOST.search(value):
            yield BROKEN, f"{path.split('/')[1]} is '{value}': the driver lost the GPU", _RESET
            return  # everything else it shows means nothing
    action = text_of(element, "gpu_recovery_action")
    if action not in ("", "None", "N/A"):
        yield DEGRADED if "drain" in action.lower() else BROKEN, f"the driver asks for: {action}", _RESET
    for path, verdict, found, remedy in _FLAGS:
        if text_of(element, path) == "Yes":
            yield verdict, found, remedy
    if gpu.ecc_volatile:
        found = f"{gpu.ecc_volatile} uncorrected memory errors since the driver was loaded"
        yield DEGRADED, found, f"{_RESET}; if they come back, {_REPLACE}"
    for reason, remedy in _SLOW.items():
        if reason in gpu.clocks:
            yield DEGRADED, f"clocks are held down by {reason}{_at(gpu.temperature)}", remedy
            break  # hw_slowdown comes with the other two
    width, widest = gpu.link_width
    # An idle GPU lowers the generation of its link, not the width; half of it is all that many slots and laptops have.
    if width and widest and width < widest // 2:
        yield DEGRADED, f"PCIe width {width} of {widest}", "reseat the GPU, clean its contacts, look at riser and slot"


def _at(temperature: int | None) -> str:
    return "" if temperature is None else f" at {temperature} C"
