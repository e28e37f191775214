# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scripts that conda runs when it has installed a package: named, or run, with the same result for every backend."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import Complained
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import diagnose
from ansible_collections.airgap.conda.plugins.module_utils._environment.link_scripts import only_tells
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Outcome, Request, make
from ansible_collections.airgap.conda.plugins.module_utils._pack.tree import make_tree
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import Backend, RattlerBackend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import PLACEHOLDER, Content, TinyChannel, write_spec
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import snapshot

pytest.importorskip("rattler")

# What conda's scripts count on: its variables, the activated environment, bash, bin first on PATH and to work in.
SCRIPT = """\
mkdir -p "$PREFIX/share/made"
function say() { echo "$1"; }
say "$PKG_NAME $PKG_VERSION $PKG_BUILDNUM ${PATH%%:*} $CONDA_PREFIX $PWD $FLAG" > "$PREFIX/share/made/$PKG_NAME"
echo "$PKG_NAME" >> "$PREFIX/share/order"
echo "Read the licence of $PKG_NAME." >> "$PREFIX/.messages.txt"
"""


class ProgramBackend(RattlerBackend):
    """Does as conda does: runs the scripts as a part of the install."""

    runs_link_scripts = True

    def install(self, packages: Sequence[CondaPackage], prefix: Path, target: Target) -> None:
        super().install(packages, prefix, target)
        for name in ("base", "data"):
            variables = {"PREFIX": str(prefix), "CONDA_PREFIX": str(prefix), "FLAG": "on", "PKG_NAME": name}
            variables |= {"PKG_VERSION": "1.0", "PKG_BUILDNUM": "0", "PATH": f"{prefix}/bin:/usr/bin:/bin"}
            script = f"{prefix}/bin/.{name}-post-link.sh"
            subprocess.run(["bash", script], env=variables, cwd=prefix / "bin", check=True)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder, self.prefix = folder, folder / "prefixes/demo"
        self.channel = TinyChannel(folder / "near")
        flag = {"etc/conda/activate.d/flag.sh": b"export FLAG=on\n"}
        self.channel.add("base", "1.0", files={"bin/.base-post-link.sh": SCRIPT.encode(), **flag})
        self.channel.add("data", "1.0", ["base"], files={"bin/.data-post-link.sh": SCRIPT.encode()})

    def make(self, dependency: str = "data", release: str = "link_scripts: run\n", kind: str = "rattler") -> Outcome:
        write_spec(self.folder / "demo", f"channels: [near]\ndependencies: [{dependency}]\n", release)
        backends: dict[str, type[RattlerBackend]] = {"rattler": RattlerBackend, "program": ProgramBackend}
        backend: Backend = backends[kind](self.folder / "cache")
        spec = load_spec(self.folder / "demo")
        channels = Channels(spec.channels, self.folder.as_uri(), "environment.yml")
        request = Request(self.prefix, spec, channels, spec.release.target, self.folder / "cache")
        return make(replace(request, backend=backend))

    def findings(self) -> list[Complained]:
        return diagnose(self.prefix, load_spec(self.folder / "demo"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("kind", ["rattler", "program"])
def test_a_script_that_was_not_run_is_named(world: World, kind: str) -> None:
    world.make(release="", kind=kind)
    assert [(item.check, item.stops) for item in world.findings()] == [("link-script-not-run", True)] * 2
    error = world.findings()[1].as_error()
    assert error.found == "data 1.0 (conda, channel near): bin/.data-post-link.sh"
    assert "`link_scripts: run`" in error.remedy
    assert error.where == str(world.folder / "demo/release.yml")
    assert not (world.prefix / "share").exists()
    assert not (world.prefix / ".messages.txt").exists()


@pytest.mark.parametrize("kind", ["rattler", "program"])
def test_it_can_be_allowed_with_a_reason(world: World, kind: str) -> None:
    world.make(release="allow: {link-script-not-run: the data are elsewhere}\n", kind=kind)
    assert {(item.stops, item.allowed) for item in world.findings()} == {(False, "the data are elsewhere")}
    assert not (world.prefix / "share").exists()


def test_the_scripts_run_as_conda_runs_them_in_the_order_of_dependencies(world: World) -> None:
    outcome = world.make()
    prefix = world.prefix
    text = (prefix / "share/made/data").read_text()
    assert text == f"data 1.0 0 {prefix}/bin {prefix} {prefix}/bin on\n"
    assert (prefix / "share/order").read_text() == "base\ndata\n"
    assert outcome.messages == ["Read the licence of base.", "Read the licence of data."]
    assert not (prefix / ".messages.txt").exists()
    assert world.findings() == []
    assert "link" in outcome.durations
    again = world.make()
    assert (again.changed, again.messages) == (False, [])


def test_every_backend_gives_the_same(world: World) -> None:
    found = []
    for release in ("link_scripts: run\n", "allow: {link-script-not-run: x}\n"):
        for kind in ("rattler", "program"):
            subprocess.run(["rm", "-rf", str(world.prefix)], check=True)
            world.make(release=release, kind=kind)
            found.append(snapshot(world.prefix))
    assert found[0] == found[1]
    assert found[2] == found[3]


def test_a_script_that_fails_stops_the_build_with_its_words(world: World) -> None:
    script = b'echo "Cannot fetch" >&2\necho "Ask for help" > "$PREFIX/.messages.txt"\nexit 3\n'
    world.channel.add("broken", "2.0", files={"bin/.broken-post-link.sh": script})
    with raised("link-script-failed", problem=r"post-link .*broken 2\.0") as caught:
        world.make("broken")
    assert caught.value.found == "exit status 3: Cannot fetch; message: Ask for help"
    assert not world.prefix.exists()


def test_other_scripts_of_conda(world: World) -> None:
    files = {"bin/.odd-pre-link.sh": b"exit 1\n", "bin/.odd-pre-unlink.sh": b"exit 1\n"}
    world.channel.add("odd", "1.0", files={**files, "bin/.other-post-link.sh": b"exit 1\n"})
    world.make("odd")
    (finding,) = world.findings()  # what runs before a removal never runs: a release is removed whole
    assert finding.found == "odd 1.0 (conda, channel near): bin/.odd-pre-link.sh"
    assert finding.remedy.startswith("remove `- odd`")


def test_packages_that_depend_on_each_other(world: World) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        world.channel.add(name, "1.0", [f"{other} >=1", "data"], {f"bin/.{name}-post-link.sh": SCRIPT.encode()})
    world.make("b")
    assert (world.prefix / "share/order").read_text() == "base\ndata\nb\na\n"


def test_an_older_marker_says_nothing_of_scripts(world: World) -> None:
    world.make(release="")
    marker = world.prefix / "conda-meta/airgap-conda"
    content = json.loads(marker.read_text())
    del content["link_scripts"]
    marker.write_text(json.dumps(content))
    assert not world.make(release="").changed
    assert len(world.findings()) == 2
    marker.unlink()  # made by something else, which may have run them
    assert world.findings() == []


MESSAGE = """\
#!/bin/bash
# Says what it has to say.
set -eux
cat << EOF >> ${PREFIX}/.messages.txt

By using it; you | accept
EOF
"""


@pytest.mark.parametrize("kind", ["rattler", "program"])
def test_a_script_that_only_has_something_to_say_is_heard(world: World, kind: str) -> None:
    world.channel.add("cuda", "1.0", files={"bin/.cuda-post-link.sh": MESSAGE.encode()})
    if kind == "program":
        world.channel.add("tool", "1.0", ["cuda", "data"])
    outcome = world.make("tool" if kind == "program" else "cuda", release="")
    if kind == "rattler":
        assert outcome.messages == ["By using it; you | accept"]
    assert [item.found for item in world.findings() if "cuda" in item.found] == []
    assert not (world.prefix / ".messages.txt").exists()


def test_a_message_that_the_program_has_shown_already_is_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(self: RattlerBackend, packages: Sequence[CondaPackage], prefix: Path, target: Target) -> None:
        RattlerBackend.install(self, packages, prefix, target)

    monkeypatch.setattr(ProgramBackend, "install", install)  # and nothing is left of what the scripts wrote
    world.channel.add("cuda", "1.0", files={"bin/.cuda-post-link.sh": MESSAGE.encode()})
    assert world.make("cuda", kind="program").messages == ["By using it; you | accept"]


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        (MESSAGE, True),
        ('echo "Two\nlines; of it" >> "$PREFIX/.messages.txt"\n', True),
        ("printf '%s\\n' hello > $PREFIX/.messages.txt\necho more >> ${PREFIX}/.messages.txt\n# done\nexit 0\n", True),
        ("", True),
        ('echo "one" >> "$PREFIX"/.messages.txt 2>&1\n', True),
        ('"$PREFIX/bin/jupyter" enable x >> "$PREFIX/.messages.txt" 2>&1\n', False),
        ("echo a >> $PREFIX/.messages.txt; rm -rf /\n", False),
        ("echo $(id) >> $PREFIX/.messages.txt\n", False),
        ("echo `id` >> $PREFIX/.messages.txt\n", False),
        ("cat <<EOF >> $PREFIX/.messages.txt\n$(id)\nEOF\n", False),
        ("cat <<EOF >> $PREFIX/.messages.txt\nEOF\nid\n", False),
        ("echo a >> $PREFIX/share/data\n", False),
        ("echo a >> $PREFIX/.messages.txt >> $PREFIX/x\n", False),
        ("cat /etc/shadow >> $PREFIX/.messages.txt\n", False),
        ("echo a\n", True),
        ("if true; then\n  echo a >> $PREFIX/.messages.txt\nfi\n", False),
        ('"${PREFIX}/bin/tool" --init >> $PREFIX/.messages.txt 2>&1\n', False),
        ("echo 'open\n", False),
    ],
)
def test_which_scripts_only_have_something_to_say(text: str, harmless: bool) -> None:
    assert only_tells(text) is harmless


