# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad specs: each kind is refused with one error that says wanted, found, where and remedy."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.spec.conftest import MINIMAL, Write


def refusal(folder: Path) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        load_spec(folder)
    error = caught.value
    assert all([error.problem, error.wanted, error.found, error.where, error.remedy])
    assert not error.remedy.endswith(".")
    return error


def line_of(error: AirgapError) -> str:
    """Return where an error is, without the column."""
    return re.sub(r"(?<=:\d)(\d*):\d+$", r"\1", error.where)


@dataclass(frozen=True)
class Bad:
    """A bad input and a part of each field of its refusal; ``where`` is the end of it."""

    wanted: str
    found: str
    where: str
    remedy: str
    environment: str = MINIMAL
    release: str | None = None
    more: dict[str, str] = field(default_factory=dict)


def deps(lines: str) -> str:
    return f"channels: [c]\ndependencies:\n  - python\n{lines}"


def pip(line: str) -> str:
    return deps(f"  - pip:\n      - {line}\n")


# fmt: off
BAD = {
    "tab": Bad("valid YAML", "'\\t'", "environment.yml:2", "never tabs", "channels:\n\t- c\n"),
    "unclosed bracket": Bad(
        "valid YAML", "expected ',' or ']'", "environment.yml:2", "close every", "channels: [c\ndependencies: x\n",
    ),
    "unclosed quote": Bad(
        "valid YAML", "quoted scalar", "environment.yml:3", "close every", "channels: ['c]\ndependencies: []\n",
    ),
    "two documents": Bad("valid YAML", "another document", "environment.yml:3", "spaces", MINIMAL + "---\n" + MINIMAL),
    "unknown alias": Bad("valid YAML", "undefined alias", "environment.yml:1", "spaces", "channels: [*nothing]\n"),
    "control character": Bad(
        "valid YAML", "#x0007", "environment.yml:2", "spaces", "channels: [c]\ndependencies: [\a]\n",
    ),
    "endless nesting": Bad("valid YAML", "nested too deeply", "environment.yml", "spaces", "a: " + "[" * 5000),
    "empty file": Bad("channels", "no key", "environment.yml", "conda's format", "# nothing\n"),
    "a list": Bad("key: value", "a list", "environment.yml:1", "same indentation", "- python\n"),
    "a text": Bad("key: value", "the text 'py thon'", "environment.yml:1", "same indentation", "py thon\n"),
    "duplicate key": Bad(
        "each key once", "first near line 1", "environment.yml:3", "keep one", MINIMAL + "channels: [other]\n",
    ),
    # keys and types of environment.yml
    "unknown key": Bad(
        "dependencies", "'dependancies'", "environment.yml:2", "did you mean 'dependencies'?",
        "channels: [c]\ndependancies: [python]\n",
    ),
    "merge key": Bad("name, channels", "'<<'", "environment.yml:3", "its expansion", MINIMAL + "<<: {}\n"),
    "other name": Bad("demo", "'other'", "environment.yml:1", "rename", "name: other\n" + MINIMAL),
    "name is a number": Bad("a text", "the number '1'", "environment.yml:1", 'quote it: "1"', "name: 1\n" + MINIMAL),
    "no channels": Bad(
        "one or more", "no key channels", "environment.yml:1", "conda-forge", "dependencies: [python]\n",
    ),
    "channels not a list": Bad(
        "one or more", "the text 'conda-forge'", "environment.yml:1", "- conda-forge",
        "channels: conda-forge\n" + MINIMAL[24:],
    ),
    "only nodefaults": Bad(
        "a channel", "only nodefaults", "environment.yml:1", "conda-forge",
        MINIMAL.replace("conda-forge", "nodefaults"),
    ),
    "relative channel": Bad(
        "absolute path", "'./c'", "environment.yml:1", "correct the channel", "channels: [./c]\ndependencies: [a]\n",
    ),
    "no dependencies": Bad("one or more", "no key dependencies", "environment.yml:1", "- python", "channels: [c]\n"),
    "blank dependencies": Bad(
        "one or more", "nothing", "environment.yml:2", "- python", "channels: [c]\ndependencies:\n",
    ),
    "empty dependencies": Bad(
        "one or more", "an empty list", "environment.yml:2", "- python", "channels: [c]\ndependencies: []\n",
    ),
    "blank dependency": Bad("a text", "nothing", "environment.yml:4", "write the value", deps("  -\n")),
    "number as dependency": Bad("a text", "the number '3.8'", "environment.yml:4", "quote it", deps("  - 3.8\n")),
    "list as dependency": Bad("a text", "a list", "environment.yml:4", "write the value", deps("  - [a]\n")),
    "colon for version": Bad(
        "'pip:'", "the key 'numpy'", "environment.yml:4", "without a colon", deps("  - numpy: 1.2\n"),
    ),
    "wrong operator": Bad(
        "name>=1.2,<2", "'numpy=>1.2'", "environment.yml:4", "correct the line", deps("  - numpy=>1.2\n"),
    ),
    "no comma": Bad(
        "name>=1.2,<2", "'numpy >=1 <2'", "environment.yml:4", "correct the line", deps("  - numpy >=1 <2\n"),
    ),
    "no version": Bad("name=1.2", "'numpy='", "environment.yml:4", "correct the line", deps("  - numpy=\n")),
    "open bracket": Bad(
        "name=1.2", "'numpy[build=1'", "environment.yml:4", "correct the line", deps("  - numpy[build=1\n"),
    ),
    "package by URL": Bad(
        "channel::name", "a-1.conda", "environment.yml:4", "into a channel",
        deps("  - https://example.org/a-1.conda\n"),
    ),
    "environment variable's name": Bad(
        "letters", "'A-B'", "environment.yml:3", "rename", MINIMAL + "variables: {A-B: x}\n",
    ),
    "environment variable float": Bad(
        "a text", "'1.10'", "environment.yml:3", 'quote it: "1.10"', MINIMAL + "variables: {A: 1.10}\n",
    ),
    "environment variable bool": Bad(
        "a text", "'yes'", "environment.yml:3", "quote it", MINIMAL + "variables: {A: yes}\n",
    ),
    "environment variable octal": Bad(
        "a text", "'010'", "environment.yml:3", "quote it", MINIMAL + "variables: {A: 010}\n",
    ),
    "environment variable lines": Bad(
        "one line", "\\n", "environment.yml:4", "one line", MINIMAL + 'variables:\n  A: "x\\ny"\n',
    ),
    "environment variable PATH": Bad(
        "any variable but", "'PATH'", "environment.yml:3", "remove it", MINIMAL + "variables: {PATH: x}\n",
    ),
    "variables a list": Bad(
        "key: value", "a list", "environment.yml:3", "same indentation", MINIMAL + "variables: [A=1]\n",
    ),
    # the pip section
    "pip twice": Bad(
        "one pip list", "second mapping", "environment.yml:5", "one list", deps("  - pip: [a]\n  - pip: [b]\n"),
    ),
    "pip editable": Bad("from an index", "'-e ./here'", "environment.yml:5", "build a wheel", pip("-e ./here")),
    "pip editable long": Bad("from an index", "--editable", "environment.yml:5", "build a wheel", pip("--editable=.")),
    "pip local folder": Bad("from an index", "'./here'", "environment.yml:5", "put the package", pip("./here")),
    "pip local file": Bad(
        "from an index", "'a-1-py3-none-any.whl'", "environment.yml:5", "put the package", pip("a-1-py3-none-any.whl"),
    ),
    "pip path": Bad("from an index", "'wheels/a'", "environment.yml:5", "put the package", pip("wheels/a")),
    "pip file URL": Bad(
        "from an index", "'file:///srv/a'", "environment.yml:5", "put the package", pip("file:///srv/a"),
    ),
    "pip git file URL": Bad(
        "from an index", "git+file", "environment.yml:5", "put the package", pip("git+file:///srv/a"),
    ),
    "pip name at path": Bad(
        "from an index", "'a @ file:///srv/a'", "environment.yml:5", "put the package", pip("a @ file:///srv/a"),
    ),
    "pip one equal sign": Bad("name==1.2", "'tqdm=4.66'", "environment.yml:5", "two equal signs", pip("tqdm=4.66")),
    "pip two versions": Bad("name==1.2", "'tqdm 4.66'", "environment.yml:5", "== before its", pip("tqdm 4.66")),
    "pip option": Bad("--index-url", "'--user'", "environment.yml:5", "remove the option", pip("--user")),
    "pip constraints": Bad("limits.txt", "no such file", "environment.yml:5", "add the file", pip("-c limits.txt")),
    "pip find-links": Bad(
        "http(s)", "'--find-links /srv'", "environment.yml:5", "on an index", pip("--find-links /srv"),
    ),
    "pip number": Bad("a text", "the number '3'", "environment.yml:5", "quote it", pip("3")),
    "pip file missing": Bad("none.txt", "no such file", "environment.yml:5", "add the file", pip("-r none.txt")),
    "pip file's line": Bad(
        "from an index", "'./b'", "more.txt:3", "put the package", pip("-r more.txt"), more={"more": "a\n\n./b\n"},
    ),
    "pip file's continued line": Bad(
        "name==1.2", "'b = 1'", "more.txt:2", "two equal signs", pip("-r more.txt"), more={"more": "a\nb \\\n = 1\n"},
    ),
    "pip file in itself": Bad(
        "no such loop", "'-r more.txt'", "more.txt:1",
        "remove this line", pip("-r more.txt"), more={"more": "-r more.txt\n"},
    ),
    # release.yml
    "release unknown key": Bad("checks", "'check'", "release.yml:1", "did you mean 'checks'?", release="check: {}\n"),
    "release a list": Bad("key: value", "a list", "release.yml:1", "same indentation", release="[gpu]\n"),
    "release broken": Bad("valid YAML", "flow node", "release.yml:2", "close every", release="target: {\n"),
    "target unknown key": Bad(
        "glibc", "'glib'", "release.yml:2", "did you mean 'glibc'?", release="target:\n  glib: '2'\n",
    ),
    "glibc float": Bad(
        "as text", "the number '2.30'", "release.yml:2", 'quote it: "2.30"', release="target:\n  glibc: 2.30\n",
    ),
    "cuda int": Bad("as text", "the number '12'", "release.yml:1", 'quote it: "12"', release="target: {cuda: 12}\n"),
    "driver letters": Bad(
        "numbers with dots", "'R470'", "release.yml:1", "correct", release="target: {driver: R470}\n",
    ),
    "glibc blank": Bad("a text", "nothing", "release.yml:1", "write the value", release="target: {glibc: }\n"),
    "platform": Bad(
        "linux-64", "'linux64'", "release.yml:1", "did you mean 'linux-64'?", release="target: {platform: linux64}\n",
    ),
    "cpu": Bad("x86-64-v2", "'x86_64_v2'", "release.yml:1", "did you mean", release="target: {cpu: x86_64_v2}\n"),
    "cpu on arm": Bad(
        "linux-64 only", "linux-aarch64", "release.yml:1", "target.cpu",
        release="target: {platform: linux-aarch64, cpu: x86-64}\n",
    ),
    "format": Bad("tar.gz", "'zip'", "release.yml:1", "one of these values", release="formats: [zip]\n"),
    "format twice": Bad("once", "'tar.gz' 2 times", "release.yml:1", "keep one", release="formats: [tar.gz, tar.gz]\n"),
    "no format": Bad("one or more", "an empty list", "release.yml:1", "or remove the key", release="formats: []\n"),
    "gpu": Bad("none, optional, required", "'no'", "release.yml:1", "one of these values", release="gpu: no\n"),
    "import": Bad(
        "scipy.stats", "'scikit-learn'", "release.yml:1", "differ from", release="checks: {imports: [scikit-learn]}\n",
    ),
    "import keyword": Bad(
        "scipy.stats", "'a.class'", "release.yml:1", "differ from", release="checks: {imports: [a.class]}\n",
    ),
    "imports a text": Bad(
        "start with '- '", "'numpy'", "release.yml:1", "own line", release="checks: {imports: numpy}\n",
    ),
    "timeout text": Bad("whole seconds", "'5m'", "release.yml:1", "plain number", release="checks: {timeout: 5m}\n"),
    "timeout zero": Bad("whole seconds", "'0'", "release.yml:1", "plain number", release="checks: {timeout: 0}\n"),
    "timeout bool": Bad(
        "whole seconds", "'true'", "release.yml:1", "plain number", release="checks: {timeout: true}\n",
    ),
    "activation key": Bad(
        "variables", "'vars'", "release.yml:1", "correct or remove", release="activation: {vars: {}}\n",
    ),
    "activation name": Bad("letters", "'1A'", "release.yml:1", "rename", release="activation: {variables: {1A: x}}\n"),
    "activation command": Bad(
        "$NAME", "$(id)", "release.yml:1", "not run", release="activation: {variables: {A: $(id)}}\n",
    ),
    "activation backtick": Bad(
        "$NAME", "`id`", "release.yml:1", "not run", release="activation: {variables: {A: '`id`'}}\n",
    ),
    "activation twice": Bad(
        "in one place", "environment.yml", "release.yml:1", "remove A", MINIMAL + "variables: {A: x}\n",
        release="activation: {variables: {A: x}}\n",
    ),
    "copy out": Bad(
        "without ..", "'../x'", "release.yml:1", "relative to the prefix", release="copies: [{from: ../x, to: y}]\n",
    ),
    "copy absolute": Bad(
        "relative", "'/etc/x'", "release.yml:1", "relative to the prefix", release="copies: [{from: x, to: /etc/x}]\n",
    ),
    "copy half": Bad("from and to", "only from", "release.yml:2", "{from: lib/a", release="copies:\n  - from: x\n"),
    "copy to itself": Bad("different", "x", "release.yml:1", "correct to", release="copies: [{from: x, to: x}]\n"),
    "copy target twice": Bad(
        "once", "'y' 2 times", "release.yml:1", "keep one", release="copies: [{from: a, to: y}, {from: b, to: y}]\n",
    ),
    "tag of a text": Bad(
        "one or more", "2002:seq 'x'", "environment.yml:1", "conda-forge", "channels: !!seq x\n" + MINIMAL[24:],
    ),
    "tag": Bad(
        "one or more", "python/object", "release.yml:1", "own line", release="copies: !!python/object:os.system [x]\n",
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_in_the_users_words(write: Write, bad: Bad) -> None:
    error = refusal(write(bad.environment, bad.release, **bad.more))
    assert bad.wanted in error.wanted
    assert bad.found in error.found
    assert line_of(error).endswith("/" + bad.where)
    assert bad.remedy in error.remedy


SECRET = "S3cr3t"  # noqa: S105 - what the tests look for in messages
LEAKS = {
    "channel": (f"channels: [https://me:{SECRET}@example.org/c]\ndependencies: [python]\n", "user name or password"),
    "user only": (f"channels: ['https://{SECRET}@example.org/c']\ndependencies: [python]\n", "user name or password"),
    "odd password": (f"channels: [https://me:p@{SECRET}@example.org/c]\ndependencies: [a]\n", "user name or password"),
    "no scheme": (f"channels:\n  - me:{SECRET}@example.org/c\ndependencies: [a]\n", "user name and password"),
    "token": (f"channels: [https://example.org/t/{SECRET}/c]\ndependencies: [python]\n", "token"),
    "token, no scheme": (f"channels: [example.org/t/{SECRET}/c]\ndependencies: [python]\n", "token"),
    "match spec": (deps(f"  - https://example.org/t/{SECRET}/c::a\n"), "token"),
    "pip": (pip(f"a @ https://me:{SECRET}@example.org/a.whl"), "user name or password"),
    "pip editable": (pip(f"-e git+https://{SECRET}@example.org/a"), "user name or password"),
    "pip over ssh": (pip(f"git+ssh://git:{SECRET}@example.org/a"), "user name or password"),
    "pip index": (pip(f"--index-url=https://me:{SECRET}@example.org/s"), "user name or password"),
    "comment": (MINIMAL + f"# was https://me:{SECRET}@example.org/c\n", "user name or password"),
    "broken file": (f"channels: [https://me:{SECRET}@example.org/c\n", "user name or password"),
}
# fmt: on


@pytest.mark.parametrize(("environment", "found"), LEAKS.values(), ids=LEAKS.keys())
def test_credentials_are_refused_and_not_repeated(write: Write, environment: str, found: str) -> None:
    error = refusal(write(environment))
    line = next(n for n, text in enumerate(environment.splitlines(), start=1) if SECRET in text)
    assert error.wanted == "URLs without credentials"
    assert found in error.found
    assert line_of(error).endswith(f"environment.yml:{line}")
    assert "bastion's own configuration" in error.remedy
    assert SECRET not in str(error) + repr(error.__cause__)


def test_credentials_in_the_other_files_are_refused(write: Write) -> None:
    leak = f"# https://me:{SECRET}@example.org\n"
    assert refusal(write(MINIMAL, "gpu: none\n" + leak)).where.endswith("release.yml:2:3")
    assert refusal(write(pip("-r more.txt"), more="a\n" + leak)).where.endswith("more.txt:2:3")


def test_a_path_with_a_folder_t_is_no_token(write: Write) -> None:
    assert load_spec(write(MINIMAL, "copies: [{from: lib/python3.8/t/x, to: lib/t/x}]\n")).release.copies


def test_missing_file(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    error = refusal(tmp_path / "demo")
    assert (error.found, error.where) == ("no such file", str(tmp_path / "demo" / "environment.yml"))
    assert refusal(tmp_path / "nowhere").found == "no such file"


@pytest.mark.parametrize("name", ["environment.yml", "release.yml"])
def test_a_folder_instead_of_a_file(write: Write, name: str) -> None:
    folder = write()
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    error = refusal(folder)
    assert (error.found, error.where) == ("a directory", str(folder / name))
    assert (error.wanted, error.remedy) == ("a readable file", "check the path and its spelling")


def test_a_broken_link_is_not_an_absent_release_yml(write: Write) -> None:
    folder = write()
    (folder / "release.yml").symlink_to("nowhere")
    assert refusal(folder).found == "a broken link"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_the_right_to_read_it(write: Write) -> None:
    folder = write()
    (folder / "environment.yml").chmod(0)
    assert "permission to read" in refusal(folder).remedy


@pytest.mark.parametrize("name", ["environment", "release"])
def test_the_ending_yaml_does_not_go_unread(write: Write, name: str) -> None:
    folder = write()
    (folder / f"{name}.yaml").write_text(MINIMAL, encoding="utf-8")
    error = refusal(folder)
    assert (error.wanted, error.found, error.remedy) == (f"{name}.yml", f"{name}.yaml", f"rename it to {name}.yml")


def test_not_utf8(write: Write) -> None:
    folder = write()
    (folder / "environment.yml").write_bytes(b"channels: [c]\n# caf\xe9\n")
    error = refusal(folder)
    assert (error.wanted, error.found) == ("a text file in UTF-8", "the byte 0xe9")
    assert error.where.endswith("environment.yml:2")
    assert "UTF-8" in error.remedy


@pytest.mark.parametrize("name", ["current", "base", "Demo", "-demo", ".state", "de mo", "démo", "d" * 65])
def test_names_that_no_environment_can_have(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "environment.yml").write_text(MINIMAL, encoding="utf-8")
    error = refusal(tmp_path / name)
    assert (error.found, error.where, error.remedy) == (repr(name), str(tmp_path / name), "rename the folder")
    assert "a-z" in error.wanted


def test_without_pyyaml(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write()
    monkeypatch.setitem(sys.modules, "yaml", None)
    error = refusal(folder)
    assert "PyYAML" in error.wanted
    assert "pip install pyyaml" in error.remedy
