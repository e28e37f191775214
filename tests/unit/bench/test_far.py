# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page of what 1,000 hosts take: its figures come from results, and it says what is missing."""

from __future__ import annotations

import pytest

from ansible_collections.airgap.conda.tests.bench import build, control, fanout, far, host, imports, pull, refresh
from ansible_collections.airgap.conda.tests.bench.frame import RESULTS as RESULTS_FOLDER
from ansible_collections.airgap.conda.tests.bench.frame import Group, Result, read_result


def result(title: str, base: str, **arms: dict[str, float]) -> Group:
    values = {name: {key: [value] for key, value in measures.items()} for name, measures in arms.items()}
    return Group(title, base, {}, values)


RESULTS = {
    "build": Result([result("science", "x", **{far.PAYLOAD: {"archive": 100.0}})]),
    "host": Result([result("unpack to the disk", "x", **{"airgap.conda": {"time": 2e-6}})]),
    "import": Result([result("science", "tree", **{"squashfs zstd-3": {"bytes": 120.0}, "tree": {"bytes": 400.0}})]),
    "refresh": Result(
        [
            result("a 1 to 2 (patch)", "x", **{far.DELTA: {far.SENT: 1.0}, far.WHOLE: {far.SENT: 20.0}}),
            result("b 1 to 2 (patch)", "x", **{far.DELTA: {far.SENT: 9.0}, far.WHOLE: {far.SENT: 80.0}}),
        ]
    ),
    "fanout": Result(
        [
            result("5 hosts, x, y", "x", **{far.WIRE: {far.LAST: 2.0}, far.LINE: {far.LAST: 2.1}}),
            result("11 hosts, x, y", "x", **{far.WIRE: {far.LAST: 2.0}, far.LINE: {far.LAST: 3.0}}),
            result("11 hosts, x, y, rough", "x", **{far.WIRE: {far.LAST: 2.0}, far.LINE: {far.LAST: 9.0}}),
        ]
    ),
    "control": Result(
        [result(f"{count} hosts", "x", **{far.DEPLOY: {far.CONTROLLER: 1 + count / 100}}) for count in (100, 500)]
    ),
    "pull": Result([result("5000 hosts, nothing new", "x", **{far.PULL: {far.SERVER: 0.001}})]),
}


def test_each_figure_is_its_formula() -> None:
    of = far.Figures(RESULTS)
    assert far.unpacking(of) == pytest.approx(100)
    assert far.image(of) == pytest.approx(1.2)
    assert far.delta(of, "patch") == pytest.approx(0.1)
    assert far.hop(of) == pytest.approx(0.1)
    assert far.line(of) == pytest.approx(50)
    assert far.control(of) == pytest.approx(11)
    assert far.pulls(of) == pytest.approx(1)
    text = far.page(RESULTS)
    one = far.SIZE * 8 / (1e9 * far.EFFICIENCY)
    for name, copies, adds in (("push, tree", 1000, 0), ("swarm, tree", 3, 50), ("swarm, image", 3.6, 50)):
        assert f"| {name} | {far.duration(copies * one + adds)} | {far.duration(copies * one / 10 + adds)} |" in text
    assert "`./dev bench refresh`" in text  # of minor steps there is none


def test_what_is_missing_is_named() -> None:
    text = far.page({})
    for bench in set(far.NEEDED) - {"build"}:
        assert f"`./dev bench {bench}`" in text
    assert "| push, tree | 11 h 48 min | 71 min |" in text


def test_the_names_are_those_of_the_benchmarks() -> None:
    assert (build.OURS, build.ARCHIVE, build.ENVS[0].name) == (far.PAYLOAD, far.ARCHIVE, far.ENV)
    assert (f"unpack {host.DISK}", host.OURS, build.TIME) == (far.UNPACKED, far.HOST, far.TIME)
    assert far.BYTES == imports.SIZE
    assert far.IMAGE.fullmatch(imports.squashfs(3, "128K").name)
    assert (far.WHOLE, far.DELTA) == (refresh.WHOLE, refresh.DELTA)
    assert (far.DEPLOY, far.CONTROLLER) == (control.OURS, control.CONTROLLER)
    assert (far.WIRE, far.LINE, far.LAST) == (fanout.WIRE, fanout.LINE, fanout.LAST)
    assert (far.PULL, far.SERVER) == (pull.PULL, pull.SERVER)


def test_the_page_is_what_the_results_say() -> None:
    known = {name: read_result(RESULTS_FOLDER / f"{name}.json") for name in far.NEEDED}
    text = far.page({name: found for name, found in known.items() if found})
    assert far.PAGE.read_text(encoding="utf-8") == text, "run ./dev bench far"
