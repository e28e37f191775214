# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An ordinary user of a host: races, planted links, held locks, functions of a shell, shells that stay open."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import signal
import subprocess
import tarfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from scenes import ENV, Share, World, deploy_release, send
from tally import Tally
from trust_canary import SECRET

from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files
from ansible_collections.airgap.conda.plugins.module_utils._base import disk
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._first import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.plugins.module_utils._report.host import HostReport
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.tests.unit.tiny_release import PYTHON, make_release, release_id
from ansible_collections.airgap.conda.tests.unit.tiny_site import Site, make_site

NOBODY = 65534
# Seconds that something may take which nobody should keep waiting.
SOON = 20
RACES, RACES_LONG = 4, 200

Case = Callable[[World], list[str]]


def run(tally: Tally, world: World, share: Share) -> None:
    """Try every case of this worker's share."""
    for parent in (world.base.parent, world.base):
        parent.chmod(0o755)  # the folders of a host that a user reaches
    for name, case in share.of(list(cases(RACES_LONG if share.long else RACES))):
        for left in ("user", "opt"):
            shutil.rmtree(world.base / left, ignore_errors=True)
        place = world.base / "user"
        place.mkdir(mode=0o755)
        try:
            faults = case(world)
        except Exception:  # noqa: BLE001 - what went wrong is the fault
            faults = [traceback.format_exc()[-1500:]]
        tally.case(f"a user: {name}", faults)
        tally.counts[f"a user: {name.partition(':')[0]}"] += 1


def cases(races: int) -> Iterator[tuple[str, Case]]:
    """Yield everything that a user tries, by its name."""
    for umask in (0o022, 0):
        for what, act in ACTS.items():
            yield f"holds every lock that opens: {what}, umask {umask:03o}", partial(_with_locks, umask, act)
    for what, write in WRITES.items():
        for name in (".{}-new", ".{}.new", "{}-new", "{}", ".{}"):
            yield f"plants a link: {what}, at {name}", partial(_planted, write, name)
        yield f"plants links: {what}, all the time", partial(_planting, write)
    for name in (
        "env.tar.gz",
        "manifest.json.sig",
        "manifest.json",
        "files.json.zst",
        "activate",
        "compare",
        "scripts",
    ):
        for number in range(races):
            yield f"races the runtime's install: {name}, {number}", partial(_race, name)
    for shell in filter(shutil.which, ("sh", "bash", "zsh", "busybox")):
        for word in WORDS:
            yield f"has a function of a shell: {word} in {shell}", partial(_function, shell, word)
    for shell in filter(shutil.which, ("sh", "bash", "zsh", "fish", "tcsh")):
        yield f"leaves a shell open: {shell}", partial(_idle, shell)
    yield "leaves a shell open: in a store that is mounted elsewhere", _bound


@contextmanager
def user(work: Callable[[], None]) -> Iterator[None]:
    """Run ``work`` as an ordinary user in parallel with the block, once it reports that it is ready."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.dup2(writer, 99)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            work()
        finally:
            os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)


def ready() -> None:
    """Tell the block that it may begin."""
    with suppress(OSError):
        os.write(99, b"r")


def soon(act: Callable[[], object]) -> list[str]:
    """Do something in a child; returns what is wrong: a refusal, a traceback, or no end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(SOON)
        with open(writer, "w", encoding="utf-8", errors="replace") as stream:
            try:
                act()
                stream.write("done")
            except AirgapError as error:
                stream.write(str(error)[:500])
            except BaseException:  # noqa: BLE001 - told to the parent
                stream.write(traceback.format_exc()[-1000:])
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return [] if said == "done" else [said or f"no end within {SOON} s"]


# --- locks -----------------------------------------------------------------------------------------------------------


def _deploy(world: World) -> None:
    deploy_release(world, send(world, 3))


def _import(world: World) -> None:
    Site(world.base / "user/site").bring(envs=["demo"])


def _publish(world: World) -> None:
    with Depot(world.base / "user/site/inside").new_release(world.made[1].manifest):
        pass


ACTS: dict[str, Callable[[World], object]] = {
    "deploy": _deploy,
    "rollback": lambda world: rollback(world.store, ENV, release_id(1), False),
    "uninstall": lambda world: uninstall(world.store, ENV, release_id(1)),
    "repair": lambda world: repair(world.store, ENV, ["tar.zst"], None),
    "the command": lambda world: write_command(world.store),
    "import": _import,
    "publish": _publish,
}


