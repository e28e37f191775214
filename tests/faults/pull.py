# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A quarter with six workstations that fetch for themselves, in three rings, on clocks that are wrong.

Real are the command on each host, its timer's options, the depot, the receipts, the audit chains and the page; hosts
are simulated: mount namespaces, with a clock of libfaketime, a small tmpfs as the full disk and a file as the GPU. The
timer itself is systemd's in scenario ``schedule``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from fleet_hosts import Fleet
from scenes import Share, World
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import HOST_CHAIN, read
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import Receipt
from ansible_collections.airgap.conda.plugins.module_utils._hosts.rings import summary, write_rings
from ansible_collections.airgap.conda.plugins.module_utils._hosts.take import take_from
from ansible_collections.airgap.conda.plugins.module_utils._receipt.write import kept
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, release_id

PROMISE = "a quarter of hosts that fetch for themselves: a bad release stops at ring 1, the page says the truth of each"
CHECKOUT = Path(__file__).resolve().parents[2]
LIBRARIES = "usr/lib/*/faketime/libfaketime.so.1"
# The last week is this one.
BEGIN = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(weeks=12, days=4)
FOUR, THREE, TWO, ONE = (release_id(serial) for serial in (4, 3, 2, 1))
# Host -> its ring, and by how many days its clock is ahead.
HOSTS = {"ws-001": (1, 0), "ws-002": (1, 2), "ws-003": (2, -3), "ws-004": (2, 0), "ws-005": (3, 1), "ws-006": (3, -1)}
AWAY, FULL, BUSY, NO_GPU = "ws-004", "ws-005", "ws-001", "ws-006"
# Week -> the release that the bastion publishes then. The third fails its checks everywhere.
PUBLISHED = {1: 2, 4: 3, 7: 4}
WEEKS = (1, 2, 3, 4, 5, 7, 8, 10, 12)
# The one check: fails in release 3, and on the host whose GPU does not compute for any new release.
CHECK = 'test "$(cat "$CONDA_PREFIX/serial")" != 3 && test ! -e "$CONDA_PREFIX/../../no-gpu"'
# Week -> what must be current on each host after it, in the order of HOSTS.
RIGHT = {
    1: (ONE, TWO, TWO, ONE, ONE, ONE),  # busy, taken, taken after ring 1, away, waits for ring 2 of an earlier day
    2: (TWO, TWO, TWO, ONE, ONE, ONE),
    3: (TWO, TWO, TWO, ONE, ONE, ONE),
    4: (TWO, TWO, TWO, ONE, ONE, ONE),
    5: (TWO, TWO, TWO, ONE, ONE, ONE),
    7: (FOUR, FOUR, FOUR, ONE, FOUR, ONE),
    8: (FOUR, FOUR, FOUR, ONE, FOUR, ONE),
    10: (FOUR, FOUR, FOUR, FOUR, FOUR, ONE),
    12: (FOUR, FOUR, FOUR, FOUR, FOUR, ONE),
}
# Runs in the namespaces of one host: its name, its store, its list of keys; $1 is what else happens there.
INSIDE = """\
set -e
hostname "$HOST"
mount --bind "$TREE" "$ROOT"
mount -t tmpfs tmpfs "$SCRATCH"
mount -t tmpfs tmpfs /dev/shm # libfaketime leaves files there
mkdir "$SCRATCH/upper" "$SCRATCH/work" "$SCRATCH/dev"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" /etc
mkdir -p /etc/airgap-conda
cp "$SIGNERS" /etc/airgap-conda/allowed_signers
chmod 644 /etc/airgap-conda/allowed_signers
if [ "$BUSY" ]; then
  for name in null zero random urandom tty; do
    touch "$SCRATCH/dev/$name"
    mount --bind "/dev/$name" "$SCRATCH/dev/$name"
  done
  ln -s /proc/self/fd "$SCRATCH/dev/fd"
  touch "$SCRATCH/dev/nvidia0"
  mount --rbind "$SCRATCH/dev" /dev
  (cd "$ROOT/demo/current" && exec sleep 60 3</dev/nvidia0) &
fi
export LD_PRELOAD="$FAKETIME_LIBRARY" FAKETIME="$OFFSET"
status=0
"$ROOT/bin/airgap-envs" update "$DEPOT" --ring "$RING" --after-days 21 --json || status=$?
"$ROOT/bin/airgap-envs" export-receipt "$DRIVE" >&2
exit "$status"
"""


