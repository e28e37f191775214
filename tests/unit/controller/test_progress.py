# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Long work says how far it is, and an action shows it while the module still runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress, Transfer, figures
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.plugins.plugin_utils._progress import shown
from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes, write_tree


class Heard(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        if text not in self.lines:
            self.lines.append(text)


def test_the_file_has_one_line_the_last_one(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress")
    progress.say("solving")
    progress.part("packing 3 MiB:", 1, 3)
    assert (tmp_path / "progress").read_text(encoding="ascii") == "packing 3 MiB: 33 %\n"
    progress.part("packing 3 MiB:", 4, 3)  # headers come on top of what the files have
    assert (tmp_path / "progress").read_text(encoding="ascii") == "packing 3 MiB: 100 %\n"
    assert [path.name for path in tmp_path.iterdir()] == ["progress"]


@pytest.mark.parametrize(
    ("done", "whole", "rate", "said"),
    [
        (12_300_000_000, 40_100_000_000, 81e6, "12.3 of 40.1 GB, 81 MB/s, 6 min left"),
        (0, 40_100_000_000, 0, "0.0 of 40.1 GB"),
        (500_000_000, 40_100_000_000, 1.24e9, "0.5 of 40.1 GB, 1.2 GB/s, 32 s left"),
        (150, 850, 100, "150 of 850 bytes, 100 bytes/s, 7 s left"),
        (0, 40_000_000_000, 5e6, "0.0 of 40.0 GB, 5.0 MB/s, 2 h 13 min left"),
        (59_000, 60_000, 17, "59.0 of 60.0 kB, 17 bytes/s, 59 s left"),
        (1_000_000, 1_000_000, 2e6, "1.0 of 1.0 MB, 2.0 MB/s, 0 s left"),
        (0, 0, 0, "0 of 0 bytes"),
    ],
)
def test_bytes_rate_and_time_left(done: int, whole: int, rate: float, said: str) -> None:
    assert figures(done, whole, rate) == said


def test_a_transfer_tells_the_rate_of_the_last_half_minute() -> None:
    heard, now = Heard(), [0.0]
    transfer = Transfer(heard, "copying:", 10_000_000_000, lambda: now[0])
    for second in range(1, 61):  # fast into a cache, then slowly
        now[0] = float(second)
        transfer.add(100_000_000 if second <= 20 else 10_000_000)
        transfer.add(0)  # a second line in one second is not written
    assert heard.lines[0] == "copying: 0.1 of 10.0 GB, 100 MB/s, 2 min left"
    assert heard.lines[19] == "copying: 2.0 of 10.0 GB, 100 MB/s, 1 min left"
    assert heard.lines[-1] == "copying: 2.4 of 10.0 GB, 10 MB/s, 13 min left"


def test_more_bytes_than_were_expected_are_no_more_than_all() -> None:
    heard, now = Heard(), [0.0]
    transfer = Transfer(heard, "copying:", 100, lambda: now[0])
    now[0] = 2.0
    transfer.add(300)
    assert heard.lines == ["copying: 100 of 100 bytes, 150 bytes/s, 0 s left"]


def test_nothing_breaks_when_nobody_listens(tmp_path: Path) -> None:
    Progress().say("x")
    Progress().part("x", 0, 0)
    Progress(tmp_path / "no/such/folder").say("x")


def test_packing_says_how_much_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)
    tree = write_tree(tmp_path / "tree", {f"lib/{number}": bytes(1 << 20) for number in range(4)})
    heard = Heard()
    write_payloads(tree, tmp_path, ("tar.zst",), progress=heard)
    assert heard.lines[0] == "packing 4 MiB: 0 %"
    assert heard.lines[-1] == "packing 4 MiB: 100 %"
    assert len(heard.lines) == 5


def test_what_takes_long_is_shown_while_it_runs() -> None:
    said = iter(["", "solving", "packing 42 %"])
    lines: list[str] = []

    def read() -> str:
        return next(said, "packing 42 %")

    with shown(read, lines.append, interval=0.02):
        deadline = time.monotonic() + 60
        while len(lines) < 2 and time.monotonic() < deadline:
            time.sleep(0.005)
    count = len(lines)
    assert lines[0] == "solving (0 s)"
    assert lines[1] == "packing 42 % (0 s)"
    time.sleep(0.1)
    assert len(lines) == count  # and not a moment longer


def test_a_file_that_cannot_be_read_disturbs_nobody() -> None:
    def read() -> str:
        raise OSError("gone")

    lines: list[str] = []
    with shown(read, lines.append, interval=0.01):
        time.sleep(0.05)
    assert lines == []
