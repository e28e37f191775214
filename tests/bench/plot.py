# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Results as pictures and tables: ``./dev bench plot [NAME…]`` and ``./dev bench table [NAME…]``.

A picture has a panel for each measure of each group: a bar is the median, a dot is a round. Only this file needs
matplotlib, and only where it draws.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.tests.bench.frame import (
    CHECKOUT,
    RESULTS,
    UNITS,
    Group,
    Result,
    read_result,
    shown,
    table,
)

PICTURES = CHECKOUT / "docs/guide/benchmarks"
# In the order of docs/guide/benchmarks.md.
BENCHES = ("deploy", "fanout", "control", "import", "refresh", "pull", "build", "host")
MISSING = "There are no figures yet: ./dev bench {0} --output {1}/{0}.json --plot {2}/{0}.svg"
BASE, OTHER, ROUND = "#8a8f98", "#2f6f9f", "#1b1b1b"
# The same result gives the same bytes (so nothing is clipped: clips have random names), and texts stay texts.
SETTINGS = {"svg.hashsalt": "airgap.conda", "svg.fonttype": "none", "font.size": 9}


def need() -> None:
    """Fail with one line if there is no matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SystemExit(
            "bench: --plot needs matplotlib, which this Python does not have: use ./dev bench, which installs "
            "tests/requirements/bench.txt, or leave --plot out"
        )


def draw(result: Result, path: Path) -> None:
    """Write the picture of a result."""
    need()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = [(group, measure) for group in result.groups for measure in group.units]
    heights = [0.9 + 0.28 * len(_arms(group, measure)) for group, measure in panels]
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(8.5, sum(heights)), layout="constrained")
        axes = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        for (group, measure), (axis,) in zip(panels, axes, strict=True):
            _panel(axis, group, measure)
        _save(figure, path)


def draw_missing(text: str, path: Path) -> None:
    """Write a picture that says that there is nothing to see."""
    need()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(8.5, 0.5))
        figure.text(0.01, 0.4, text)
        _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def _arms(group: Group, measure: str) -> list[str]:
    return [arm for arm, values in group.arms.items() if values.get(measure)]


def _panel(axis: Any, group: Group, measure: str) -> None:
    unit = group.units[measure]
    divisor, name, _form = UNITS[unit]
    arms = _arms(group, measure)
    medians = [group.median(arm, measure) or 0 for arm in arms]
    colours = [BASE if arm == group.base else OTHER for arm in arms]
    axis.barh(arms, [value / divisor for value in medians], color=colours, height=0.6, clip_on=False)
    for arm in arms:
        values = group.arms[arm][measure]
        axis.plot(
            [value / divisor for value in values], [arm] * len(values), ".", color=ROUND, markersize=3, clip_on=False
        )
        beyond = (max(values) / divisor, arm)
        axis.annotate(_label(group, arm, measure), beyond, (6, 0), textcoords="offset points", va="center")
    axis.set_title(f"{group.title}: {measure}, {name}", loc="left", fontsize=9, fontweight="bold")
    axis.margins(x=0.25)
    axis.set_xlim(left=0)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)


def _label(group: Group, arm: str, measure: str) -> str:
    value, times = group.median(arm, measure), group.times(arm, measure)
    text = shown(value or 0, group.units[measure])
    return text if arm == group.base or times is None else f"{text} ({times:.2f} x)"


def main() -> int:
    options = argparse.ArgumentParser(description="Show the results that are in the repository.")
    options.add_argument("what", choices=("table", "plot"))
    options.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; without one: all")
    chosen = options.parse_args()
    unknown = sorted(set(chosen.names) - set(BENCHES))
    if unknown:
        options.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    for name in chosen.names or BENCHES:
        result = read_result(RESULTS / f"{name}.json")
        missing = MISSING.format(name, RESULTS.relative_to(CHECKOUT), PICTURES.relative_to(CHECKOUT))
        if chosen.what == "table":
            print(f"### {name}\n\n{table(result) if result else missing}")
        elif result:
            draw(result, PICTURES / f"{name}.svg")
        else:
            draw_missing(missing, PICTURES / f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
