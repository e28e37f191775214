# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all benchmarks share, with arms that only say that they ran; nothing is measured here."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.bench import control, fanout, plot
from ansible_collections.airgap.conda.tests.bench.frame import (
    CHECKOUT,
    RESULTS,
    Arm,
    Group,
    Result,
    Values,
    read_result,
    table,
    take_turns,
)
from ansible_collections.airgap.conda.tests.bench.program import parser, run, uninterrupted

DRAWS = importlib.util.find_spec("matplotlib") is not None


def a_group(title: str = "2 hosts", ours: tuple[float, ...] = (1, 9, 2)) -> Group:
    units = {"time": "s", "archive": "bytes"}
    arms: Values = {"theirs": {"time": [4, 4, 6], "archive": [2e6] * 3}, "ours": {"time": list(ours)}}
    return Group(title, "theirs", units, arms)


def test_arms_take_turns_in_the_opposite_order_each_round() -> None:
    happened: list[str] = []

    def arm(name: str) -> Arm:
        def work() -> dict[str, float]:
            happened.append(name)
            return {"time": len(happened)}

        return work

    before: Callable[[str], None] = lambda name: happened.append(f"before {name}")  # noqa: E731
    values = take_turns({name: arm(name) for name in "abc"}, 3, before)
    assert [name for name in happened if len(name) == 1] == list("abccbaabc")
    assert happened[:2] == ["before a", "a"]
    assert [len(values[name]["time"]) for name in "abc"] == [3, 3, 3]


def test_the_median_counts_and_ratios_are_to_the_base() -> None:
    group = a_group()
    assert (group.median("ours", "time"), group.median("theirs", "time")) == (2, 4)
    assert group.times("ours", "time") == 0.5
    assert group.median("ours", "archive") is None
    assert group.times("ours", "archive") is None
    said = table(Result([group], ["It was so."]))
    assert "| ours | 2.00 (0.50 x) |  |" in said
    assert "| theirs | 4.00 | 2.0 |" in said
    assert "- It was so." in said


def test_a_result_is_written_and_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = parser("A benchmark.").parse_args(["--rounds", "3", "--output", str(tmp_path / "a.json")])
    asked: list[int] = []

    def measure(rounds: int) -> Result:
        asked.append(rounds)
        return Result([a_group()])

    assert run(options, measure, lambda: {"kernel": "7"}) == 0
    assert asked == [3]
    assert "| ours | 2.00 (0.50 x) |" in capsys.readouterr().out
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["groups"][0]["times_the_base"] == {"ours": {"time": 0.5}}
    assert written["groups"][0]["medians"]["theirs"] == {"time": 4, "archive": 2000000}
    again = read_result(tmp_path / "a.json")
    assert again is not None
    assert again.groups == [a_group()]
    assert (again.about["kernel"], again.about["rounds"], len(again.about["load"]["before"])) == ("7", 3, 3)
    assert read_result(tmp_path / "none.json") is None