def _with_locks(umask: int, act: Callable[[World], object], world: World) -> list[str]:
    site = world.base / "user/site"
    site.mkdir()
    make_site(site)
    shutil.copytree(site / "bastion", site / "drive/depot")
    # All that makes a lock has run here once.
    for serial in (1, 2):
        step = send(world, serial)
        before = os.umask(umask)
        try:
            deploy_release(world, step)
            write_command(world.store)
            if serial == 1:
                Site(site).bring(envs=["runtime"])
        finally:
            os.umask(before)
    # What is in a release may be used by anybody, and that keeps it from being removed.
    with user(partial(_hold, [world.store.root, site], f"{world.store.root / ENV}/")):
        return soon(partial(act, world))


def _hold(places: list[Path], but: str) -> None:
    """Lock all that opens, but for what is below one folder."""
    held = []
    for place in places:
        for path in (path for path in (place, *place.rglob("*")) if not str(path).startswith(but)):
            with suppress(OSError):
                held.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
                fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    ready()
    time.sleep(10 * SOON)


# --- links -----------------------------------------------------------------------------------------------------------


def _report(folder: Path) -> None:
    time = "2026-01-01T00:00:00Z"
    write_report(folder, ["ws-1"], {"ws-1": HostReport("ws-1", time, True)}, time, False)


# What is written, as root, to the name of a file in a folder in which a user may write.
WRITES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "replace_file": ("kernel.json", lambda folder: disk.replace_file(folder / "kernel.json", b"new", 0o666)),
    "replace_link": ("current", lambda folder: disk.replace_link(folder / "current", "1-00000001")),
    "a report's page": ("index.html", _report),
    "a report's JSON": ("report.json", _report),
}


def _victims(world: World) -> list[Path]:
    victim = world.base / "user/victim"
    victim.write_text(SECRET, encoding="ascii")
    victim.chmod(0o600)
    folder = world.base / "user/shared"
    folder.mkdir()
    folder.chmod(0o777)
    return [victim, folder]


def _harmed(victim: Path, folder: Path) -> list[str]:
    status = victim.stat()
    faults = (
        [] if victim.read_text(encoding="utf-8", errors="replace") == SECRET else ["a file of root's was overwritten"]
    )
    faults += [] if status.st_mode & 0o777 == 0o600 else [f"a file of root's has mode {status.st_mode & 0o777:o}"]
    told = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [*faults, *(f"{path.name} tells the secret" for path in told if SECRET.encode() in path.read_bytes())]


def _planted(write: tuple[str, Callable[[Path], None]], name: str, world: World) -> list[str]:
    victim, folder = _victims(world)
    with user(partial(_plant, folder / name.format(write[0]), victim)):
        pass
    # A refusal is as good as a file in the link's place.
    waited = [text for text in soon(partial(write[1], folder)) if text.startswith("no end")]
    return [*waited, *_harmed(victim, folder)]


def _plant(path: Path, victim: Path) -> None:
    path.symlink_to(victim)
    ready()


def _planting(write: tuple[str, Callable[[Path], None]], world: World) -> list[str]:
    victim, folder = _victims(world)
    with user(partial(_plant_all, folder, victim)):
        for _round in range(20):
            with suppress(AirgapError, OSError):
                write[1](folder)
    return _harmed(victim, folder)


def _plant_all(folder: Path, victim: Path) -> None:
    """Put a link in the place of whatever appears; a folder with the sticky bit would keep a user from that."""
    os.chdir(folder)
    ready()
    while True:
        for name in os.listdir():
            with suppress(OSError):
                os.unlink(name)
                os.symlink(victim, name)


# --- the runtime's install -------------------------------------------------------------------------------------------


