# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images for the lab's hosts: a Debian release that boots, has sshd and no Python; or a pulled image made so.

LAB_IMAGES="ubuntu:22.04 ubuntu:24.04" (spaces or commas) takes these instead of Debian releases: they are pulled,
and systemd and sshd are installed in them by apt. That way was tried with a bare Debian image of this machine, but
the pull from a registry was not: its authors had none at hand.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import _debian
from _common import digest, locked, make_once, run, say
from _podman import LABEL, OWNER, Podman

# glibc 2.31, 2.36 and 2.41: those of Ubuntu 20.04, about 22.04 and about 24.04.
SUITES = ("bullseye", "bookworm", "trixie")
# What a stock workstation has and the collection counts on; no Python.
PACKAGES = ("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo")
# Documentation and translations are half of an image's files.
SLIM = (
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale", "info", "lintian")),
    "--dpkgopt=force-unsafe-io",
)
# A bootstrap keeps one core busy.
WORKERS = 2

# Run once inside each image. Debian images have the packages; pulled ones get them here.
SETUP = """\
set -eu
if ! command -v sshd >/dev/null 2>&1 || ! test -e /sbin/init; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install -y --no-install-recommends PACKAGES
    rm -rf /var/lib/apt/lists/*
fi
install -d -m 700 /root/.ssh
install -m 600 /lab/key.pub /root/.ssh/authorized_keys
useradd --create-home --shell /bin/bash ops
install -d -m 700 -o ops -g ops /home/ops/.ssh
install -m 600 -o ops -g ops /lab/key.pub /home/ops/.ssh/authorized_keys
echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
chmod 440 /etc/sudoers.d/ops

# Each host makes its own key at its first start.
rm -f /etc/ssh/ssh_host_*
mkdir -p /etc/ssh/sshd_config.d /etc/systemd/system/ssh.service.d
cat > /etc/ssh/sshd_config.d/lab.conf <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
UseDNS no
MaxStartups 100
MaxSessions 100
END
cat > /etc/systemd/system/ssh.service.d/lab.conf <<'END'
[Service]
ExecStartPre=
ExecStartPre=/bin/sh -c 'test -e /etc/ssh/ssh_host_ed25519_key || \\
    ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key'
ExecStartPre=/usr/sbin/sshd -t
END
systemctl disable ssh.socket 2>/dev/null || true
systemctl enable ssh.service

# Units that want hardware or a network service that a container has not, or that would change this kernel's settings.
for unit in MASKED; do ln -sf /dev/null "/etc/systemd/system/$unit"; done
systemctl set-default multi-user.target
: > /etc/machine-id
# The build machine's name servers are nobody's business here.
: > /etc/resolv.conf || true
"""
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "getty.target", "console-getty.service", "systemd-logind.service", "systemd-udevd.service",
    "systemd-udev-trigger.service", "systemd-sysctl.service", "systemd-binfmt.service",
    "systemd-timesyncd.service", "systemd-networkd.service",
    "systemd-resolved.service", "networking.service", "sys-kernel-config.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "dev-hugepages.mount", "dev-mqueue.mount", "sys-fs-fuse-connections.mount",
    "proc-sys-fs-binfmt_misc.automount", "modprobe@.service", "systemd-modules-load.service", "rpcbind.socket",
)  # fmt: skip


@dataclass(frozen=True)
class Image:
    """One kind of host, or to compile on. ``release`` is a Debian suite, or the reference of an image to pull.

    ``more`` are packages that only this kind has: they are unpacked over the image without them, not installed.
    """

    release: str
    pulled: bool = False
    kind: str = ""
    more: tuple[str, ...] = ()
    # Links in /usr/bin: name, target.
    link: tuple[str, str] | None = None
    # What is run once inside, without a network.
    run: str = ""

    @property
    def base(self) -> Image | None:
        """The image that this one is unpacked over."""
        return Image(self.release, self.pulled) if self.more else None

    @property
    def setup(self) -> str:
        return SETUP.replace("PACKAGES", " ".join(PACKAGES)).replace("MASKED", " ".join(MASKED))

    def reference(self, key: str) -> str:
        """Return the image's own name, which changes with all it is made from."""
        name = re.sub(r"[^a-z0-9]+", "-", self.release.lower()) + (f"-{self.kind}" if self.kind else "")
        recipe = digest(
            self.release, self.setup, key, *SLIM, *self.more, *(self.link or ()), *[self.run] * bool(self.run)
        )
        return f"localhost/{OWNER}/{name}:{recipe}"


# Its python3 is one that no Ansible runs on.
OLD_PYTHON = Image("bullseye", kind="oldpy", more=("python2.7-minimal",), link=("python3", "python2.7"))
# Debian 13 has an ansible-core that is new enough for the collection. An installed package has its byte code; here that
# of all which a playbook imports is made by running one.
CONTROLLER = Image(
    "trixie",
    kind="controller",
    more=("ansible-core",),
    run="ansible-galaxy collection list >/dev/null; ansible -c local -i localhost, all -m setup >/dev/null",
)

# Login shells and become programs, in addition to bash and sudo; and a tool to share a file with one user.
SHELLS = Image("trixie", kind="shells", more=("acl", "fish", "opendoas", "tcsh"))

