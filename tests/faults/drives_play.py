# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbooks export and import in the virtual machine of drives.py: the role, community.crypto and ansible.posix.

Nothing is a stand-in: Ansible runs in the machine, whose device mapper and file systems it uses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from drives_sticks import (
    BASTION,
    CARGO,
    FILE_SYSTEMS,
    INSIDE,
    IS_REAL,
    OPTIONS,
    PASSPHRASE,
    PLACE,
    RELEASES,
    SIGNERS,
    Stick,
    call,
    case,
    tell,
)

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.device import Request

PLAYBOOK = "import sys; from ansible.cli.playbook import main; sys.exit(main())"
# Where Python has its locks.
LOCKS = Path("/dev/shm")  # noqa: S108 - of a machine of its own
MAPPER = Path("/dev/mapper/airgap-media")
# Seconds that a drive stays after it was mounted before it is gone, and that a playbook may take.
STAYS, LIMIT = 0.5, 500


def run() -> None:
    """Export to a new encrypted drive; import, with the drive gone meanwhile, and then whole."""
    if not OPTIONS["long"] and "playbooks" not in OPTIONS["only"]:  # some minutes, where the processor is emulated
        return
    if not IS_REAL or not (CARGO / "collections/ansible_collections/ansible/posix").is_dir():
        tell(counts={"without the playbooks: no community.crypto or ansible.posix": 1})
        return
    LOCKS.mkdir(exist_ok=True)
    call("mount", "-t", "tmpfs", "tmpfs", LOCKS)
    for kind in FILE_SYSTEMS if OPTIONS["long"] else ("vfat",):
        case(f"playbooks with {kind}", lambda kind=kind: _playbooks(kind))  # type: ignore[misc]


def _playbooks(kind: str) -> list[str]:
    stick = Stick(1, 64, 0)
    try:
        Request(stick.path, str(PLACE)).look()
        return ["a drive without LUKS was taken for one"]
    except AirgapError as error:
        content = json.loads(error.remedy.partition("media_luks_erase: ")[2])
    luks = {"media_luks_device": stick.path, "media_luks_passphrase": PASSPHRASE, "media_drive": str(PLACE)}
    new = {"media_luks_create": True, "media_luks_erase": content, "media_filesystem": kind}
    faults = _play("export", 0, **luks, **new, build_depot=str(BASTION), airgap_bastion="localhost")
    inside = {"deploy_depot": str(INSIDE), "airgap_controller": "localhost"}
    watch = threading.Thread(target=_breaks, args=(stick,))
    watch.start()
    broken = _play("import", 2, **luks, **inside)
    watch.join()
    faults += [f"the drive is gone: {fault}" for fault in broken]
    if INSIDE.exists():
        faults += [f"half a release is there: {path}" for path in INSIDE.glob("*/.new-*")]
    stick.become("linear")
    faults += _play("import", 0, **luks, **inside)
    for env, release in RELEASES.items():
        try:
            Depot(INSIDE).verify(env, release, SIGNERS)
        except AirgapError as error:
            faults.append(str(error))
    return faults


def _breaks(stick: Stick) -> None:
    """Let the drive be gone soon after it was mounted."""
    end = time.monotonic() + LIMIT
    while not os.path.ismount(PLACE) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(STAYS)
    stick.become("error")


def _play(name: str, status: int, **variables: Any) -> list[str]:
    """Run a playbook; returns what is wrong afterwards."""
    variables |= {"deploy_allowed_signers": str(SIGNERS), "ansible_python_interpreter": sys.executable}
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "ANSIBLE_COLLECTIONS_PATH": str(CARGO / "collections"),
        "ANSIBLE_HOME": "/tmp/ansible",  # noqa: S108
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    options = ["-i", "localhost,", "-c", "local", "-e", json.dumps(variables), f"airgap.conda.{name}"]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PLAYBOOK, *options],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=LIMIT,
    )  # fmt: skip
    tell(playbook=name, seconds=round(time.monotonic() - started, 1), status=done.returncode)
    output = f"{done.stdout}{done.stderr}"
    faults = [] if done.returncode == status else [f"{name}: exit status {done.returncode}: {output[-2500:]}"]
    faults += [f"{name}: the drive is still open"] if MAPPER.exists() else []
    faults += [f"{name}: the drive is still mounted"] if os.path.ismount(PLACE) else []
    faults += [f"{name}: it tells the passphrase"] if PASSPHRASE in output else []
    faults += [f"{name}: a traceback"] if "Traceback" in output else []
    return faults
