# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a host can mount an image, and will do so again after a restart: tried with one of 204 bytes."""

from __future__ import annotations

import base64
import functools
import os
from pathlib import Path

# What systemd makes when it is the first process: sd_booted(3).
BOOTED = Path("/run/systemd/system")
# Where an administrator's units are.
UNITS = Path("/etc/systemd/system")
# A squashfs that is compressed by zstd, with one file of one byte; a device has whole blocks.
IMAGE = base64.b64decode(
    "aHNxcwIAAAAAAAAAAAACAAEAAAAGABEAQAYBAAQAAAAgAAAAAAAAANMAAAAAAAAAywAAAAAAAAD//////////2cAAAAAAAAAlAAAAAAAAAC9AAAA"
    "AAAAAP//////////BIADAAAAeCsAKLUv/SBAFQEAkAIApAEAAQDtAQIYAAAAAwAAAAYAK0YAopkBQAaWAjKgBRWAAAAAAAAAAAABAAAAAAAAAAIA"
    "AAB4EIBmAAAAAAAAAAEAAAEAAAAAqwAAAAAAAAAEgAAAAADF"
).ljust(4096, b"\0")
# In mounts of its own, which end with the shell, and the loop device with them: nothing is left, however it ends.
TRY = """\
mount -t tmpfs tmpfs /run && cd /run && cat >image && mkdir place &&
  mount -t squashfs -o loop,ro,nodev,nosuid image place && test -f place/x
"""
# Seconds that it may take, loading the kernel's module included.
LIMIT = 30.0


def lacks_mounts() -> str:
    """Return what this host lacks to have an image mounted, in a few words; empty when it has all."""
    if os.geteuid() != 0:
        return "the rights of root, who may mount"
    if not BOOTED.is_dir():
        return "systemd, which mounts an image again after a restart"
    if not os.access(UNITS, os.W_OK):
        return f"a folder {UNITS} that can be written"
    return tried()


@functools.cache
def tried() -> str:
    """Mount an image where nobody sees it; returns what keeps this host from that, empty when nothing does."""
    # Not needed, and so not loaded, where there is nothing to do: the host's command has no byte code.
    from ansible_collections.airgap.conda.plugins.module_utils._run import process

    command = ["unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", TRY]
    outcome = process.run(command, deadline=LIMIT, env=process.ENVIRONMENT, data=IMAGE)
    return "" if outcome.ok else f"a kernel that mounts it from a loop device ({' '.join(outcome.explain().split())})"
