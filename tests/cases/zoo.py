# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take every package of the zoo the whole way: build, deploy, verify, the user's shell, rollback, remove.

``./dev zoo`` runs it. The environments are made by the product's own steps, the host is this machine with a store in a
temporary folder whose path is longer than a first line of a script may be. Names given are those to look at alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import typed
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Finding
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.publish import Built, Signing, publish
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import diagnose, require_sound
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Request, make
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import PackRequest, pack
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import RattlerBackend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.tests.cases.animals import ANIMALS, PB, Animal, P
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_channel import SITE_PACKAGES as SITE
from ansible_collections.airgap.conda.tests.unit.tiny_channel import Content, TinyChannel, make_sdist, make_wheel
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key

SHELLS = tuple(shell for shell in ("bash", "dash", "zsh", "busybox sh", "fish") if shutil.which(shell.split()[0]))
# More than any kernel reads of a script's first line, less than conda's placeholder has room for.
LONG_ROOT = 150
# A Python in a package: that of the tests, which takes the environment for its own by pyvenv.cfg.
PYTHON = '#!/bin/bash\nexec -a "$0" {python} "$@"\n'
# Other Pythons are told by a module of theirs where their packages are, since none of them was built for this place.
PYENV = Path.home() / ".pyenv/versions"
OTHER_PYTHONS = {
    "python2.7": ("2.7", "lib/python2.7/site-packages"),
    "python3.6": ("3.6", "lib/python3.6/site-packages"),
    "freethreaded": ("3.13", "lib/python3.13t/site-packages"),
    "pypy": ("3.9", "lib/pypy3.9/site-packages"),
}
OTHER_PYTHON = '#!/bin/bash\nPYTHONPATH=${{0%/*}}/../{site} exec {python} "$@"\n'
CUSTOM = """\
import os, sysconfig
packages = os.path.dirname(os.path.abspath(__file__))
real = sysconfig.get_path
sysconfig.get_path = lambda name, *rest: packages if name in ("purelib", "platlib") else real(name, *rest)
"""
PIP = """\
import runpy, sys
sys.path.insert(0, {folder!r})
del sys.modules["pip"]
runpy.run_module("pip", run_name="__main__")
"""
# pip builds with it, and finds out what the compiler's package has set.
BACKEND = """\
import os, zipfile
def build_wheel(folder, settings=None, metadata=None):
    info = "sdist_native-1.0.dist-info/"
    files = {"sdist_native.py": "CC = %r" % os.environ["CC"], info + "RECORD": "",
             info + "METADATA": "Metadata-Version: 2.1\\nName: sdist-native\\nVersion: 1.0\\n",
             info + "WHEEL": "Wheel-Version: 1.0\\nGenerator: zoo\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    with zipfile.ZipFile(os.path.join(folder, "sdist_native-1.0-py3-none-any.whl"), "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
    return "sdist_native-1.0-py3-none-any.whl"
"""


