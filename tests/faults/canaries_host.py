# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Canaries in place of the secrets of a host that serves itself: what it writes down of its steps has none of them.

The command is run as root and as a user whose store is in a folder of their own, each in a mount namespace with the
keys and passwords of a host. The same steps show that each of them writes its receipt and its audit lines.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import HOST_CHAIN, read
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import FOLDER, Receipt, time_text
from ansible_collections.airgap.conda.plugins.module_utils._hosts.take import take_from
from ansible_collections.airgap.conda.plugins.module_utils._receipt.write import kept
from ansible_collections.airgap.conda.plugins.module_utils._report.by_receipt import with_receipts
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE, RUNTIME
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id, write_tree

CHECKOUT = Path(__file__).resolve().parents[2]
NOBODY = 65534
ONE, TWO, BAD = (release_id(serial) for serial in (1, 2, 3))
# A check that tells all that it can see of whoever runs it, and fails.
TELLS_ALL = 'cat "$HOME/.netrc" ~/.netrc "$HOME"/.ssh/id 2>&1; env; false'
# The steps that root makes, too: those that differ by whose key it is.
OF_ROOT = ("the runtime", "install", "update", "rollback", "verify", "a bad release", "export-receipt", "audit verify")
# Puts the secrets of a host in their places and goes on as that host, or as one of its users.
INSIDE = """\
set -e
hostname lone
# A user of the host reaches this checkout, also where it is in a home that is closed to others.
if [ -n "$CLOSED" ]; then
  mount --bind "$CHECKOUT" "$SCRATCH"
  mount -t tmpfs -o mode=755 tmpfs "$CLOSED"
  mkdir -p "$CHECKOUT"
  mount --move "$SCRATCH" "$CHECKOUT"
fi
mount -t tmpfs tmpfs "$SCRATCH"
mkdir "$SCRATCH/upper" "$SCRATCH/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" /etc
mkdir -p /etc/airgap-conda /etc/ssh
cp "$PLACE/key.signers" /etc/airgap-conda/allowed_signers
cp "$PLACE/ssh" /etc/ssh/ssh_host_ed25519_key
cp "$PLACE/ssh.pub" /etc/ssh/ssh_host_ed25519_key.pub
chmod 644 /etc/airgap-conda/allowed_signers
chmod 600 /etc/ssh/ssh_host_ed25519_key
exec "$@"
"""
# What the kit does before there is a command: the runtime, then the command.
BEGINS = """\
import sys
from pathlib import Path
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._cli.main import main
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
write_command(Store(Path(sys.argv[1])))
sys.exit(main(Path(sys.argv[1]), ["install", sys.argv[2], "--env", "runtime", "--yes"]))
"""


