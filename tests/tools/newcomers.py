# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Act as a newcomer: run the README's commands in a fresh clone, on machines that containers can simulate.

``newcomers.py [CASE…]`` runs the cases, one after the other, and prints a table for docs/guide/development.md. It needs
root, podman, and this machine's package sources, which it hands on. Containers are podman's default: no privileges.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import select
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests/lab"))

from _common import DEFAULT_CACHE, digest, locked, main_guard, run, say  # noqa: E402
from _debian import bootstrap  # noqa: E402
from _images import SLIM  # noqa: E402
from _podman import LABEL, OWNER, Podman  # noqa: E402
from package_index import site_index  # noqa: E402

# What a small installation has, in addition to a shell; python3-venv is missing on purpose, for ./dev to report.
PACKAGES = ("python3", "git", "sudo", "ca-certificates", "openssh-client", "procps")
HANDED_ON = re.compile(r"(PIP|LAB|SSL|REQUESTS|CURL)_\w+|\w+_proxy|\w+_PROXY")
PIP = ("/etc/pip.conf", "/etc/xdg/pip")
MOUNTED = ("/etc/apt", "/etc/ssl/certs", *PIP)
# Where the clone is, for root and for the ordinary user.
PLACES = {"root": "/root/airgap.conda", "someone": "/home/someone/airgap.conda"}
DEMO_ENDED, LIMIT = "=== How long it took", 3600


@dataclass(frozen=True)
class Case:
    """One kind of machine, the command there, and the expected exit status and output."""

    name: str
    command: str = "./dev demo"
    user: str = "root"
    place: str = ""
    before: str = ""
    options: tuple[str, ...] = ()
    status: int = 0
    says: str = DEMO_ENDED
    proxy: bool = False
    index: bool = False


LOCAL = rf"containers do not work here, so the demo uses a local prefix: .*\n(.*\n)*.*{DEMO_ENDED}"
APT = "apt-get -q update >/dev/null && apt-get -q install -y --no-install-recommends"
# timeout tells the whole process group, as a terminal does. What has ended, nobody collects in such a container; a
# build that is told to end removes what it made, which takes seconds on a busy machine.
INTERRUPTED = (
    "processes() { ps -eo stat=,comm=,pid= | grep -Ev '^Z|^\\S+ +(ps|grep|sort|bash|sed) ' | "
    "sed 's/^[^ ]* *//' | sort; }; "
    "processes >/tmp/before; "
    "for moment in 2 8 20 40 60; do timeout --signal=INT $moment ./dev demo; "
    "for look in {1..30}; do processes >/tmp/after; cmp -s /tmp/before /tmp/after && break; sleep 1; done; done; "
    "if diff /tmp/before /tmp/after; then echo no process is left; fi"
)
CHANNEL_PACKAGES = "mmdebstrap debian-archive-keyring patchelf python3-venv"
CASES = (
    Case("a plain container", says=LOCAL),
    Case("a plain container, umask 077", before="umask 077", says=LOCAL),
    Case("a download without .git, HOME that cannot be written", before="rm -rf .git; export HOME=/proc", says=LOCAL),
    Case("an ordinary user without sudo", user="someone", status=1, says=r"as root: apt-get install [a-z0-9. -]+\n$"),
    Case("the same, with those packages", user="someone", before=f"ROOT {APT} {CHANNEL_PACKAGES}", says=LOCAL),
    Case("nothing but a proxy", proxy=True, says=LOCAL),
    Case("an index and a certificate authority of the site", index=True, says=LOCAL),
    Case("a space in the path", place="/root/air gap", status=1, says=r"^dev: wanted a checkout whose path .*\n$"),
    Case(
        "a full disk",
        options=("--tmpfs", "/root:rw,exec,size=200m"),
        status=1,
        says=r"^dev: wanted 3 GB of free space .*\n$",
    ),
    Case("Ctrl-C at five moments, then again", before=INTERRUPTED, says=rf"\nno process is left\n(.*\n)*.*{LOCAL}"),
    Case("the tests in a plain container", "./dev test", says=r"\n\d+ parts passed; \d+ cannot run here: .*\n$"),
)


