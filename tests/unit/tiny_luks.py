# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-ins for community.crypto, ansible.posix, lsblk, blkid and mkfs: an encrypted drive that is a file of JSON.

They note what they are asked, and do what the real ones do as far as the role can see.
"""

from __future__ import annotations

import functools
import json
import os
import pty
import select
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils import _progress
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE
from ansible_collections.airgap.conda.tests.unit.tiny_playbook import run_playbook

# A block device that nothing uses.
DEVICE = "/dev/loop7"
PASSPHRASE = "open sesame 17"  # noqa: S105 - of a stand-in

MODULE = """\
#!/usr/bin/python
DOCUMENTATION = "module: {name}\\nshort_description: stand-in\\noptions: {{}}"
import json, os
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

FOLDER = Path(os.environ["STAND_INS"])

def main():
    module = AnsibleModule(argument_spec={spec}, supports_check_mode=True)
    asked = {{key: value for key, value in module.params.items() if value is not None}}
    state = json.loads((FOLDER / "state").read_text())
    argv = Path("/proc/self/cmdline").read_bytes().decode(errors="replace")
    with open(FOLDER / "log", "a") as stream:
        stream.write(json.dumps({{"name": {name!r}, "asked": asked, "check": module.check_mode, "argv": argv}}) + "\\n")
    before = dict(state)
{body}
    if not module.check_mode:
        (FOLDER / "state").write_text(json.dumps(state))
    module.exit_json(changed=state != before)

main()
"""
LUKS = """\
    def secret():
        file = asked.get("keyfile")
        return Path(file).read_text() if file else asked.get("passphrase")
    if asked["state"] == "present":
        state.update(luks=secret(), filesystem="", content="crypto_LUKS")
    if asked["state"] == "opened":
        if state["luks"] != secret():
            module.fail_json(msg="Error while opening encrypted container: No key available with this passphrase.")
        state["open"] = asked["name"]
    if asked["state"] == "closed":
        if state["mounted"]:
            module.fail_json(msg="Device is still in use")
        state["open"] = ""
"""
MOUNT = """\
    if asked["state"] == "ephemeral":
        if state.get("broken"):
            module.fail_json(msg="Error mounting: wrong fs type")
        state["mounted"] = asked["path"]
    if asked["state"] == "unmounted":
        state["mounted"] = ""
"""
LUKS_SPEC = """dict(device={}, name={}, state={}, type={}, keyfile={}, passphrase=dict(no_log=True))"""
MOUNT_SPEC = "dict(src={}, path={}, fstype={}, opts={}, state={})"
PROGRAM = """\
#!{python}
import json, sys
from pathlib import Path
FOLDER = Path({folder!r})
state, name = json.loads((FOLDER / "state").read_text()), Path(sys.argv[0]).name
with open(FOLDER / "log", "a") as stream:
    stream.write(json.dumps({{"name": name, "asked": sys.argv[1:]}}) + "\\n")
if name == "lsblk":
    node = dict(name={device!r}, type="loop", size=32 << 20, model="Ultra", serial="4C53", mountpoint=None)
    if state["open"]:
        node["children"] = [dict(name="/dev/mapper/" + state["open"], type="crypt", size=16 << 20,
                                 mountpoint=state["mounted"] or None)]
    print(json.dumps(dict(blockdevices=[node])))
elif name == "blkid":
    found = state["filesystem"] if "mapper" in sys.argv[-1] else state["content"]
    if not found:
        sys.exit(2)
    print("TYPE=" + found)
else:
    state["filesystem"] = name.partition(".")[2]
    (FOLDER / "state").write_text(json.dumps(state))
"""

# Of each: a text to wait for, what is typed then, and what is done before.
Answers = Sequence[tuple[str, str, Callable[[], Any]]]


@functools.cache
def collections() -> tempfile.TemporaryDirectory[str]:
    """Make the modules, once for all tests; the variable STAND_INS says which drive they are of."""
    place = tempfile.TemporaryDirectory(prefix="collections-")
    for name, spec, body in (
        ("community.crypto.luks_device", LUKS_SPEC, LUKS),
        ("ansible.posix.mount", MOUNT_SPEC, MOUNT),
    ):
        space, collection, module = name.split(".")
        folder = Path(place.name) / "ansible_collections" / space / collection / "plugins/modules"
        folder.mkdir(parents=True)
        text = MODULE.format(name=module, spec=spec.replace("={}", "=dict()"), body=body)
        (folder / f"{module}.py").write_text(text, encoding="ascii")
    return place


@dataclass
class Luks:
    """The stand-ins in a folder, and what they were asked."""

    folder: Path
    # Whether the controller has the modules.
    has_modules: bool = True

    def make(self, **state: Any) -> None:
        """Make them; ``state`` is what differs from an encrypted drive with ext4 that is closed."""
        usual = {"luks": PASSPHRASE, "content": "crypto_LUKS", "filesystem": "ext4", "open": "", "mounted": ""}
        self.folder.mkdir(parents=True)
        self.state = {**usual, **state}
        (self.folder / "log").touch()
        for name in ("lsblk", "blkid", "mkfs.ext4", "mkfs.vfat", "mkfs.exfat"):
            path = self.folder / "bin" / name
            path.parent.mkdir(exist_ok=True)
            text = PROGRAM.format(python=sys.executable, folder=str(self.folder), device=DEVICE)
            path.write_text(text, encoding="ascii")
            path.chmod(0o755)

    @property
    def state(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "state").read_text(encoding="ascii")))

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        (self.folder / "state").write_text(json.dumps(state), encoding="ascii")

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log").read_text(encoding="ascii").splitlines()]

    def steps(self) -> list[str]:
        """Return what changed something, in order."""
        return [f"{one['name']} {one['asked']['state']}" for one in self.log() if isinstance(one["asked"], dict)]

    def command(self, play: Path, *options: str) -> tuple[list[str], dict[str, str]]:
        program, ours = Path(sys.executable).with_name("ansible-playbook"), Path(_progress.__file__).parents[5]
        # A site may have something for Python beside the programs.
        brought = f"{self.folder / 'bin'}:" if (self.folder / "bin/sitecustomize.py").exists() else ""
        env = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_COLLECTIONS_PATH": f"{ours}:{collections().name}" if self.has_modules else str(ours),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "PYTHONPATH": f"{brought}{BYTECODE}",
            "STAND_INS": str(self.folder),
        }
        return [str(program), "-i", "localhost,", str(play), *options], env

    def play(self, play: Path, *options: str) -> tuple[int, str]:
        """Run a playbook without a terminal; returns its exit status and what it said."""
        command, env = self.command(play, *options)
        done = run_playbook(command, env)
        return done.returncode, done.stdout

    def typed(self, play: Path, answers: Answers, *options: str) -> tuple[int, str]:
        """Run a playbook in a terminal; when the next text is seen, do something and type an answer."""
        command, env = self.command(play, *options)
        process, terminal = pty.fork()
        if process == 0:
            os.execve(command[0], command, env)  # noqa: S606
        said, seen, left, end = "", 0, list(answers), time.monotonic() + 500
        usual = termios.tcgetattr(terminal)[3]
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                said += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break
            if left and left[0][0] in said[seen:]:
                seen = len(said)
                # The prompt is there before Ansible sets the terminal to read, and drops what was typed until then.
                while termios.tcgetattr(terminal)[3] == usual and time.monotonic() < end:
                    time.sleep(0.01)
                time.sleep(0.3)
                _text, answer, act = left.pop(0)
                act()
                os.write(terminal, f"{answer}\r".encode())
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), said
