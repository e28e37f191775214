# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole way, once: what `./dev demo` shows. It uses the collection as a user would, through its playbooks."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from story import CHECKOUT, StepFailed, Story

CACHE = CHECKOUT / ".cache"
DEMO = CACHE / "demo"
LAB = CHECKOUT / "tests" / "lab"
CHANNEL = CACHE / "lab" / "channel-demo"
NVIDIA = CHECKOUT / "tests" / "unit" / "data" / "nvidia"
USER_CODE = (
    "import os, sys, numpy; "
    "print('Python', sys.version.split()[0], '| numpy', numpy.__version__, "
    "'| mean of 0..9:', numpy.arange(10).mean(), '| release', os.path.basename(sys.prefix))"
)
# The hosts' release: the newest, since the controller is made from it too. The tests have older ones.
SUITE = "trixie"
# What the last tasks of a build and of a report say.
SAID = r'^ +"(?:msg": ")?(\S+ .*(?:built|nothing new since) [\w-]+|\d+ of \d+ hosts? (?:is|are) right)'
# What a site keeps as a playbook: docs/guide/refresh.md.
SCHEDULE = {
    "hosts": "controllers",
    "gather_facts": False,
    "roles": [{"role": "airgap.conda.schedule"}],
    "vars": {
        "schedule_side": "controller",
        "schedule_directory": "/srv/conda",
        "schedule_ansible_playbook": "/usr/bin/ansible-playbook",
        "schedule_jitter": "0",
    },
}
# The timer last fired 40 days ago, so that systemd makes up for the missed month at once. Waits until it has.
FIRED = """\
unit=airgap-conda-controller
touch -d '40 days ago' /var/lib/systemd/timers/stamp-$unit.timer
systemctl restart $unit.timer
for _ in $(seq 900); do
  ended=$(systemctl show -P ExecMainExitTimestampMonotonic $unit.service)
  if [ "$ended" != 0 ]; then break; fi
  sleep 0.2
done
echo "$unit.timer fired $(systemctl show -P LastTriggerUSec $unit.timer)," \
  "again $(systemctl show -P NextElapseUSecRealtime $unit.timer)"
journalctl -u $unit.service -o cat --no-pager
test "$ended" != 0 && test "$(systemctl show -P Result $unit.service)" = success
"""
INSTALL = "ansible-galaxy collection install /media/usb/airgap-conda-*.tar.gz"


@dataclass(frozen=True)
class Place:
    """Where the story happens: the inventory, the root of the hosts' stores, the hosts and how Ansible reaches them.

    ``gpu`` is the folder of the stand-in for a GPU on the first host.
    """

    inventory: Path
    root: str
    hosts: dict[str, dict[str, Any]]
    gpu: str

    @property
    def probe(self) -> dict[str, dict[str, str]]:
        """The first host's variables: what its GPU is looked at with."""
        tools = {"nvidia_smi": f"{self.gpu}/nvidia-smi", "proc": f"{self.gpu}/proc"}
        return {f"{role}_gpu_probe": tools for role in ("deploy", "verify", "report")}


def edit(path: Path, old: str, new: str) -> None:
    """Change a file as its author would; ``old`` has to be there."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise StepFailed(f"{path} has no {old!r}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def prepare(place: Place) -> dict[str, object]:
    """Write keys, specs, the stand-in and the inventory's variables, as a site would; returns those for all hosts."""
    for name in ("depot", "drive", "inside", "envs", "report", "gpu", "controller"):
        shutil.rmtree(DEMO / name, ignore_errors=True)
    (DEMO / "drive").mkdir()
    shutil.copytree(CHECKOUT / "envs", DEMO / "envs")
    spec = DEMO / "envs" / "demo"
    for package in ("pandas", "scipy", "pyarrow"):  # three quarters of the bytes, and nothing that this story needs
        edit(spec / "environment.yml", f"  - {package}\n", "")
    edit(spec / "release.yml", "imports: [numpy, pandas, scipy.stats, pyarrow, tqdm]", "imports: [numpy, tqdm]")
    edit(spec / "release.yml", "checks:\n", "gpu: optional\nchecks:\n")
    key = DEMO / "signing_key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "releases", "-f", str(key)], check=True)
    signers = DEMO / "allowed_signers"
    signers.write_text(f"bastion {key.with_suffix('.pub').read_text()}", encoding="utf-8")
    variables: dict[str, object] = {
        "build_envs": ["runtime", "demo"],
        "build_envs_path": str(DEMO / "envs"),
        "build_depot": str(DEMO / "depot"),
        "build_signing_key": str(key),
        "build_root": place.root,
        "build_work": str(DEMO / "work"),
        "build_channels": [CHANNEL.as_uri()],
        "build_target": {"glibc": "2.31"},
        "build_python": sys.executable,
        "media_drive": str(DEMO / "drive"),
        "media_require_mount": False,
        "deploy_envs": ["demo"],
        "deploy_depot": str(DEMO / "depot"),
        "deploy_allowed_signers": str(signers),
        "deploy_pin_signers": place.root.startswith("/opt/"),  # not on the machine of who tries it
        "deploy_root": place.root,
        "verify_root": place.root,
        "report_root": place.root,
        "report_path": str(DEMO / "report"),
    }
    write_json(place.inventory.parent / "group_vars" / "all.json", variables)
    first = next(iter(place.hosts))
    write_json(place.inventory.parent / "host_vars" / f"{first}.json", place.probe)
    stand_in(login(place.hosts[first]), place.gpu)
    return variables


