# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Canaries in place of the secrets of a bastion: a build that used them leaves them nowhere, whoever left them.

Those of a host that serves itself are in canaries_host.py.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import lzma
import os
import random
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import canaries_host
import zstandard
from scenes import Share, World
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.publish import Built, Signing, publish
from ansible_collections.airgap.conda.plugins.module_utils._pack.pack import pack
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import TinyChannel, write_spec
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE
from ansible_collections.airgap.conda.tests.unit.tiny_pack import RELEASE, make_request
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, write_tree
from ansible_collections.airgap.conda.tests.unit.tiny_server import PASSWORD, TOKEN, USER, served

PROMISE = (
    "canaries for the secrets of bastion and host: none in a release, files, -vvvv output or processes of a build, in "
    "receipts, audit lines or the page"
)
# How many canaries are put at random places of random files.
RANDOM, RANDOM_LONG = 100, 3_000
PAIR = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRET = "canary+7f3a9c"  # noqa: S105 - none
SITE = "lib/python3.11/site-packages"
RECORD = '{{"name": "other", "version": "1", "url": "https://me:{}@host.example/c", "files": [], "link": {{}}}}'
# Where tools and people leave a secret in an environment: a path and its contents.
PLACES: dict[str, tuple[str, str]] = {
    "a file of a package": ("lib/tool.txt", "{}"),
    "a program": ("bin/started", "#!/bin/sh\nexport PASSWORD={}\n"),
    "a file that pip installed": ("share/pip.txt", "{}"),
    "byte code": (f"{SITE}/a/__pycache__/b.cpython-311.pyc", "\x00{}\x00"),
    "a hidden file": (".hidden/.state", "{}"),
    "conda's history": ("conda-meta/history", "# cmd: conda install -c https://me:{}@host.example/c tool\n"),
    "conda's record": ("conda-meta/other-1-0.json", RECORD),
    "conda's state": ("conda-meta/state", '{{"env_vars": {{"PASSWORD": "{}"}}}}'),
    "conda's configuration": (".condarc", "channels: ['https://host.example/t/{}/c']\n"),
    "pip's configuration": ("pip.conf", "[global]\nindex-url = https://me:{}@host.example/simple\n"),
    "pip's record": (f"{SITE}/tool-1.dist-info/direct_url.json", '{{"url": "https://me:{}@host.example/tool"}}'),
    "a netrc": ("home/.netrc", "machine host.example login me password {}\n"),
    "a key": ("home/.ssh/id", "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n"),
    "an activation script": ("etc/conda/activate.d/set.sh", "export TOKEN={}\n"),
    "a notebook": ("share/doc/first.ipynb", '{{"source": ["login(\\"{}\\")"]}}'),
    "a log": ("var/log/build.log", "{}"),
    "the name of a file": ("share/{}", "nothing"),
    "the name of a folder": ("share/{}/file", "nothing"),
    "where a link leads": ("share/link", "->{}"),
    "twine's configuration": ("home/.pypirc", "[pypi]\nusername = me\npassword = {}\n"),
    "npm's configuration": ("home/.npmrc", "//registry.example/:_authToken={}\n"),
    "git's configuration": ("src/.git/config", '[url "https://{}@git.example/"]\n\tinsteadOf = https://git.example/\n'),
    "uv's configuration": ("uv.toml", 'index-url = "https://{}@host.example/simple"\n'),
    "a proxy": ("etc/environment", "https_proxy=http://me:{}@proxy.example:3128\n"),
}