@dataclass
class Lone:
    """A host, its drive, and the user who serves it; ``said`` is all that the command printed."""

    folder: Path
    user: int
    canaries: dict[str, str] = field(default_factory=dict)
    said: str = ""

    @property
    def store(self) -> Store:
        return Store(self.folder / "opt")

    @property
    def drive(self) -> Path:
        return self.folder / "drive"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def make(self) -> None:
        """Make a drive with three releases, of which the last fails its check, and the secrets of the host."""
        self.folder.mkdir()
        signer, _signers = make_key(self.folder)
        key, _signers = make_key(self.folder, "ssh")
        for name in ("opt", "scratch"):
            (self.folder / name).mkdir()
        checks = {3: Checks(commands=(TELLS_ALL,), timeout=20)}
        for env, serial in (("runtime", 1), ("demo", 1), ("demo", 2)):
            self._release(env, serial, signer, Checks(imports=("json",), timeout=20))
        self._release("demo", 3, signer, checks[3], self.folder / "bad")
        self.canaries = {
            "the key of the host": key.read_text(encoding="ascii").splitlines()[2],
            "a password in a variable": "canary-variable",
            "a password of a proxy": "canary-proxy",
            "a password of a netrc": "canary-netrc",
            "a key of the user": "canary-key",
            "a password of sudo": "canary-askpass",
        }
        write_tree(self.home, {
            ".netrc": f"machine h.example login me password {self.canaries['a password of a netrc']}\n",
            ".ssh/id": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{self.canaries['a key of the user']}\n",
            ".config/airgap-conda/allowed_signers": (self.folder / "key.signers").read_bytes(),
        })  # fmt: skip
        for place in ("opt", "home", "drive"):
            for path in (self.folder / place, *(self.folder / place).rglob("*")):
                os.chown(path, self.user, self.user)

    def _release(self, env: str, serial: int, key: Path, checks: Checks, drive: Path | None = None) -> None:
        tree = RUNTIME if env == "runtime" else None
        depot = (drive or self.drive) / "depot"
        made = make_release(depot, self.store.root, serial, env=env, tree=tree, checks=checks)
        signature.sign(made.folder / MANIFEST, key)

    def run(self, *command: str) -> int:
        """Run a program on the host as the user; returns its exit status."""
        apart = ("unshare", "--mount", "--uts", "sh", "-c", INSIDE, "sh")
        user = ("setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups")
        environment = {
            **{name: os.environ[name] for name in ("PATH",)},
            "PYTHONPATH": f"{COLLECTIONS}:{BYTECODE}",
            "HOME": str(self.home),
            "PLACE": str(self.folder),
            "SCRATCH": str(self.folder / "scratch"),
            "CHECKOUT": str(CHECKOUT),
            "CLOSED": next((str(path) for path in CHECKOUT.parents[::-1] if not path.stat().st_mode & 0o001), ""),
            "SUDO_ASKPASS_WORD": self.canaries["a password of sudo"],
            "CHANNEL_PASSWORD": self.canaries["a password in a variable"],
            "https_proxy": f"http://me:{self.canaries['a password of a proxy']}@proxy.example:3128",
        }
        done = subprocess.run(
            [*apart, *(user if self.user else ()), *command],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        self.said += f"$ {' '.join(command[-4:])}\n{done.stdout}{done.stderr}"
        return done.returncode

    def receipts(self) -> list[Receipt]:
        """Return what the host has written down of its steps."""
        return [Receipt.from_json(one["content"].encode(), one["name"]) for one in kept(self.store)]


def run(tally: Tally, base: Path) -> None:
    """Let root serve a host, and a user their own store on it."""
    if os.geteuid() != 0:
        tally.notes.append("hosts that serve themselves: their secrets are put in mount namespaces, which needs root")
        return
    for folder in (base.parent, base):
        folder.chmod(0o755)  # a user reaches the host
    for name, user in (("root", 0), ("a user", NOBODY)):
        host = Lone(base / f"lone-{user}", user)
        host.make()
        _serve(tally, name, host)
        _look(tally, name, host)


def _steps(host: Lone) -> Sequence[tuple[str, tuple[str, ...], int, str, tuple[str, ...]]]:
    """Return the steps: name, command, exit status, the event of the receipt, the lines of the audit chain."""
    command, drive = str(host.store.command), str(host.drive)
    yes = ("--yes", "--env", "demo")
    taken = ("installed", "switched")
    begin = (sys.executable, "-B", "-c", BEGINS, str(host.store.root), drive)
    steps = (
        ("the runtime", begin, 0, "install", taken),
        ("check", (command, "check", drive), 0, "", ()),
        ("install", (command, "install", drive, *yes, "--release", ONE), 0, "install", taken),
        ("update", (command, "update", drive, *yes), 0, "update", taken),
        ("nothing to do", (command, "update", drive, *yes), 0, "", ()),
        ("rollback", (command, "rollback", "demo"), 0, "rollback", ("rolled back",)),
        ("verify", (command, "verify"), 0, "verify", ()),
        ("a bad release", (command, "install", str(host.folder / "bad"), *yes, "--json"), 1, "install", ()),
        ("export-receipt", (command, "export-receipt", drive), 0, "", ()),
        ("export-receipt to the terminal", (command, "export-receipt"), 0, "", ()),
        ("audit verify", (command, "audit", "verify"), 0, "", ()),
        ("the newest again", (command, "install", drive, *yes), 0, "install", ("switched",)),
        ("nothing to prune", (command, "prune", "--keep", "1"), 0, "", ()),
        ("remove", (command, "remove", "demo", "--yes"), 0, "remove", ("removed", "removed")),
        ("export-receipt again", (command, "export-receipt", drive), 0, "", ()),
        ("audit verify at the end", (command, "audit", "verify", "--json"), 0, "", ()),
    )
    return steps if host.user else tuple(step for step in steps if step[0] in OF_ROOT)


def _serve(tally: Tally, name: str, host: Lone) -> None:
    """Make every step and look at what was written down of it."""
    chain = host.store.root / ".state" / HOST_CHAIN
    for step, command, status, event, lines in _steps(host):
        papers, before, mark = len(kept(host.store)), len(read(chain).entries), len(host.said)
        found = host.run(*command)
        tail = host.said[mark:][-600:]
        faults = [] if found == status else [f"exit status {found}: {tail}"]
        new = [(one.event, one.ok) for one in host.receipts()[papers:]]
        faults += [] if new == ([(event, status == 0)] if event else []) else [f"receipts: {new}: {tail}"]
        audit = read(chain)
        done = tuple(entry.what for entry in audit.entries[before:])
        faults += [] if done == lines else [f"audit lines: {done}"]
        tally.case(f"{name}: {step}", [*faults, *audit.broken])
    signers = {one.signer for one in host.receipts()}
    tally.case(f"{name}: one key signs", [] if len(signers) == 1 and "" not in signers else [f"{signers}"])
    tally.counts["steps of hosts that serve themselves"] += len(_steps(host))


def _look(tally: Tally, name: str, host: Lone) -> None:
    """Look for the secrets wherever a step of the host leaves something that others read."""
    depot = host.folder / "controller"
    depot.mkdir()
    taken = take_from(host.drive / "depot", depot)
    tally.case(f"{name}: the receipts are taken", [fault.problem for one in taken for fault in one.faults])
    reports = with_receipts({}, [], {}, depot)
    write_report(host.folder / "report", list(reports), reports, time_text(0), False)
    state = host.store.root / ".state"
    own = state / ".receipts/key"
    canaries = {**host.canaries, **({"the key of the store": own.read_text().splitlines()[2]} if own.is_file() else {})}
    tally.case(f"{name}: the key", [] if own.is_file() == bool(host.user) else ["it is not the one that should sign"])
    looks = {
        "in what was printed": (host.said, "airgap-envs"),
        "in the receipts": (_contents([path for path in (state / ".receipts").iterdir() if path != own]), "rollback"),
        "in the audit chain": (_contents([state / HOST_CHAIN]), "rolled back"),
        "on the drive": (_contents([host.drive / "depot" / FOLDER]), "rollback"),
        "in the depot": (_contents([depot]), "rollback"),
        "on the page": (_contents([host.folder / "report"]), "lone"),
    }
    for where, (content, wanted) in looks.items():
        tally.case(f"{name}: a look {where}", "" if wanted in content else f"it does not see {wanted}")
        for secret, canary in canaries.items():
            tally.case(f"{name}: {secret} {where}", "it is there" if canary in content else "")
    tally.counts["looked for on hosts"] += len(canaries) * len(looks)
    # What a check printed is in all of these: what it had to print is what counts.
    tally.case(f"{name}: what a check tells", "" if "LANG=" in looks["in the receipts"][0] else "it could tell nothing")
    hold = _contents([host.home, host.folder / "ssh"])
    missed = [secret for secret in ("the key of the host", "a password of a netrc") if canaries[secret] not in hold]
    tally.case(f"{name}: the look for canaries", [f"it does not find {secret}" for secret in missed])


def _contents(paths: Sequence[Path]) -> str:
    """Return the content of files, and of all files below folders."""
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
    return "\n".join(file.read_text("utf-8", "replace") for file in files if file.is_file())
