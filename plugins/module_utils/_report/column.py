# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a column of the report is; ``columns`` lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._report.host import HostReport, Installed


@dataclass(frozen=True)
class Row:
    """An environment of a host, or the nameless one of a whole host, in the report of ``time`` (UTC)."""

    host: HostReport
    item: Installed
    time: str

    def value(self, name: str) -> str:
        """Return what the column of this name read; empty when the host did not say."""
        return self.item.values.get(name, "")


@dataclass(frozen=True)
class Column:
    """One thing that the report says of an environment of a host.

    ``name`` is its head in report.csv and its key in JSON, ``title`` what people read. ``csv`` returns the text for the
    file, ``page`` that for the cell of the page (none: the page does not show it, or its frame does), ``is_name``
    whether that is a name. ``key`` returns the number by which the page sorts environments with the same verdict.

    ``read`` returns what is kept of a host's answer: from the link that airgap.conda.current_info found (empty without
    one) and from what airgap.conda.verify answered of the environment (empty when it was not asked). It raises
    KeyError, TypeError or ValueError when the host answered nonsense, and so does ``check`` for the text in a file that
    was kept.
    A column without ``read`` is made of what the report has anyway.
    """

    name: str
    title: str
    csv: Callable[[Row], str]
    page: Callable[[Row], str] | None = None
    is_name: bool = False
    key: Callable[[Row], int] | None = None
    read: Callable[[Mapping[str, Any], Mapping[str, Any]], str] | None = None
    check: Callable[[str], object] = str