def run(world: World, share: Share) -> Tally:
    """Build with canaries for secrets, in one process; plant canaries in environments, in all."""
    tally = Tally("canaries", PROMISE)
    if share.number == 0:
        _a_build(tally, world.base / "bastion")
    if share.number == share.workers - 1:
        canaries_host.run(tally, world.base)
    key, _signers = make_key(world.base)
    forms = {name: write(SECRET) for name, write in FORMS.items()}
    plants = [(place, form, "as it is") for place in PLACES for form in forms]
    plants += [("a log", form, file) for form in forms for file in FILES]
    for place, form, file in share.of(plants):
        path, text = (part.format(forms[form]) for part in PLACES[place])
        is_link = text.startswith("->")
        planted = text if is_link else FILES[file](text.encode())
        fault = _planted(world.base / "plant", key, {path: planted}, must_be_refused=place == "a log")
        tally.case(f"{place}, {form}, {file}", fault)
        tally.counts["planted"] += 1
    numbers = random.Random(share.number)  # noqa: S311 - the same places every time
    for _round in share.of(range(RANDOM_LONG if share.long else RANDOM)):
        content = bytearray(numbers.randbytes(numbers.choice([100, 5_000, BLOCK + 50])))
        canary = forms[numbers.choice(list(forms))].encode()
        start = numbers.choice([numbers.randrange(len(content)), min(len(content), BLOCK) - len(canary) // 2])
        content[start : start + len(canary)] = canary
        tally.case(
            f"at {start} of {len(content)} bytes", _planted(world.base / "plant", key, {"lib/x": bytes(content)})
        )
        tally.counts["planted at random"] += 1
    return tally


def _zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("etc/file", content)
    return stream.getvalue()


def _in_tar(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("etc/file")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


# How a secret is written where it is planted.
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "as in an address": lambda secret: quote(secret, safe=""),
    "as in an address, lower case": lambda secret: quote(secret, safe="").lower(),
    "as it is sent": lambda secret: base64.b64encode(f"me:{secret}".encode()).decode(),
}
# What the file is that it is planted in.
FILES: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "gzip": gzip.compress,
    "zip": _zipped,
    "tar in xz": lambda content: lzma.compress(_in_tar(content)),
    "behind nine megabytes": lambda content: b"\xff" * (9 << 20) + content,
}


# --- a build ---------------------------------------------------------------------------------------------------------


@dataclass
class Bastion:
    """A bastion with secrets in every place where a build looks for them."""

    folder: Path
    canaries: dict[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> list[Path]:
        """The files that hold the secrets."""
        return [self.folder / name for name in ("home", "credentials.json", "key", "server")]

    def make(self, port: int) -> None:
        """Write the secrets, and a spec whose channels want them."""
        key, _signers = make_key(self.folder)
        self.canaries = {
            "the password of a channel": PASSWORD,
            "that password, as in an address": quote(PASSWORD, safe=""),
            "that password, as it is sent": PAIR,
            "the token of a channel": TOKEN,
            "a token of conda": "canary-condarc",
            "a password of pip": "canary-pip-conf",
            "a password in a variable": "canary-variable",
            "a password of a netrc": "canary-netrc",
            "a token of an address": "canary-addre55",
            "a token of rattler": "canary-rattler",
            "a token of npm": "canary-npm",
            "a password of git": "canary-git",
            "a password of a proxy": "canary-proxy",
            "the signing key": key.read_text(encoding="ascii").splitlines()[2],
        }
        home = {
            ".condarc": f"channels: ['https://conda.example/t/{self.canaries['a token of conda']}/c']\n",
            ".pip/pip.conf": f"[global]\nindex-url = https://me:{self.canaries['a password of pip']}@h.example/\n",
            ".netrc": f'machine h.example login me password "{self.canaries["a password of a netrc"]}"\n',
            ".conda/.condarc": f"channels: ['https://{self.canaries['a token of an address']}@h.example/c']\n",
            ".rattler/credentials.json": json.dumps({"h": {"BearerToken": self.canaries["a token of rattler"]}}),
            ".npmrc": f"//h.example/:_authToken={self.canaries['a token of npm']}\n",
            ".git-credentials": f"https://me:{self.canaries['a password of git']}@h.example\n",
        }
        write_tree(self.folder / "home", home)
        basic = {"BasicHTTP": {"username": USER, "password": "${CHANNEL_PASSWORD}"}}
        credentials = self.folder / "credentials.json"
        credentials.write_text(json.dumps({"127.0.0.1": basic, "localhost": {"CondaToken": TOKEN}}), encoding="ascii")
        credentials.chmod(0o600)
        channels = [f"http://127.0.0.1:{port}/basic/one", f"http://localhost:{port}/token/two"]
        spec = {"channels": channels, "dependencies": ["tool", "token-tool"]}
        write_spec(self.folder / "envs/demo", json.dumps(spec))

    def build(self) -> subprocess.CompletedProcess[str]:
        """Run the role with all that Ansible can say."""
        variables = {
            "ansible_python_interpreter": sys.executable,
            "build_envs": ["demo"],
            "build_envs_path": str(self.folder / "envs"),
            "build_work": str(self.folder / "work"),
            "build_depot": str(self.folder / "depot"),
            "build_signing_key": str(self.folder / "key"),
            "build_credentials": str(self.folder / "credentials.json"),
            "build_python": sys.executable,
            "build_target": {"glibc": "2.31"},
        }
        environment = {
            **os.environ,
            "HOME": str(self.folder / "home"),
            "PYTHONPATH": str(BYTECODE),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_REMOTE_TMP": str(self.folder / "ansible/remote"),
            "ANSIBLE_NOCOLOR": "true",
            "CHANNEL_PASSWORD": PASSWORD,
            "PIP_PROXY": f"me:{self.canaries['a password of a proxy']}@proxy.example:3128",
            "PIP_EXTRA_INDEX_URL": f"https://me:{self.canaries['a password in a variable']}@pip.example/simple",
        }
        command = ["ansible-playbook", "-vvvv", "-i", "localhost,", "-c", "local", "-e", json.dumps(variables)]
        return subprocess.run(
            [*command, "airgap.conda.build", "-e", "airgap_bastion=localhost"],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip


def _a_build(tally: Tally, folder: Path) -> None:
    for name in ("one", "two"):
        (folder / "server" / name).mkdir(parents=True)
    TinyChannel(folder / "server/one").add("tool", "1.0")
    TinyChannel(folder / "server/two").add("token-tool", "2.0")
    bastion = Bastion(folder)
    with served(folder / "server") as port:
        bastion.make(port)
        with _processes() as started:
            done = bastion.build()
    if done.returncode != 0:
        tally.case("a build with private channels", (done.stdout + done.stderr)[-3000:])
        return
    hold = b"".join(_contents(path) for path in bastion.sources)
    release = _contents(folder / "depot")
    left = [path for path in folder.iterdir() if path not in (*bastion.sources, folder / "depot")]
    # What was looked at, and what an ordinary look there has to see.
    looks = {
        "in the release": (release, b"share/tool"),
        "in what else the build wrote": (b"".join(_contents(path) for path in left), b"token-tool"),
        "in the output at -vvvv": ((done.stdout + done.stderr).encode(), b"PLAY RECAP"),
        "in the arguments of a process": (b"\n".join(started), b"ansible-playbook"),
    }
    for where, (content, wanted) in looks.items():
        tally.case(f"a look {where}", "" if wanted in content else f"it does not see {wanted.decode()}")
    for name, canary in bastion.canaries.items():
        for where, (content, _wanted) in looks.items():
            tally.case(f"{name} {where}", "it is there" if canary.encode() in content else "")
    tally.case("the look for canaries", "" if TOKEN.encode() in hold and b"canary-netrc" in hold else "it finds none")
    tally.counts["looked for"] = len(bastion.canaries) * len(looks)


@contextmanager
def _processes() -> Iterator[set[bytes]]:
    """Note the arguments of every process of the machine meanwhile, as anybody can read them."""
    seen: set[bytes] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.002):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _contents(path: Path) -> bytes:
    """Return all names and contents below a path, those of compressed files too."""
    parts: list[bytes] = []
    for file in sorted([path, *path.rglob("*")]):
        parts.append(os.fsencode(file.relative_to(path.parent)))
        if file.is_symlink():
            parts.append(os.fsencode(os.readlink(file)))
        elif file.is_file():
            content = file.read_bytes()
            parts.append(content)
            if file.suffix == ".zst":
                parts.append(_unpacked(content))
    return b"\n".join(parts)


def _unpacked(content: bytes) -> bytes:
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    try:
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            files = [archive.extractfile(member) for member in archive if member.isreg()]
            return b"\n".join([plain, *(file.read() for file in files if file)])
    except tarfile.TarError:
        return plain


# --- planted ---------------------------------------------------------------------------------------------------------


def _planted(folder: Path, key: Path, tree: dict[str, Any], must_be_refused: bool = False) -> list[str]:
    """Pack and publish an environment with a canary in it: it is refused without a word of it, or gone."""
    forms = [write(SECRET) for write in FORMS.values()]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    request = make_request(folder)
    for name, content in tree.items():
        is_link = isinstance(content, str) and content.startswith("->")
        write_tree(request.prefix, {name: Path(content[2:]) if is_link else content})
    write_tree(folder / "envs/demo", {"environment.yml": "channels: [a]\ndependencies: [tool]\n"})
    depot, built = Depot(folder / "depot"), Built("a" * 64, "@EXPLICIT\n", "", ({"name": "tool", "version": "1"},))
    secrets = (SECRET,)
    try:
        pack(replace(request, credentials=secrets))
        spec = load_spec(folder / "envs/demo")
        publish(depot, spec, RELEASE, request.dest, built, "b" * 64, {}, Signing(key), credentials=secrets)
    except AirgapError as error:
        said = f"{error} {error.as_result()}"
        faults = ["the error repeats it"] if any(form in said for form in forms) else []
        return [*faults, *(["something was published"] if depot.releases("demo") else [])]
    content = _contents(depot.path)
    found = must_be_refused or any(form.encode() in content for form in forms)
    return ["it is in the release"] if found else []