def _race(name: str, world: World) -> list[str]:
    place = world.base / "user"
    root, tmp, secret, ran = place / "opt", place / "tmp", place / "secret", place / "ran"
    secret.write_text(SECRET, encoding="ascii")
    secret.chmod(0o600)
    made = make_release(place / "depot", root, 1, env="runtime", formats=("tar.gz",), part_size=1 << 20)
    shutil.copytree(made.folder, tmp)
    scripts = activate_files("runtime", root / "runtime")
    files = {**_install.programs(str(root)), **{name: text.encode() for name, text in scripts.items()}}
    for file, content in files.items():
        (tmp / file).write_bytes(content)
    (tmp / "evil").write_bytes(_evil(ran))
    for path in (tmp, *tmp.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    (place / "bin").mkdir()
    (place / "bin/sync").symlink_to("/bin/true")
    environment = {"PATH": f"{place / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
    script = _install.install_script(str(root), str(tmp), made.wanted)
    with user(partial(_exchange, tmp, name, secret)):
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environment, check=False)
    faults = ["a program of the user's ran as root"] if ran.exists() else []
    faults += ["the secret was told"] if SECRET in done.stderr + done.stdout else []
    found = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()] if root.is_dir() else []
    faults += [f"{path.name} holds the secret" for path in found if SECRET.encode() in path.read_bytes()]
    faults += [f"{path.name} holds what is the user's" for path in found if str(ran).encode() in path.read_bytes()]
    if done.returncode == 0:
        same = (root / "runtime/activate").read_text(encoding="utf-8", errors="replace") == scripts["activate"]
        faults += [] if same else ["activate is another"]
        faults += [] if (root / "runtime" / release_id(1) / "bin/python").read_text() == PYTHON else ["another python"]
    return faults


def _evil(ran: Path) -> bytes:
    stream, program = io.BytesIO(), f"#!/bin/sh\nid >{ran}\n".encode()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("bin/python")
        member.mode, member.size = 0o755, len(program)
        archive.addfile(member, io.BytesIO(program))
    return stream.getvalue()


def _exchange(tmp: Path, name: str, secret: Path) -> None:
    """Let a name be the good file, another one and a link, in turn and without an end."""
    os.chdir(tmp)
    shutil.copyfile(name, "good")
    number = 0
    while True:
        number += 1
        with suppress(OSError):
            if number % 3 == 0:
                os.symlink(secret, "new")
            else:
                os.link("good" if number % 3 == 1 else "evil", "new")
            os.rename("new", name)
        if number == 3:
            ready()


# --- shells ----------------------------------------------------------------------------------------------------------

WORDS = ("cd", "pwd", "echo", "command", "test", "printf", "hash", "readlink", "dirname", "local", "type", "true")


def _function(shell: str, word: str, world: World) -> list[str]:
    """Source activate in a shell whose user has a function of that name: it is right, or it says that it is not."""
    deploy_release(world, send(world, 1))
    activate = world.store.root / ENV / "activate"
    define = f"{word}() {{ CDPATH=/tmp; \\builtin echo hijacked 2>/dev/null; return 0; }}"
    script = f'{define}\n. "{activate}" >/dev/null\n/bin/sh -c \'printf "%s\\n" "$1"\' sh "status $? $CONDA_PREFIX"'
    command = ["busybox", "sh"] if shell == "busybox" else [shell]
    done = subprocess.run([*command, "-c", script], capture_output=True, text=True, cwd="/", check=False, timeout=SOON)
    said = done.stdout.splitlines()[-1:]
    wanted = f"status 0 {world.store.release(ENV, release_id(1))}"
    wrong = said and said[0].startswith("status 0 ") and said[0] != wanted
    return [f"{said[0]}, and not {wanted}"] if wrong else []


def _idle(shell: str, world: World) -> list[str]:
    """Let a shell that sourced activate do nothing during two deploys."""
    folder = world.store.root / ENV
    source = {"fish": f"source {folder}/activate.fish", "tcsh": f"source {folder}/activate.csh"}
    wait = "set line = $<" if shell == "tcsh" else "read line"
    return _stays(world, [shell, "-c", f"{source.get(shell, f'. {folder}/activate')}; echo open; {wait}"], NOBODY)


def _bound(world: World) -> list[str]:
    """Work in a release whose store is mounted at another place, as a container does; mounting takes root."""
    place = world.base / "user/elsewhere"
    place.mkdir()
    script = 'mount --bind "$0" "$1" && cd "$1/$2/current/" && echo open; read line'
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
    return _stays(world, [*command, str(world.store.root), str(place), ENV], 0)


def _stays(world: World, command: list[str], uid: int) -> list[str]:
    for serial in (1, 2):
        deploy_release(world, send(world, serial), keep=1)
    used = world.store.release(ENV, release_id(2))
    environment = {"HOME": "/nonexistent", "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        env=environment,
        user=uid,
        group=uid,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.readline()
        for serial in (3, 4):
            deploy_release(world, send(world, serial), keep=1)
        faults = [] if said == "open\n" else [f"it says {said!r}"]
        faults += [] if used.is_dir() else ["its release was removed"]
        process.stdin.close()
        process.wait(SOON)
    return faults
