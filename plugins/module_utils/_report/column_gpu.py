# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Column: the verdict on the GPU, of a release that wants one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import ORDER
from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column, Row


def _read(_link: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    verdict = answer["gpu"]["verdict"] if answer and answer["gpu"] else ""
    if verdict not in ("", *ORDER):
        raise ValueError("no verdict")
    return str(verdict)


def _page(row: Row) -> str:
    return f"GPU {row.value('gpu')}" if row.value("gpu") else ""


GPU = Column("gpu", "GPU", csv=lambda row: row.value("gpu"), page=_page, read=_read)
