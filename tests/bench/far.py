# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write docs/guide/far.md: what 5 GB for 1,000 hosts take by each way; ``./dev bench far``, and ``--check`` in lint.

Nothing is measured here. Each figure is a formula over medians that other benchmarks left in ``results``; where such a
result is not there yet, the page says which one is missing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".cache/collections"))

from ansible_collections.airgap.conda.tests.bench.frame import (  # noqa: E402
    RESULTS,
    Group,
    Result,
    read_result,
)

PAGE = CHECKOUT / "docs/guide/far.md"
NEEDED = ("build", "host", "import", "refresh", "fanout", "control", "pull")
# What the page is about: bytes of the payload in tar.zst, hosts, links in bit/s.
SIZE, HOSTS, LINKS = 5e9, 1_000, (1e9, 10e9)
# The title of a group of benchmark fanout in which nothing goes wrong: hosts, wires, bytes.
LINE_TITLE = re.compile(r"(\d+) hosts, ([^,]+), [^,]+")
# A full Ethernet frame of 1538 bytes on the wire, gaps included, carries 1448 bytes of TCP.
EFFICIENCY = 1448 / 1538
ENV = "science"  # of build and import; host unpacks the same
# Names in results; a test compares them with those that the benchmarks give.
PAYLOAD, ARCHIVE = "airgap.conda.pack tar.zst", "archive"
UNPACKED, HOST, TIME = "unpack to the disk", "airgap.conda", "time"
IMAGE, BYTES = re.compile("squashfs .*"), "bytes"
WHOLE, DELTA, SENT = "the whole release", "the delta", "to send"
DEPLOY, CONTROLLER = "airgap.conda.deploy, nothing to do", "controller's processor"
PULL, SERVER = "airgap-envs update", "server's processor"
WIRE, LINE, LAST = "one copy on the wire", "airgap.conda, each asks the one before it", "last host"
# The seeds of a swarm get their copies before the others begin.
SEEDS = 2


class MissingError(Exception):
    """A figure that a benchmark has not left yet."""

    def __init__(self, bench: str) -> None:
        super().__init__(f"no figures yet: `./dev bench {bench}`")


@dataclass(frozen=True)
class Figures:
    """The results of other benchmarks, by their names."""

    results: Mapping[str, Result]

    def group(self, bench: str, fits: Callable[[Group], object]) -> Group:
        """Return the first group that ``fits``; raises MissingError."""
        found = [group for group in self.groups(bench) if fits(group)]
        if not found:
            raise MissingError(bench)
        return found[0]

    def groups(self, bench: str) -> Sequence[Group]:
        """Return all groups; raises MissingError where there is no result."""
        if bench not in self.results:
            raise MissingError(bench)
        return self.results[bench].groups

    def median(self, bench: str, group: Group, arm: str, measure: str) -> float:
        """Return a median; raises MissingError."""
        value = group.median(arm, measure) if arm in group.arms else None
        if value is None:
            raise MissingError(bench)
        return value


# --- the figures, each with its formula ------------------------------------------------------------------------------


def payload(of: Figures) -> float:
    """Return the bytes of the payload of ENV."""
    return of.median("build", of.group("build", lambda group: group.title == ENV), PAYLOAD, ARCHIVE)


def unpacking(of: Figures) -> float:
    """Return the seconds in which a host makes the tree of SIZE."""
    group = of.group("host", lambda group: group.title == UNPACKED)
    return SIZE / payload(of) * of.median("host", group, HOST, TIME)


def image(of: Figures) -> float:
    """Return the bytes of an image per byte of tar.zst: of the smallest that was measured."""
    group = of.group("import", lambda group: group.title == ENV)
    sizes = [of.median("import", group, arm, BYTES) for arm in group.arms if IMAGE.fullmatch(arm)]
    if not sizes:
        raise MissingError("import")
    return min(sizes) / payload(of)


def delta(of: Figures, kind: str) -> float:
    """Return the bytes of all deltas of a kind of version step, per byte of the whole."""
    groups = [group for group in of.groups("refresh") if group.title.endswith(f"({kind})")]
    if not groups:
        raise MissingError("refresh")
    sums = [sum(of.median("refresh", group, arm, SENT) for group in groups) for arm in (DELTA, WHOLE)]
    return sums[0] / sums[1]


def longest(of: Figures) -> tuple[int, str, Group]:
    """Return the longest line that was measured: how many hosts it has, their wires, and its group."""
    found = [(LINE_TITLE.fullmatch(group.title), group) for group in of.groups("fanout")]
    lines = [(int(title[1]), title[2], group) for title, group in found if title]
    if not lines:
        raise MissingError("fanout")
    return max(lines, key=lambda one: one[0])


def hop(of: Figures) -> float:
    """Return the seconds that each host of a line adds for the last one, by the longest line that was measured."""
    hosts, _rate, group = longest(of)
    last, wire = (of.median("fanout", group, arm, LAST) for arm in (LINE, WIRE))
    return (last - wire) / (hosts - 1)


def line(of: Figures) -> float:
    """Return the seconds that a piece needs along each of the lines."""
    return HOSTS / SEEDS * hop(of)


def control(of: Figures) -> float:
    """Return the controller's processor seconds for HOSTS where nothing is to be done."""
    groups = sorted(of.groups("control"), key=lambda group: int(group.title.split()[0]))
    if len(groups) < 2:
        raise MissingError("control")
    few, many = groups[0], groups[-1]
    counts = [int(group.title.split()[0]) for group in (few, many)]
    taken = [of.median("control", group, DEPLOY, CONTROLLER) for group in (few, many)]
    return taken[1] + (taken[1] - taken[0]) / (counts[1] - counts[0]) * (HOSTS - counts[1])


