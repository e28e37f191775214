# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One GPU of nvidia-smi's XML: what it is."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._contract.gpu_verdict import subject_of


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

    @property
    def subject(self) -> str:
        """Name it in a finding."""
        return subject_of(self.index)

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
        uuid=text_of(element, "uuid"),
        name=text_of(element, "product_name"),
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


def text_of(element: ET.Element, path: str) -> str:
    """Return the text of an element below <gpu>, on one line; empty without one."""
    return clean(element.findtext(path, ""), 120)


def _setting(element: ET.Element, path: str) -> str:
    value = text_of(element, path).lower()
    return value if value in ("enabled", "disabled") else ""


def _number(element: ET.Element, path: str) -> int | None:
    match = re.match(r"\d{1,9}(?!\d)", text_of(element, path))
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