@pytest.mark.parametrize("kind", ["rattler", "program"])
def test_what_a_script_changes_of_its_package_is_released_as_it_is(world: World, kind: str) -> None:
    """R's and Java's configurations are written by such scripts, over what the package has."""
    change = 'for f in conf plain; do sed -i "s,@,@ and $PREFIX/more," "$PREFIX/etc/$f"; done\n'
    conf = f"home={PLACEHOLDER}/lib @\n".encode()
    files: dict[str, Content] = {"bin/.data-post-link.sh": change.encode(), "etc/conf": conf, "etc/plain": b"plain @\n"}
    world.channel.add("data", "2.0", ["base"], files=files)
    world.make(kind=kind)
    assert world.findings() == []
    make_tree(world.prefix, world.folder / "tree", "/opt/x")
    assert (world.folder / "tree/etc/conf").read_text() == "home=/opt/x/lib @ and /opt/x/more\n"
    assert (world.folder / "tree/etc/plain").read_text() == "plain @ and /opt/x/more\n"
    world.make(release="allow: {link-script-not-run: x}\n", kind=kind)
    # What a program changed against the will of release.yml is not put back, and stops the build.
    stops = [item.check for item in world.findings() if item.stops]
    assert stops == (["conda-files-changed"] if kind == "program" else [])


def test_links_into_the_environment_are_made_relative(world: World) -> None:
    """Scripts write them as they know the prefix; no host would take a link that leads out of the release."""
    links = ('"$PREFIX/share/html" "$PREFIX/share/www"', '/etc/hosts "$PREFIX/share/out"', '"$PREFIX" "$PREFIX/top"')
    text = "".join(f"ln -s {link}\n" for link in links).encode()
    world.channel.add("nginx", "1.0", files={"bin/.nginx-post-link.sh": text, "share/html/index": b"x"})
    world.make("nginx")
    assert (world.prefix / "share/www").readlink() == Path("html")
    assert (world.prefix / "top").readlink() == Path(".")
    assert [item.found for item in world.findings() if item.stops] == ["no package: share/out -> /etc/hosts"]