class Zoo:
    """All that there is for a run, below one folder; it is gone when the run has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work, self.wheels = folder, folder / "work", folder / "wheels"
        self.root = folder / ("r" * (LONG_ROOT - len(f"{folder}/")))
        self.depot, self.store = Depot(folder / "depot"), Store(self.root)
        self.key, self.signers = make_key(folder)
        self.faults: list[str] = []
        os.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CACHE_DIR": str(folder / "cache")}
        self._write_wheels()

    def fault(self, who: str, what: str) -> None:
        """Note what is not as it should be, and say so."""
        self.faults.append(f"{who}: {what}")
        print(f"  NOT RIGHT  {who}: {what}", flush=True)

    # --- what there is to build ---------------------------------------------------------------------------------------

    def _write_wheels(self) -> None:
        (self.folder / "real/pip").parent.mkdir(parents=True)
        import pip

        (self.folder / "real/pip").symlink_to(Path(pip.__path__[0]))
        for version in ("1.0", "2.0"):
            make_wheel(self.wheels, "wheel_pure", version, {"wheel_pure/__init__.py": f"V = '{version}'\n"})
        info, data = "wheel_scripts-1.0.dist-info", "wheel_scripts-1.0.data"
        main = "def main():\n    print('console')\n"
        entries = (
            "[console_scripts]\nwheel-console = wheel_scripts:main\n[gui_scripts]\nwheel-gui = wheel_scripts:main\n"
        )
        files = {"wheel_scripts.py": main, f"{info}/entry_points.txt": entries, f"{data}/data/share/wheel": "x\n"}
        files |= {f"{data}/scripts/wheel-data": "#!python\nprint('data')\n"}
        make_wheel(self.wheels, "wheel_scripts", "1.0", files)
        make_wheel(self.wheels, "wheel_path", "1.0", {"wheel_path.py": f"P = '{self.work}/other/prefix/lib'\n"})
        make_sdist(self.wheels, "sdist_native", "1.0", BACKEND)

    def spec(self, env: str, animals: Sequence[Animal], release: str = "") -> Path:
        """Write a channel with the animals, and the spec of an environment that has them all."""
        channel = TinyChannel(self.folder / "channels" / env, P)
        self._add_python(channel, env)
        lines = ["python"] if any(animal.pip or animal.depends for animal in animals) else []
        for animal in animals:
            options = dict(animal.options)
            channel.placeholder = str(options.pop("placeholder", P))
            if animal.files or not animal.pip:
                channel.add(animal.name, animal.version, animal.depends, dict(animal.files), **options)
                lines.append(animal.name)
            for other in animal.lines:  # brings the same paths with another content
                changed = {
                    path: bytes(data) + b"other" for path, data in animal.files.items() if isinstance(data, bytes)
                }
                channel.add(other, "1.0", files=changed)
                lines.append(other)
        pip = [animal.pip for animal in animals if animal.pip]
        folder = self.folder / "envs" / env
        folder.mkdir(parents=True, exist_ok=True)
        content = {"channels": [env], "dependencies": [*lines, *([{"pip": pip}] if pip else [])]}
        (folder / "environment.yml").write_text(json.dumps(content), encoding="utf-8")
        (folder / "release.yml").write_text(release or "gpu: none\n", encoding="utf-8")
        return folder

    def _add_python(self, channel: TinyChannel, env: str) -> None:
        version, site = OTHER_PYTHONS.get(env, (SITE.split("/")[1].removeprefix("python"), SITE))
        base = Path(sys.base_prefix) / "bin" / SITE.split("/")[1]
        if env in OTHER_PYTHONS:
            python = next(PYENV.glob(f"{version}.*/bin/python"), base)
            files: dict[str, Content] = {"bin/python": OTHER_PYTHON.format(python=python, site=site).encode()}
            files |= {f"{site}/sitecustomize.py": CUSTOM.encode()}
        else:
            home = f"home = {base.parent}\ninclude-system-site-packages = false\n".encode()
            files = {"bin/python": PYTHON.format(python=base).encode(), "pyvenv.cfg": home}
        files |= {f"bin/python{version}": ("->", "python"), f"{site}/README": b""}
        channel.add("python", version, files=files, more={"python_site_packages_path": site})
        shim = PIP.format(folder=str(self.folder / "real")).encode()
        channel.add("pip", "25.0", ["python"], {f"{site}/pip/__init__.py": b"", f"{site}/pip/__main__.py": shim})

    # --- build --------------------------------------------------------------------------------------------------------

    def build(self, spec_folder: Path, serials: Sequence[int] = (1,)) -> list[str]:
        """Make, look at, pack and sign one environment, once for each serial; return the names of warnings."""
        spec, env = load_spec(spec_folder), spec_folder.name
        prefix, where = self.work / env / "prefix", str(spec_folder / "environment.yml")
        channels = Channels(spec.channels, (self.folder / "channels").as_uri(), where)
        backend = RattlerBackend(self.work / "cache")
        request = Request(prefix, spec, channels, spec.release.target, self.work / "cache", backend)
        made = make(request).environment
        built = Built(made.inputs_sha256, made.conda_lock, made.pip_lock, made.packages)
        names = []
        for serial in serials:
            release = f"{serial}-{made.inputs_sha256[:8]}"
            dest = str(self.root / env / release)
            findings = diagnose(prefix, spec, dest, work=self.work)
            require_sound(findings)
            names = [finding.check for finding in findings]
            allowed = tuple(finding.check for finding in findings if finding.allowed)
            folder = self.work / env / "pack"
            pack(PackRequest(prefix, folder, dest, spec.release.formats, allow=allowed))
            kept = tuple(typed(Finding, finding.as_dict()) for finding in findings)
            publish(self.depot, spec, release, folder, built, "0" * 64, {}, Signing(self.key, self.signers), kept)
        return names

    def refuse(self, animal: Animal) -> None:
        """Build an environment that must be refused with the right words, and not with an allowed finding."""
        env = f"no-{animal.name}"
        folder = self.spec(env, [animal], f"{animal.release}\n")
        text = ""
        try:
            self.build(folder)
        except AirgapError as error:
            text = str(error)
        if animal.refused not in text:
            self.fault(animal.name, f"wanted a refusal with {animal.refused!r}, found {text or 'none'}")
        if animal.allow:
            reason = f"{animal.release}\nallow: {{{animal.allow}: it is in the zoo}}\n"
            (folder / "release.yml").write_text(reason, encoding="utf-8")
            try:
                self.build(folder)
            except AirgapError as error:
                self.fault(animal.name, f"{animal.allow} cannot be allowed: {error}")

    # --- the host -----------------------------------------------------------------------------------------------------

    def play(self, name: str, **variables: object) -> None:
        """Run a playbook of the collection on the host."""
        hosts = {"workstations": {"hosts": {"zoo": {"ansible_connection": "local"}}}}
        (self.folder / "hosts.json").write_text(json.dumps(hosts), encoding="ascii")
        root = str(self.root)
        given = {"deploy_root": root, "verify_root": root, "report_root": root, "remove_root": root, **variables}
        given |= {"deploy_depot": str(self.depot.path), "deploy_allowed_signers": str(self.signers)}
        given["deploy_pin_signers"] = False  # this machine is no host of its
        words = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.folder / "hosts.json")]
        settings = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_HOME": str(self.folder / "ansible")}
        settings["PYTHONPATH"] = str(BYTECODE)
        done = subprocess.run(
            [*words, "-e", json.dumps(given), f"airgap.conda.{name}"],
            env={**os.environ, **settings, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("fatal", "ERROR"))]
            self.fault(name, "\n".join(said) or done.stdout[-2000:])

    def command(self, *words: str) -> str:
        """Run the host's own command."""
        program = self.root / "bin/airgap-envs"
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.fault(" ".join(words), done.stdout[-2000:] + done.stderr[-2000:])
        return done.stdout

    def use(self, env: str, animals: Sequence[Animal]) -> None:
        """Look at all animals of an environment as a user does, in each shell, and leave it again."""
        folder = self.root / env
        checks = [(animal.name, f"({animal.check}) >/dev/null 2>&1") for animal in animals if animal.check]
        left = '"left $CONDA_PREFIX$ACT_SETS$JAVA_HOME$CC"'
        variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        for shell in SHELLS:
            ending = ".fish" if shell == "fish" else ""
            lines = [f". {shlex.quote(f'{folder}/activate{ending}')}"]
            lines += [
                f"sh -c {shlex.quote(check)}; or echo {name}" if ending else f"{check} || echo {name}"
                for name, check in checks
            ]
            lines += ["deactivate", f"echo {left}"]
            command = [*shell.split(), "-c", "\n".join(lines)]
            done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
            *sick, last = [line for line in done.stdout.splitlines() if line] or [""]
            for name in sick:
                self.fault(name, f"its check fails in {shell}")
            if last != "left " or done.stderr:
                self.fault(env, f"{shell} ends with {last!r} {done.stderr[-500:]!r}")

    def require_plain(self, env: str) -> None:
        """See that nothing of the build is in a release."""
        tree = self.root / env / "current"
        for path in sorted(tree.resolve().rglob("*")):
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            record = path.parent.name == "conda-meta"  # says what stood in a file before it was installed
            if str(self.work).encode() in data or (PB[:60] in data and not record):
                self.fault(env, f"{path.relative_to(tree.resolve())} names the build")


