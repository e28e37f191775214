# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One GPU of nvidia-smi's XML: what it is, and which of its own readings say that it is not well."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._contract.gpu_verdict import BROKEN, DEGRADED, OK, Finding

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
# What stands in place of a value when the driver lost the GPU.
_LOST = re.compile(r"requires reset|is lost|unknown error|ERR!", re.IGNORECASE)


@dataclass(frozen=True)
class Gpu:
    """A GPU as nvidia-smi shows it: memory in MiB, temperature in degrees Celsius; None is "not told".

    ``index`` counts in the order of the PCI bus, as nvidia-smi does. ``clocks`` are the active reasons for clocks
    below the highest, without the prefix that older and newer drivers spell differently.
    """

    index: int
    uuid: str
    name: str
    memory: int | None = None
    memory_used: int | None = None
    temperature: int | None = None
    persistence: str = ""
    ecc: str = ""
    ecc_volatile: int | None = None
    ecc_aggregate: int | None = None
    clocks: tuple[str, ...] = ()
    link_gen: tuple[int | None, int | None] = (None, None)
    link_width: tuple[int | None, int | None] = (None, None)
    capability: str = ""

    @property
    def where(self) -> str:
        """Name it in a message."""
        return f"GPU {self.index}, {self.name} ({self.uuid})"

    def as_result(self, verdict: str) -> dict[str, Any]:
        """Return it for JSON; of the pairs of the PCIe link the first value is now, the second the highest."""
        return {
            "index": self.index,
            "verdict": verdict,
            "uuid": self.uuid,
            "name": self.name,
            "capability": self.capability,
            "memory_mib": self.memory,
            "memory_used_mib": self.memory_used,
            "temperature_c": self.temperature,
            "persistence": self.persistence,
            "ecc": self.ecc,
            "ecc_uncorrected": {"volatile": self.ecc_volatile, "aggregate": self.ecc_aggregate},
            "clocks_event_reasons": list(self.clocks),
            "pcie": {"gen": list(self.link_gen), "width": list(self.link_width)},
        }


def read_gpu(element: ET.Element, index: int) -> Gpu:
    """Read one <gpu> element of any schema; what is missing or not a number becomes None or empty."""
    return Gpu(
        index=index,
        uuid=_text(element, "uuid"),
        name=_text(element, "product_name"),
        memory=_number(element, "fb_memory_usage/total"),
        memory_used=_number(element, "fb_memory_usage/used"),
        temperature=_number(element, "temperature/gpu_temp"),
        persistence=_setting(element, "persistence_mode"),
        ecc=_setting(element, "ecc_mode/current_ecc"),
        ecc_volatile=_uncorrected(element, "volatile"),
        ecc_aggregate=_uncorrected(element, "aggregate"),
        clocks=tuple(_clocks(element)),
        link_gen=_link(element, "pcie_gen", "link_gen"),
        link_width=_link(element, "link_widths", "link_width"),
    )


def health(element: ET.Element, gpu: Gpu) -> list[Finding]:
    """Return a finding for each reading that says the GPU is not well, or one that says it is."""
    faults = [
        Finding("health", verdict, "a GPU that reports no fault", found, gpu.where, remedy, gpu.index)
        for verdict, found, remedy in _faults(element, gpu)
    ]
    well = Finding("health", OK, "a GPU that reports no fault", "none reported", gpu.where, gpu=gpu.index)
    return faults or [well]


def _faults(element: ET.Element, gpu: Gpu) -> Iterator[tuple[str, str, str]]:
    for path in ("temperature/gpu_temp", "fb_memory_usage/total", "utilization/gpu_util"):
        value = _text(element, path)
        if _LOST.search(value):
            yield BROKEN, f"{path.split('/')[1]} is '{value}': the driver lost the GPU", _RESET
            return  # everything else it shows means nothing
    action = _text(element, "gpu_recovery_action")
    if action not in ("", "None", "N/A"):
        yield DEGRADED if "drain" in action.lower() else BROKEN, f"the driver asks for: {action}", _RESET
    for path, verdict, found, remedy in _FLAGS:
        if _text(element, path) == "Yes":
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


def _text(element: ET.Element, path: str) -> str:
    return clean(element.findtext(path, ""), 120)


def _setting(element: ET.Element, path: str) -> str:
    value = _text(element, path).lower()
    return value if value in ("enabled", "disabled") else ""


def _number(element: ET.Element, path: str) -> int | None:
    match = re.match(r"\d{1,9}(?!\d)", _text(element, path))
    return int(match[0]) if match else None


def _uncorrected(element: ET.Element, kind: str) -> int | None:
    """Add up uncorrected errors: by place since Ampere (dram_uncorrectable, ...), before one total of double bits."""
    folder = element.find(f"ecc_errors/{kind}")
    if folder is None:
        return None
    paths = [child.tag for child in folder if "uncorrectable" in child.tag] or ["double_bit/total"]
    counts = [count for count in (_number(folder, path) for path in paths) if count is not None]
    return sum(counts) if counts else None


def _clocks(element: ET.Element) -> Iterator[str]:
    for group in ("clocks_event_reasons", "clocks_throttle_reasons"):
        folder = element.find(group)
        for child in folder if folder is not None else ():
            name = re.sub(r"^clocks_(event|throttle)_reason_", "", child.tag)
            if (child.text or "").strip() == "Active" and name != "gpu_idle":
                yield clean(name, 60)


def _link(element: ET.Element, group: str, name: str) -> tuple[int | None, int | None]:
    path = f"pci/pci_gpu_link_info/{group}"
    return _number(element, f"{path}/current_{name}"), _number(element, f"{path}/max_{name}")