def test_short_is_one_round_and_what_was_not_reached_is_the_exit_status() -> None:
    asked: list[int] = []

    def measure(rounds: int) -> Result:
        asked.append(rounds)
        return Result([a_group()], failures=["too slow"])

    assert run(parser("").parse_args(["--short"]), measure, dict) == 1
    assert asked == [1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_clears_away_and_writes_nothing(tmp_path: Path, number: signal.Signals) -> None:
    cleared: list[str] = []

    def measure(_rounds: int) -> Result:
        try:
            signal.raise_signal(number)
        finally:
            with uninterrupted():
                signal.raise_signal(number)
                cleared.append("all")
        return Result([])

    options = parser("").parse_args(["--output", str(tmp_path / "a.json")])
    before = signal.getsignal(number)
    assert run(options, measure, dict) == 130
    assert cleared == ["all"]
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(number) is before


def test_without_matplotlib_a_plot_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    options = parser("").parse_args(["--plot", str(tmp_path / "a.svg")])
    with pytest.raises(SystemExit, match=r"requirements/bench\.txt"):
        run(options, lambda _rounds: pytest.fail("measured"), dict)


@pytest.mark.skipif(not DRAWS, reason="matplotlib is only where benchmarks draw")
def test_a_plot_has_all_arms_and_is_the_same_each_time(tmp_path: Path) -> None:
    options = parser("").parse_args(["--plot", str(tmp_path / "a.svg")])
    assert run(options, lambda _rounds: Result([a_group()]), dict) == 0
    text = (tmp_path / "a.svg").read_text()
    assert all(words in text for words in ("2 hosts: time, s", "2 hosts: archive, MB", "2.00 (0.50 x)", "theirs"))
    plot.draw(Result([a_group()]), tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_text() == text


def test_a_result_that_is_missing_is_named_with_what_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plot, "RESULTS", CHECKOUT / tmp_path.name)
    monkeypatch.setattr(sys, "argv", ["plot.py", "table", "deploy"])
    assert plot.main() == 0
    assert "There are no figures yet: ./dev bench deploy --output" in capsys.readouterr().out


@pytest.mark.parametrize("name", plot.BENCHES)
def test_the_page_shows_every_benchmark_and_the_results_can_be_read(name: str) -> None:
    page = CHECKOUT / "docs/guide/benchmarks.md"
    assert f"(benchmarks/{name}.svg)" in page.read_text()
    assert (plot.PICTURES / f"{name}.svg").is_file()
    result = read_result(RESULTS / f"{name}.json")
    assert result is None or table(result)


def test_the_law_of_growth_is_a_line_through_the_medians() -> None:
    def hosts(count: int) -> Group:
        return Group(f"{count} hosts", "a", control.UNITS, {"a": {control.CONTROLLER: [9, 3 + count / 10, 0]}})

    groups = [hosts(count) for count in (10, 20, 50)]
    start, each, worst = control.growth(groups, "a", control.CONTROLLER)
    assert (round(start, 6), round(each, 6), round(worst, 6)) == (3, 0.1, 0)


def test_the_processors_time_of_a_simulated_host_is_what_sh_says() -> None:
    script = "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; times"
    text = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert 0 < control.spent(text) < 60
    assert control.spent("0m0.10s 0m0.20s\n1m0.50s 0m0.20s\n") == pytest.approx(61.0)


def test_what_a_swarm_did_not_reach_is_told_for_numbers_that_have_a_goal() -> None:
    def found(last: float, sent: float, crossed: float | None = None) -> Group:
        measures: dict[str, list[float]] = {fanout.LAST: [last], fanout.SENT: [sent], fanout.MEMORY: [1e6]}
        base: dict[str, list[float]] = {fanout.LAST: [1], fanout.SENT: [1]}
        units = dict(fanout.UNITS)
        if crossed is not None:
            units[fanout.CROSSED] = "bytes"
            measures[fanout.CROSSED], base[fanout.CROSSED] = [crossed], [1]
        return Group("hosts", fanout.WIRE, units, {fanout.WIRE: base, fanout.LINE: measures})

    assert fanout.missed(found(1.5, 2), 16) == []
    assert len(fanout.missed(found(1.6, 2.1), 16)) == 2
    assert fanout.missed(found(1.6, 1), 48) == fanout.missed(found(9, 1), 7) == []
    assert fanout.missed(found(9, 1, crossed=1.5), 16) == []
    assert len(fanout.missed(found(9, 1, crossed=1.6), 16)) == 1


def test_half_of_the_hosts_are_far_away_in_a_rough_run() -> None:
    quiet, rough = (fanout.Trial(fanout.LINE, 7, 8, 10, rough).places() for rough in (False, True))
    assert [place.subnet for place in quiet] == [0] * 8
    assert [place.subnet for place in rough] == [0] * 5 + [1] * 3
    assert len({place.address for place in rough}) == 8