def pulls(of: Figures) -> float:
    """Return the seconds of one processor of a server that HOSTS ask for news."""
    group = of.groups("pull")[0]
    return HOSTS * of.median("pull", group, PULL, SERVER)


@dataclass(frozen=True)
class Way:
    """A row of the page: ``copies`` gives what goes through the one link that is the bound, in copies of SIZE.

    ``adds`` gives seconds that no faster link makes fewer.
    """

    name: str
    copies: Callable[[Figures], float]
    formula: str
    source: str
    adds: Callable[[Figures], float] = lambda _of: 0.0


WAYS = (
    Way("push, tree", lambda _of: HOSTS, "hosts x size / link", "counted"),
    Way("http, tree, one server", lambda _of: HOSTS, "hosts x size / link", "counted"),
    Way("http, tree, four servers", lambda _of: HOSTS / 4, "hosts x size / (4 x link)", "counted"),
    Way("swarm, tree", lambda _of: SEEDS + 1, "(seeds + 1) x size / link + hosts / seeds x hop", "fanout", line),
    Way("push or http, image", lambda of: HOSTS * image(of), "hosts x size x image / tar.zst / link", "import, build"),
    Way("swarm, image", lambda of: (SEEDS + 1) * image(of), "as swarm, x image / tar.zst", "fanout, import, build",
        line),
    Way("push or http, delta of patch steps", lambda of: HOSTS * delta(of, "patch"), "hosts x size x share / link",
        "refresh"),
    Way("push or http, delta of minor steps", lambda of: HOSTS * delta(of, "minor"), "hosts x size x share / link",
        "refresh"),
)  # fmt: skip

HEAD = f"""\
<!-- Written by tests/bench/far.py out of tests/bench/results. Run ./dev bench far. -->
# 5 GB for 1,000 hosts

How long a release whose payload has {SIZE / 1e9:.0f} GB takes to reach {HOSTS:,} hosts, worked out on paper. No run was
made with that many hosts: each figure is the formula in its row, over medians of the [benchmarks](benchmarks.md) that
are named there. A link carries {EFFICIENCY:.1%} of its bits as content: of a full Ethernet frame, 1448 of 1538 bytes.
Nothing else uses it, and every host has a link like that of the controller or server.

The time is that of the link that is the bound, until the last host has all bytes. For `push` and `http` that is the
link of the controller or of the web server. In a swarm the controller first sends a copy to each of {SEEDS} seeds; then
it is the link of each host, and what each host of a line adds, here {{hop}}.
That was measured with {{line}}; what it is where a piece takes less time is not known.

"""
TAIL = """\

A tree is unpacked while it arrives, on all hosts at the same time; an image is hashed and mounted. Where the link is
not the bound, a host needs to unpack the tree: {unpack} ({size:.0f} GB / payload x time; host, build).

When there is nothing new, {hosts:,} hosts take

- of the controller's processor for a deploy: {control} (a line through the fewest and the most hosts; control)
- of a web server's processor when they look for themselves: {pulls} (hosts x that of one; pull)

## What it leaves out

- **The processor of ssh.** A controller that fills 10 Gbit/s by `push` encrypts 1.2 GB each second, which can be more
  than its processors do; `http` without TLS encrypts nothing.
- **Forks.** `push` sends to as many hosts at a time as there are forks. More of them do not shorten the whole.
- **Switches.** A swarm wants switches that carry all links at once.
- **Disks.** A host that writes slower than its link is the bound itself.
"""


def duration(seconds: float) -> str:
    """Return seconds in words, with two digits that count."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def _or_missing(figure: Callable[[], str]) -> str:
    try:
        return figure()
    except MissingError as error:
        return f"({error})"


def page(results: Mapping[str, Result]) -> str:
    """Return the page for these results."""
    of = Figures(results)
    rows = [
        f"| way | {' | '.join(f'{link / 1e9:.0f} Gbit/s' for link in LINKS)} | formula | from |",
        f"| --- |{' ---: |' * len(LINKS)} --- | --- |",
    ]
    for way in WAYS:
        try:
            copies, adds = way.copies(of), way.adds(of)
            cells = [duration(copies * SIZE * 8 / (link * EFFICIENCY) + adds) for link in LINKS]
        except MissingError as error:
            cells = [str(error), *[""] * (len(LINKS) - 1)]
        rows.append(f"| {way.name} | {' | '.join(cells)} | {way.formula} | {way.source} |")
    tail = TAIL.format(
        unpack=_or_missing(lambda: duration(unpacking(of))),
        control=_or_missing(lambda: duration(control(of))),
        pulls=_or_missing(lambda: duration(pulls(of))),
        size=SIZE / 1e9,
        hosts=HOSTS,
    )
    head = HEAD.format(
        hop=_or_missing(lambda: duration(hop(of))),
        line=_or_missing(lambda: "{} hosts, {}".format(*longest(of))),
    )
    return head + "\n".join(rows) + "\n" + tail


def main(arguments: list[str]) -> int:
    """Write the page or compare it; return the exit status."""
    known = {name: read_result(RESULTS / f"{name}.json") for name in NEEDED}
    text = page({name: result for name, result in known.items() if result})
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE.relative_to(CHECKOUT)} is not what the results say: run ./dev bench far")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
