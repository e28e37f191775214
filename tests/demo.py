# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole way, once: what `./dev demo` shows. It uses the collection as a user would, through its playbooks."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
CACHE = CHECKOUT / ".cache"
DEMO = CACHE / "demo"
LAB = CHECKOUT / "tests" / "lab"
CHANNEL = CACHE / "lab" / "channel"
USER_CODE = (
    "import os, sys, numpy, pandas, pyarrow; "
    "print('Python', sys.version.split()[0], '| numpy', numpy.__version__, '| pandas', pandas.__version__, "
    "'| pyarrow', pyarrow.__version__, '| mean of 0..9:', numpy.arange(10).mean(), '| release', "
    "os.path.basename(sys.prefix))"
)


class StepFailed(Exception):
    """A command of the demo failed; its output was shown."""


@dataclass
class Story:
    """Runs commands, says what they are for, and remembers how long each chapter took."""

    started: float = field(default_factory=time.monotonic)
    chapters: list[tuple[str, float]] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.chapters.append((title, time.monotonic()))
        print(f"\n=== {title}", flush=True)

    def run(self, command: list[str], quiet: bool = False, **variables: str) -> str:
        """Run a command and return its output; a failing one ends the demo with all of its output."""
        if not quiet:
            print(f"  $ {_shorten(command)}", flush=True)
        environment = {**os.environ, **variables}
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode != 0:
            print(done.stdout)
            raise StepFailed(f"exit status {done.returncode} of: {_shorten(command)}")
        return done.stdout

    def say(self, text: str) -> None:
        """Print the lines of ``text`` as the answer to the last command."""
        for line in text.strip().splitlines():
            print(f"    {line}", flush=True)

    def summary(self) -> None:
        """Print every chapter with its seconds."""
        ends = [begin for _title, begin in self.chapters[1:]] + [time.monotonic()]
        print("\n=== How long it took")
        for (title, begin), end in zip(self.chapters, ends, strict=True):
            print(f"    {end - begin:6.1f} s  {title}")
        print(f"    {time.monotonic() - self.started:6.1f} s  in all")


def _shorten(command: list[str]) -> str:
    words = [Path(command[0]).name, *command[1:]]
    return " ".join(words).replace(f"{CHECKOUT}/", "")


def prepare(root: str) -> Path:
    """Write the keys and the variables that a site would keep in its group_vars; returns the variables' file."""
    shutil.rmtree(DEMO / "depot", ignore_errors=True)
    shutil.rmtree(DEMO / "envs", ignore_errors=True)
    shutil.rmtree(DEMO / "report", ignore_errors=True)
    shutil.copytree(CHECKOUT / "envs", DEMO / "envs")
    key = DEMO / "signing_key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "releases", "-f", str(key)], check=True)
    signers = DEMO / "allowed_signers"
    signers.write_text(f"bastion {key.with_suffix('.pub').read_text()}", encoding="utf-8")
    variables = {
        "build_envs": ["runtime", "demo"],
        "build_envs_path": str(DEMO / "envs"),
        "build_depot": str(DEMO / "depot"),
        "build_signing_key": str(key),
        "build_root": root,
        "build_work": str(DEMO / "work"),
        "build_channels": [CHANNEL.as_uri()],
        "build_target": {"glibc": "2.31"},
        "build_python": sys.executable,
        "deploy_envs": ["demo"],
        "deploy_depot": str(DEMO / "depot"),
        "deploy_allowed_signers": str(signers),
        "deploy_root": root,
        "verify_root": root,
        "report_root": root,
        "report_path": str(DEMO / "report"),
    }
    path = DEMO / "variables.json"
    path.write_text(json.dumps(variables, indent=1), encoding="utf-8")
    return path