def write_json(path: Path, content: object) -> None:
    """Write a file that Ansible reads as it reads YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def stand_in(host: list[str], where: str) -> None:
    """Give a host a program that answers as nvidia-smi does with a Quadro P2200, and the files of its driver."""
    gpu = DEMO / "gpu"
    (gpu / "proc" / "driver" / "nvidia").mkdir(parents=True)
    shutil.copy(NVIDIA / "nvidia-smi", gpu)
    shutil.copy(NVIDIA / "quadro-p2200-470.xml", gpu / "answer.xml")
    version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  Thu May  2 14:37:44 UTC 2024\n"
    (gpu / "proc" / "driver" / "nvidia" / "version").write_text(version, encoding="ascii")
    if host:
        send(host, gpu, ".", where)


def send(login: list[str], folder: Path, what: str, where: str) -> None:
    """Bring what is in a folder here to a folder of a host."""
    there = f"mkdir -p {where} && tar -x -C {where}"
    command = f"tar -C {shlex.quote(str(folder))} --owner=0 --group=0 -c {what} | {shlex.join([*login, there])}"
    subprocess.run(["sh", "-c", command], check=True)


def tool(name: str) -> str:
    """Return the path of a program of Ansible."""
    return str(Path(sys.executable).parent / name)


def playbook(story: Story, place: Place, name: str, *options: str) -> str:
    """Run one of the collection's playbooks, or a file, and show its recap."""
    command = [tool("ansible-playbook"), "-i", str(place.inventory), *options, name]
    output = story.run(
        command,
        ANSIBLE_COLLECTIONS_PATH=str(CACHE / "collections"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_HOST_KEY_CHECKING="true",
        ANSIBLE_LOCALHOST_WARNING="false",
        ANSIBLE_PIPELINING="true",
        PYTHONPATH=str(CHECKOUT / "tests/tools/bytecode"),
    )
    story.say(recap(output))
    return output


def recap(output: str) -> str:
    """Return what a run of Ansible said and how it ended, a line for each host."""
    said = re.findall(SAID, output, re.MULTILINE)
    lines = [line for line in output[output.rindex("PLAY RECAP") :].splitlines() if ": ok=" in line]
    return "\n".join(said + [re.sub(r"  +", "  ", line.split("rescued=")[0].strip()) for line in lines])


def use(story: Story, place: Place) -> None:
    """Log in to each host as a user does, activate the environment and run Python."""
    script = f'. {place.root}/demo/activate && python -c "{USER_CODE}"'
    commands = [[*(login(host) or ["sh", "-c"]), script] for host in place.hosts.values()]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda command: story.run(command, quiet=True), commands))
    for name, answer in zip(place.hosts, answers, strict=True):
        print(f"  $ ssh {name}" if login(place.hosts[name]) else "  $ sh", flush=True)
        story.say(answer)


def login(host: dict[str, Any]) -> list[str]:
    """Return the ssh command of a host of the lab; empty for this machine."""
    if "ansible_host" not in host:
        return []
    key = host["ansible_ssh_private_key_file"]
    options = host["ansible_ssh_common_args"].split()
    return ["ssh", *options, "-i", key, f"{host['ansible_user']}@{host['ansible_host']}"]


def lab_hosts(inventory: Path) -> dict[str, dict[str, Any]]:
    """Return the variables of each host of the lab."""
    command = [tool("ansible-inventory"), "-i", str(inventory), "--list"]
    listing = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return dict(sorted(listing["_meta"]["hostvars"].items()))


def tell(story: Story, place: Place, timer: Callable[[], None]) -> None:
    """The story itself, the same for container hosts and a local prefix."""
    story.chapter("Build, deploy and verify: one command")
    playbook(story, place, "airgap.conda.site")
    story.chapter("Work on the hosts, as a user")
    use(story, place)
    story.chapter("The author adds a package: a second release, and onto a drive")
    edit(DEMO / "envs" / "demo" / "environment.yml", "  - numpy\n", "  - numpy\n  - airgap-hello\n")
    playbook(story, place, "airgap.conda.refresh", "-e", "refresh_side=bastion")
    timer()
    report = json.loads((DEMO / "report" / "report.json").read_text(encoding="utf-8"))
    story.say("On the page (the GPU is a stand-in):")
    for host in report["hosts"]:
        story.say(
            "".join(f"{host['host']}: {e['env']} {e['release']}, GPU {e['gpu']}\n" for e in host["envs"] if e["gpu"])
        )
    use(story, place)
    story.chapter("Roll back")
    playbook(story, place, "airgap.conda.rollback", "-e", "rollback_env=demo")
    use(story, place)
    story.chapter("Deploy: the second release is still there, nothing is sent")
    playbook(story, place, "airgap.conda.deploy")