def environments(animals: Sequence[Animal]) -> Iterator[tuple[str, list[Animal], str]]:
    """Yield the environments that are deployed: name, animals, release.yml."""
    runtime = f'#!/bin/sh\nexec {sys.executable} "$@"\n'.encode()
    yield "runtime", [Animal("zoo-runtime", {"bin/python": runtime})], "formats: [tar.gz]\n"
    for env in dict.fromkeys(animal.env for animal in animals if not animal.refused):
        inside = [animal for animal in animals if animal.env == env and not animal.refused]
        if env in OTHER_PYTHONS and env != "freethreaded" and not any(PYENV.glob(f"{OTHER_PYTHONS[env][0]}.*")):
            print(f"  no {env} here", flush=True)
            continue
        release = 'checks: {commands: ["true"]}\ntarget: {glibc: "2.28"}\n'
        yield env, inside, release + ("link_scripts: run\n" if env == "linked" else "")


def wait_for_shells(store: Store, env: str) -> None:
    """Wait for what holds a release for fish and csh: it looks every 5 s whether its shell is still there."""
    releases = [store.release(env, name) for name in store.releases(env)]
    for _turn in range(100):
        if not in_use(releases):
            return
        time.sleep(0.1)


def visit(zoo: Zoo, animals: Sequence[Animal], keep: bool) -> None:
    """Take all the whole way; with ``keep`` up to the removal."""
    deployed = list(environments(animals))
    for env, inside, release in deployed:
        try:
            names = zoo.build(zoo.spec(env, inside, release), (1, 2))
        except AirgapError as error:
            zoo.fault(env, str(error))
            return
        print(f"  built {env}: {len(inside)} packages; warnings: {', '.join(sorted(set(names))) or 'none'}", flush=True)
    envs = [env for env, _inside, _release in deployed if env != "runtime"]
    first = {env: zoo.depot.releases(env)[0] for env in envs}
    zoo.play("deploy", deploy_envs=envs, deploy_releases=first)
    zoo.play("deploy", deploy_envs=envs)
    zoo.play("report", report_path=str(zoo.folder / "page"))
    page = json.loads((zoo.folder / "page/report.json").read_text(encoding="utf-8"))
    for host in page["hosts"]:
        if host["verdict"] != "ok" or {item["env"] for item in host["envs"]} != {"runtime", *envs}:
            zoo.fault("the page", f"{host['verdict']}: {host['findings']} {[item['env'] for item in host['envs']]}")
    for env, inside, _release in deployed[1:]:
        zoo.require_plain(env)
        zoo.use(env, inside)
    zoo.command("verify")  # whoever used them as root has changed nothing
    for env, inside, _release in deployed[1:]:
        zoo.command("rollback", env)
        zoo.use(env, inside)
        if keep:
            continue
        wait_for_shells(zoo.store, env)
        uninstall(zoo.store, env, "", False)
        if (zoo.root / env).exists():
            zoo.fault(env, "something is left after the removal")


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="./dev zoo", description="Take every package of the zoo the whole way.")
    parser.add_argument("names", nargs="*", help="only these packages")
    parser.add_argument("--keep", action="store_true", help="leave all that was made, and say where it is")
    options = parser.parse_args()
    animals = [animal for animal in ANIMALS if not options.names or animal.name in options.names]
    began, spent = time.monotonic(), os.times()
    folder = Path(tempfile.mkdtemp(prefix="zoo-"))
    try:
        zoo = Zoo(folder)
        for animal in animals:
            if animal.refused:
                zoo.refuse(animal)
        visit(zoo, [animal for animal in animals if not animal.refused], options.keep)
    finally:
        if options.keep:
            print(f"  all of it is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    now = os.times()
    cpu = sum(now[:4]) - sum(spent[:4])
    refused = sum(bool(animal.refused) for animal in animals)
    print(
        f"{len(animals)} packages: {len(animals) - refused} to be green, {refused} to be refused; "
        f"{len(zoo.faults)} not right; {time.monotonic() - began:.0f} s, {cpu:.0f} s of CPU"
    )
    return int(bool(zoo.faults))


if __name__ == "__main__":
    sys.exit(main())