def playbook(story: Story, name: str, inventory: Path, variables: Path, *options: str) -> str:
    """Run one of the collection's playbooks and show its recap."""
    ansible = str(Path(sys.executable).parent / "ansible-playbook")
    command = [ansible, "-i", str(inventory), "-e", f"@{variables}", *options, f"airgap.conda.{name}"]
    output = story.run(
        command,
        ANSIBLE_COLLECTIONS_PATH=str(CACHE / "collections"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_HOST_KEY_CHECKING="true",
        ANSIBLE_LOCALHOST_WARNING="false",
    )
    story.say("\n".join(re.findall(r'"msg": "(.*: nothing new.*)"', output)))
    story.say(re.sub(r"  +unreachable", "  unreachable", output[output.rindex("PLAY RECAP") :].split("\n", 1)[1]))
    return output


def use(story: Story, hosts: dict[str, list[str]], root: str) -> None:
    """Log in to each host as a user does, activate the environment and run Python."""
    for name, login in hosts.items():
        script = f'. {root}/demo/activate && python -c "{USER_CODE}"'
        print(f"  $ ssh {name}" if login else "  $ sh", flush=True)
        command = [*login, script] if login else ["sh", "-c", script]
        story.say(story.run(command, quiet=True))


def second_release() -> None:
    """Change the spec as its author would: one more package, and a check that it imports."""
    spec = DEMO / "envs" / "demo"
    environment = (spec / "environment.yml").read_text(encoding="utf-8")
    changed = environment.replace("  - numpy\n", "  - numpy\n  - airgap-hello\n")
    if changed == environment:
        raise StepFailed("envs/demo/environment.yml has no line '  - numpy' to add a package after")
    (spec / "environment.yml").write_text(changed, encoding="utf-8")


def logins(inventory: Path) -> dict[str, list[str]]:
    """Return the ssh command of each host of the lab's inventory."""
    ansible_inventory = str(Path(sys.executable).parent / "ansible-inventory")
    listing = subprocess.run([ansible_inventory, "-i", str(inventory), "--list"], capture_output=True, check=True)
    hosts = json.loads(listing.stdout)["_meta"]["hostvars"]
    commands = {}
    for name, host in sorted(hosts.items()):
        options = host.get("ansible_ssh_common_args", "").split()
        key = host["ansible_ssh_private_key_file"]
        commands[name] = ["ssh", *options, "-i", key, f"{host['ansible_user']}@{host['ansible_host']}"]
    return commands


def tell(story: Story, inventory: Path, variables: Path, hosts: dict[str, list[str]], root: str) -> None:
    """The story itself, the same for container hosts and a local prefix."""
    story.chapter("Build, deploy and verify: one command")
    playbook(story, "site", inventory, variables)
    story.chapter("Work on the hosts, as a user")
    use(story, hosts, root)
    story.chapter("A second release: the author adds a package, the same command again")
    second_release()
    playbook(story, "site", inventory, variables)
    use(story, hosts, root)
    story.chapter("Roll back")
    playbook(story, "rollback", inventory, variables, "-e", "env=demo")
    use(story, hosts, root)
    story.chapter("Deploy release 1 where it is current already: nothing to do")
    first = sorted(path.name for path in (DEMO / "depot" / "demo").glob("1-*"))[0]
    playbook(story, "deploy", inventory, variables, "-e", json.dumps({"deploy_releases": {"demo": first}}))
    story.chapter("The fleet page")
    playbook(story, "report", inventory, variables)
    story.say(f"open {DEMO / 'report' / 'index.html'}")


def main() -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument("--local", action="store_true", help="use a prefix on this machine instead of container hosts")
    parser.add_argument("--keep", action="store_true", help="leave the hosts up at the end")
    options = parser.parse_args()
    story = Story()
    DEMO.mkdir(parents=True, exist_ok=True)
    python = sys.executable
    hosts_py = [python, str(LAB / "hosts.py")]
    try:
        story.chapter("A conda channel on this machine")
        story.say(story.run([python, str(LAB / "channel.py"), str(CHANNEL)]))
        if options.local:
            print("\nNo container hosts: everything happens below .cache/demo/opt on this machine.")
            shutil.rmtree(DEMO / "opt", ignore_errors=True)
            inventory = DEMO / "inventory.yml"
            inventory.write_text(
                "workstations:\n  hosts:\n    here:\n      ansible_connection: local\n", encoding="utf-8"
            )
            root = str(DEMO / "opt")
            tell(story, inventory, prepare(root), {"here": []}, root)
        else:
            story.chapter("Three airgapped hosts without Python")
            story.run([*hosts_py, "down", "--name", "demo"], quiet=True)
            story.say(story.run([*hosts_py, "up", "3", "--name", "demo"]))
            inventory = CACHE / "lab" / "demo" / "inventory.yml"
            tell(story, inventory, prepare("/opt/conda-envs"), logins(inventory), "/opt/conda-envs")
            if not options.keep:
                story.chapter("Clean up")
                story.run([*hosts_py, "down", "--name", "demo"])
        story.summary()
    except StepFailed as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