def by_hand(story: Story, place: Place) -> None:
    """Do what the timer does, from the drive and a depot that is empty, where there is no systemd to set one."""
    story.chapter("The drive reaches the controller (no systemd here for a timer: its command, by hand)")
    inside = ["-e", f"deploy_depot={DEMO / 'inside'}"]
    playbook(story, place, "airgap.conda.refresh", "-e", "refresh_side=controller", *inside)


def equip(story: Story, controller: dict[str, Any]) -> None:
    """Give the controller the collection as it comes on a drive, and install it there."""
    build = [tool("ansible-galaxy"), "collection", "build", "--force", "--output-path", str(DEMO / "drive")]
    story.run([*build, str(CHECKOUT)], quiet=True)
    ssh = login(controller)
    send(ssh, DEMO / "drive", ".", "/media/usb")
    story.run([*ssh, INSTALL], quiet=True)


def by_timer(story: Story, place: Place, controller: dict[str, Any], variables: dict[str, object]) -> None:
    """Carry the drive to a controller that the bastion does not reach, and let the timer there do the rest."""
    story.chapter("The drive reaches the controller, a machine of its own, where a timer does the rest")
    own = {
        "media_drive": "/media/usb",
        "deploy_batches": [1, "100%"],
        "deploy_depot": "/srv/conda/depot",
        "deploy_allowed_signers": "/srv/conda/allowed_signers",
        "report_path": "/srv/conda/report",
    }
    same = {name: value for name, value in variables.items() if not name.startswith("build_")}
    reach = ("ansible_host", "ansible_user", "ansible_become")
    hosts = {name: {key: host[key] for key in reach if key in host} for name, host in place.hosts.items()}
    next(iter(hosts.values())).update(place.probe)
    here = DEMO / "controller"
    write_json(here / "inventory" / "group_vars" / "all.json", {**same, **own})
    write_json(here / "inventory" / "hosts.json", {"workstations": {"hosts": hosts}})
    (here / "ansible.cfg").write_text("[ssh_connection]\npipelining = true\n", encoding="ascii")
    shutil.copy(DEMO / "allowed_signers", here)
    write_json(DEMO / "schedule.json", [SCHEDULE])
    ssh, key = login(controller), Path(controller["ansible_ssh_private_key_file"])
    for folder, what, where in (
        (here, ".", "/srv/conda"),
        (DEMO / "drive", ".", "/media/usb"),
        (key.parent, key.name, "/root/.ssh"),
        (place.inventory.parent, "known_hosts", "/root/.ssh"),
    ):
        send(ssh, folder, what, where)
    print("  $ ssh controller", INSTALL, flush=True)
    playbook(story, place, str(DEMO / "schedule.json"))
    print("  (a month goes by in which the controller is off)", flush=True)
    output = story.run([*ssh, FIRED], quiet=True)
    story.say(f"{output.splitlines()[0]}\n{recap(output)}")
    (DEMO / "report").mkdir()
    back = f"{shlex.join([*ssh, 'tar -c -C /srv/conda/report .'])} | tar -x -C {shlex.quote(str(DEMO / 'report'))}"
    subprocess.run(["sh", "-c", back], check=True)


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
        story.say(story.run([python, str(LAB / "channel.py"), "--small", str(CHANNEL)]))
        if options.local:
            print("\nNo container hosts: everything happens below .cache/demo/opt on this machine.", flush=True)
            shutil.rmtree(DEMO / "opt", ignore_errors=True)
            here = Place(DEMO / "inventory" / "hosts.json", str(DEMO / "opt"), {"here": {}}, str(DEMO / "gpu"))
            write_json(here.inventory, {"workstations": {"hosts": {"here": {"ansible_connection": "local"}}}})
            prepare(here)
            tell(story, here, lambda: by_hand(story, here))
        else:
            story.chapter("Three airgapped hosts without Python, and a controller")
            story.run([*hosts_py, "down", "--name", "demo"], quiet=True)
            chosen = ["--suite", SUITE, "--controller", "--bytecode", "--name", "demo"]
            story.say(story.run([*hosts_py, "up", "3", *chosen]))
            inventory = CACHE / "lab" / "demo" / "inventory.yml"
            hosts = lab_hosts(inventory)
            controller = hosts.pop("controller")
            lab = Place(inventory, "/opt/conda-envs", hosts, "/srv/gpu")
            variables = prepare(lab)
            with ThreadPoolExecutor() as aside:
                equipped = aside.submit(equip, story, controller)

                def timer() -> None:
                    equipped.result()
                    by_timer(story, lab, controller, variables)

                tell(story, lab, timer)
        story.summary()
        print(f"\nThe fleet page: {DEMO / 'report' / 'index.html'}")
    except StepFailed as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted; its hosts are taken down.", file=sys.stderr)
        return 130
    finally:
        if not options.keep and not options.local:
            subprocess.run([*hosts_py, "down", "--name", "demo"], stdout=subprocess.DEVNULL, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