# A Python of its own, as Ansible's own modules need it, with byte code as an installed one has it; what unpacks; and
# the certificates as an installed package has them: without any, a runtime of conda-ship ends before it installs.
BENCH = Image(
    "trixie",
    kind="bench",
    more=("python3", "zstd", "ca-certificates"),
    run="python3 -m compileall -q /usr/lib/python3* >/dev/null || :; mkdir -p /etc/ssl/certs; "
    "cat /usr/share/ca-certificates/*/*.crt >/etc/ssl/certs/ca-certificates.crt",
)

# Kinds that all hosts of a lab can be of, by name.
KINDS = {image.kind: image for image in (SHELLS, BENCH)}

# What pip compiles in: as old as the oldest host.
TOOLCHAIN = Image("bullseye", kind="toolchain", more=("gcc", "libc6-dev"))


def wanted() -> tuple[Image, ...]:
    """Return the kinds of host that the lab cycles through."""
    named = os.environ.get("LAB_IMAGES", "").replace(",", " ").split()
    return tuple(Image(name, pulled=True) for name in named) or tuple(Image(suite) for suite in SUITES)


def key_pair(cache: Path) -> Path:
    """Return the lab's private ssh key, created if missing; the public one is next to it."""

    def generate(folder: Path) -> None:
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "airgap-lab", "-f", folder / "id_ed25519"])

    return make_once(cache / "ssh", generate) / "id_ed25519"


def ensure(podman: Podman, images: set[Image]) -> dict[Image, str]:
    """Build those of ``images`` that are not there; return the reference of each."""
    with locked(podman.cache / ".images.lock"):
        key = key_pair(podman.cache).with_suffix(".pub").read_text()
        images = images | {image.base for image in images if image.base}
        references = {image: image.reference(key) for image in images}
        missing = [image for image, name in references.items() if not podman.says("image", "exists", name)]
        if missing:
            for left in podman.cache.glob(".image-*"):  # of a run that was ended
                shutil.rmtree(left)
            say(f"building images: {', '.join(sorted(references[image] for image in missing))}")
            with ThreadPoolExecutor(WORKERS) as pool:
                trees = {image: pool.submit(_unpack, podman, image) for image in missing if image.more}
                for job in [pool.submit(_build, podman, image, key) for image in missing if not image.more]:
                    job.result()
                for image, tree in trees.items():
                    _build_over(podman, image, tree.result(), key)
            _forget_old(podman, set(references.values()))
    return references


def _forget_old(podman: Podman, current: set[str]) -> None:
    """Remove the predecessors of the images ``current``, but for those that hosts still run."""
    for name in current:
        kind = name.rpartition(":")[0]
        listed = podman("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={kind}:*").split()
        for old in set(listed) - {name}:
            podman.says("rmi", old)


def _build(podman: Podman, image: Image, key: str) -> None:
    reference = image.reference(key)
    with tempfile.TemporaryDirectory(prefix=".image-", dir=podman.cache) as name:
        folder = Path(name)
        (folder / "lab").mkdir()
        (folder / "lab" / "key.pub").write_text(key)
        (folder / "lab" / "setup.sh").write_text(image.setup)
        if image.pulled:
            lines = [f"FROM {image.release}", "COPY lab /lab", "RUN sh /lab/setup.sh && rm -rf /lab"]
            (folder / "Containerfile").write_text("\n".join(lines) + "\n")
            podman("build", "--label", LABEL, "--tag", reference, folder)
        else:
            tar = folder / "root.tar"
            hooks = [f"copy-in {folder}/lab /", 'chroot "$1" sh /lab/setup.sh', 'rm -rf "$1/lab"']
            extra = [*SLIM, *(f"--customize-hook={hook}" for hook in hooks)]
            _debian.bootstrap(image.release, tar, variant="minbase", packages=PACKAGES, extra=extra)
            podman("import", "--change", f"LABEL {LABEL}", tar, reference)
    say(f"image {reference} built")


def _unpack(podman: Podman, image: Image) -> Path:
    """Return a folder with the packages of ``image.more`` and all that they need, unpacked."""

    def extract(folder: Path) -> None:
        _debian.bootstrap(image.release, folder / "root", variant="extract", packages=image.more)
        if image.link:
            (folder / "root/usr/bin" / image.link[0]).symlink_to(image.link[1])
        (folder / ".containerignore").write_text("root/usr/share/doc\nroot/usr/share/man\nroot/usr/share/locale\n")

    return make_once(podman.cache / f"unpacked-{image.kind}-{digest(image.release, *image.more)}", extract)


def _build_over(podman: Podman, image: Image, folder: Path, key: str) -> None:
    """Build ``image`` out of its base and what is unpacked in ``folder``; these releases have all of it in /usr."""
    assert image.base is not None
    lines = [f"FROM {image.base.reference(key)}", "COPY root/usr /usr"] + [f"RUN {image.run}"] * bool(image.run)
    (folder / "Containerfile").write_text("\n".join(lines) + "\n")
    reference = image.reference(key)
    podman("build", "--pull=never", "--network=none", "--label", LABEL, "--tag", reference, folder)
    say(f"image {reference} built")


def remove(podman: Podman) -> int:
    """Remove every image of this checkout; return how many there were."""
    names = sorted(set(podman("images", "--quiet", "--no-trunc", "--filter", f"label={LABEL}").split()))
    if names:
        podman("rmi", "--force", *names)
    return len(names)