@dataclass
class Quarter:
    """The fleet, and what each run of the command said: week and host -> its document."""

    fleet: Fleet
    library: Path
    said: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)

    @property
    def depot(self) -> Path:
        return self.fleet.folder / "depot"

    def publish(self, serial: int, week: int) -> None:
        """Build a release in that week."""
        made = make_release(self.depot, self.fleet.root, serial, checks=Checks(commands=(CHECK,), timeout=20))
        created = (BEGIN + timedelta(weeks=week)).strftime("%Y-%m-%dT%H:%M:%SZ")
        manifest = made.folder / MANIFEST
        manifest.write_text(manifest.read_text().replace(made.manifest.created, created), encoding="utf-8")
        (made.folder / SIGNATURE).unlink()
        signature.sign(manifest, self.fleet.folder / "key")

    def update(self, week: int, host: str) -> None:
        """Let the timer of a host start once in that week."""
        ring, ahead = HOSTS[host]
        when = BEGIN + timedelta(weeks=week, days=ahead, hours=ring)
        environment = {
            **os.environ,
            "HOST": host,
            "TREE": str(self.fleet.tree(host)),
            "ROOT": str(self.fleet.root),
            "SCRATCH": str(self.fleet.folder / "scratch"),
            "SIGNERS": str(self.fleet.folder / "key.signers"),
            "DEPOT": str(self.depot),
            "DRIVE": str(self.fleet.folder / "answers"),
            "RING": str(ring),
            "BUSY": "yes" if host == BUSY and week == 1 else "",
            "FAKETIME_LIBRARY": str(self.library),
            "OFFSET": f"{(when - datetime.now(timezone.utc)).total_seconds():+.0f}",
        }
        apart = ("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
        done = subprocess.run(
            [*apart, "sh", "-c", INSIDE], env=environment, capture_output=True, text=True, check=False
        )
        try:
            self.said[week, host] = json.loads(done.stdout)
        except ValueError:
            self.said[week, host] = {"ok": False, "error": {"code": "no-answer", "found": done.stderr[-600:]}}

    def collect(self) -> None:
        """Do what the controller does between two turns: take the receipts in, and tell the rings."""
        answers = self.fleet.folder / "answers/depot"
        if answers.is_dir():
            take_from(answers, self.depot)
        write_rings(self.depot, summary(self.depot))


def run(_world: World, share: Share) -> Tally:
    """Let a quarter pass, look at every host after each week, and at the page in the end."""
    tally = Tally("pull", PROMISE)
    found = sorted(Path("/").glob(LIBRARIES))
    if os.geteuid() != 0 or not found:
        tally.notes.append("hosts are namespaces, which need root, and clocks need libfaketime")
        return tally
    if share.number:
        return tally
    quarter = Quarter(Fleet(CHECKOUT / ".cache/faults/pull", len(HOSTS)), found[0])
    _make(quarter)
    for week in WEEKS:
        if week in PUBLISHED:
            quarter.publish(PUBLISHED[week], week)
        with ExitStack() as stack:
            if week in (1, 2, 3):
                stack.enter_context(_full_disk(quarter.fleet))
            for host in HOSTS:
                if host != AWAY or week >= 10:
                    quarter.update(week, host)
                    quarter.collect()
        for host, right in zip(HOSTS, RIGHT[week], strict=True):
            current = quarter.fleet.current(host)
            said = json.dumps(quarter.said.get((week, host), "off"))[:600]
            tally.case(f"week {week}: {host}", [] if current == right else [f"current is {current}: {said}"])
    _bad_release(tally, quarter)
    _papers(tally, quarter)
    _page(tally, quarter)
    tally.counts["updates"] = len(quarter.said)
    if not tally.broken:
        shutil.rmtree(quarter.fleet.folder)
    return tally


def _make(quarter: Quarter) -> None:
    """Make six hosts with release 1, which a deploy has brought to them."""
    fleet = quarter.fleet
    fleet.make()
    for name in (TWO,):
        shutil.rmtree(quarter.depot / "demo" / name)
        shutil.rmtree(quarter.depot / f"tree-demo-{name[0]}")
    for name in ("scratch", "answers"):
        (fleet.folder / name).mkdir()
    fleet.begin()
    (fleet.tree(NO_GPU) / "no-gpu").touch()


def _full_disk(fleet: Fleet) -> Any:
    """Return what gives one host a disk that is too small, for a while."""
    fleet.faults[FULL] = "full"
    with suppress(FileNotFoundError):
        shutil.rmtree(fleet.folder / "full" / FULL)
    stack = ExitStack()
    stack.enter_context(fleet.small_disk())
    shutil.copytree(fleet.folder / "hosts" / FULL, fleet.folder / "full" / FULL, symlinks=True)

    def healed() -> None:
        fleet.faults.pop(FULL)
        shutil.rmtree(fleet.tree(FULL))
        shutil.copytree(fleet.folder / "full" / FULL, fleet.tree(FULL), symlinks=True)

    stack.callback(healed)
    return stack


def _bad_release(tally: Tally, quarter: Quarter) -> None:
    """Want release 3 to have been tried in ring 1 alone, and once a day there at most."""
    for (week, host), said in quarter.said.items():
        tried = said.get("envs", {}).get("demo", {}).get("release") == THREE
        waits = said.get("waits", {}).get("demo", {}).get("code", "")
        if week in (4, 5):
            ring = HOSTS[host][0]
            well = tried if ring == 1 else waits in ("ring-waits", "ring-wrong")
            tally.case(f"week {week}: {host} and the bad release", [] if well else [json.dumps(said)[:600]])


def _papers(tally: Tally, quarter: Quarter) -> None:
    """Want each host's chain to tell what it had, and its last receipt to be signed and to say how that ended."""
    for number, host in enumerate(HOSTS):
        store = Store(quarter.fleet.tree(host))
        chain = read(store.root / ".state" / HOST_CHAIN)
        had = list(dict.fromkeys([ONE, *(RIGHT[week][number] for week in WEEKS)]))
        told = [entry.release for entry in chain.entries if (entry.env, entry.what) == ("demo", "switched")]
        tally.case(f"the chain: {host}", [*chain.broken, *([] if told == had else [f"{told} instead of {had}"])])
        runtime = [entry.what for entry in chain.entries if entry.env == "runtime"]
        tally.case(
            f"the chain: {host} and its runtime", [] if runtime == ["installed", "switched"] else runtime or ["-"]
        )
        last = kept(store)[-1]
        receipt = Receipt.from_json(last["content"].encode(), last["name"])
        faults = [] if last["signature"] else ["it is not signed"]
        faults += [] if receipt.ok == (host != NO_GPU) else [f"ok is {receipt.ok}"]
        faults += [] if receipt.ring == HOSTS[host][0] else [f"ring {receipt.ring}"]
        faults += [] if host != NO_GPU or receipt.envs["demo"].failed == FOUR else [f"failed: {receipt.envs['demo']}"]
        tally.case(f"the last receipt: {host}", faults)


def _page(tally: Tally, quarter: Quarter) -> None:
    """Want the page to say of each host what is true, by its receipt."""
    fleet = quarter.fleet
    inventory = json.loads((fleet.folder / "inventory.json").read_text())
    inventory["workstations"] = {"hosts": {}}
    (fleet.folder / "inventory.json").write_text(json.dumps(inventory))
    played = fleet.play("report", airgap_workstations="localhost")
    try:
        hosts = {h["host"]: h for h in json.loads((fleet.report / "report.json").read_text())["hosts"]}
    except (OSError, ValueError):
        tally.case("the page", [played.output[-800:]])
        return
    for host in HOSTS:
        one = hosts.get(host, {})
        demo: dict[str, Any] = next((env for env in one.get("envs", []) if env.get("env") == "demo"), {})
        wanted = ONE if host == NO_GPU else FOUR
        shown = demo.get("current") or demo.get("release")
        tally.case(f"the page: {host} has {wanted}", [] if shown == wanted else [json.dumps(one)[:600]])
        shown = json.dumps(one)
        why = ("A check of demo", FOUR) if host == NO_GPU else ()
        tally.case(f"the page: {host}, why", [f"it does not tell {text}" for text in why if text not in shown])
        bad = one.get("verdict") == "broken"
        tally.case(
            f"the page: {host} is {'not ' if host == NO_GPU else ''}right",
            [] if bad == (host == NO_GPU) else [json.dumps(one)[:600]],
        )