def image(podman: Podman) -> str:
    """Return the image of a small machine of this machine's own release, made if it is not there."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    name = f"localhost/{OWNER}/newcomer:{digest(suite, *PACKAGES)}"
    with locked(podman.cache / ".images.lock"):
        if not podman.says("image", "exists", name):
            with tempfile.TemporaryDirectory(prefix=".image-", dir=podman.cache) as folder:
                tar, hook = Path(folder) / "root.tar", '--customize-hook=chroot "$1" useradd -m -s /bin/bash someone'
                bootstrap(suite, tar, variant="minbase", packages=PACKAGES, extra=(*SLIM, hook))
                podman("import", "--change", f"LABEL {LABEL}", tar, name)
    return name


class Tunnel(socketserver.BaseRequestHandler):
    """A proxy that knows how to connect and to fetch by plain HTTP; it has no limits, for a network of our own only."""

    def handle(self) -> None:
        """Serve one connection."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += (data := self.request.recv(65536))
            if not data:
                return
        method, address, _version = head.split(b"\r\n", 1)[0].decode().split(" ")
        host, _colon, port = (address if method == "CONNECT" else address.split("/")[2]).partition(":")
        with socket.create_connection((host, int(port or 80))) as there:
            if method == "CONNECT":
                self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                there.sendall(head.replace(b"http://" + address.split("/")[2].encode(), b"", 1))
            ends = {self.request: there, there: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


class Proxy(socketserver.ThreadingTCPServer):
    """Tunnels, each in a thread."""

    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def network(podman: Podman, proxied: bool) -> Iterator[list[str]]:
    """Yield podman's options for this machine's network; or for one from which only a proxy leads out."""
    if not proxied:
        yield ["--network=host"]
        return
    name = f"{OWNER}-newcomer"
    podman("network", "create", "--internal", "--disable-dns", "--subnet=10.199.7.0/24", "--gateway=10.199.7.1", name)
    # The network's own address comes up with its first container.
    with Proxy(("0.0.0.0", 0), Tunnel) as server:  # noqa: S104 - gone with the case
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://10.199.7.1:{server.server_address[1]}"
        try:
            yield [f"--network={name}", *(f"--env={n}={address}" for n in ("http_proxy", "https_proxy"))]
        finally:
            server.shutdown()
            podman("network", "rm", "--force", name)


@contextmanager
def settings(indexed: bool) -> Iterator[list[str]]:
    """Yield podman's options that give a container this machine's package sources; or an index of the site."""
    mounted = [f"--volume={path}:{path}:ro" for path in MOUNTED if Path(path).exists()]
    if not indexed:
        yield [*mounted, *(f"--env={name}" for name in os.environ if HANDED_ON.fullmatch(name))]
        return
    with tempfile.TemporaryDirectory() as folder, site_index(Path(folder)) as index:
        config, authority = Path(folder, "pip.conf"), "/etc/site.pem"
        config.write_text(f"[global]\nindex-url = {index.url}\n", encoding="utf-8")
        mounted = [words for words in mounted if not any(f":{path}:" in words for path in PIP)]
        given = {config: PIP[0], index.authority: authority}
        named = [f"--env={name}={authority}" for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
        yield [*mounted, *named, *(f"--volume={path}:{there}:ro" for path, there in given.items())]


def clone(folder: Path) -> Path:
    """Return a fresh clone of what is committed here, as git makes it for a newcomer."""
    run(["git", "clone", "--quiet", f"file://{CHECKOUT}", folder / "clone"])
    return folder / "clone"


def play(podman: Podman, case: Case, source: Path, container: str) -> tuple[int, str]:
    """Run one case; returns the exit status and the output."""
    place = case.place or PLACES[case.user]
    with network(podman, case.proxy) as reach, settings(case.index) as sources:
        options = [*reach, *sources, *case.options, "--label", LABEL, "--name", container]
        podman("run", "--detach", *options, image(podman), "sleep", "infinity")
        try:
            podman("exec", container, "mkdir", "-p", Path(place).parent)
            podman("cp", source, f"{container}:{place}")
            podman("exec", container, "chown", "-R", f"{case.user}:{case.user}", place)
            before = case.before
            if before.startswith("ROOT "):
                podman("exec", container, "sh", "-c", before.removeprefix("ROOT "))
                before = ""
            script = f"{before or 'true'}; {case.command} 2>&1"
            words = ["podman", "exec", "--user", case.user, "--workdir", place, container, "bash", "-c", script]
            done = subprocess.run(
                words, env=podman.environment, capture_output=True, text=True, timeout=LIMIT, check=False
            )
        finally:
            podman("rm", "--force", "--time", "0", container)
    return done.returncode, done.stdout


def main() -> int:
    """Run the cases that were asked for; returns 1 if one of them came out otherwise."""
    parser = argparse.ArgumentParser(description="Fresh clones on several kinds of machines, in containers.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="a part of its name; default: all")
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.cases or any(word in case.name for word in options.cases)]
    podman, rows, failed = Podman(DEFAULT_CACHE.resolve()), [], False
    say(f"the image of a small machine: {image(podman)}")
    with tempfile.TemporaryDirectory() as folder:
        source = clone(Path(folder))
        for number, case in enumerate(chosen):
            began = time.monotonic()
            status, output = play(podman, case, source, f"{OWNER}-newcomer-{number}")
            right = status == case.status and bool(re.search(case.says, output))
            failed |= not right
            result = f"as wanted, exit status {status}" if right else f"WRONG, exit status {status}"
            rows.append(f"| {case.name} | `{case.command}` | {result} | {time.monotonic() - began:.0f} |")
            log = DEFAULT_CACHE.parent / f"log/newcomer-{number}.log"
            log.parent.mkdir(exist_ok=True)
            log.write_text(output, encoding="utf-8")
            say(rows[-1] + ("" if right else f"\n{output[-4000:]}\n{log} has the whole output"))
    print("\n| machine | command | result | seconds |\n| --- | --- | --- | ---: |\n" + "\n".join(rows))
    return int(failed)


if __name__ == "__main__":
    main_guard(main)
