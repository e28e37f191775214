# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment files as people write them: what conda takes is taken alike, and all that is wrong is told at once.

tests/cases/README.md says where each kind was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Several
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import Spec, load_spec

HEAD = "channels: [c]\ndependencies:\n  - python\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a spec named demo, a text or bytes, with more files, and return its folder."""

    def _write(environment: str | bytes, **more: str) -> Path:
        folder = tmp_path / "demo"
        folder.mkdir(exist_ok=True)
        data = environment if isinstance(environment, bytes) else environment.encode()
        (folder / "environment.yml").write_bytes(data)
        for name, text in more.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        return folder

    return _write


def read(folder: Path) -> Spec:
    return load_spec(folder)


def refusal(folder: Path) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        load_spec(folder)
    error = caught.value
    assert all([error.problem, error.wanted, error.found, error.where, error.remedy])
    return error


def pip(*lines: str) -> str:
    return HEAD + "  - pip:\n" + "".join(f"      - {line}\n" for line in lines)


# --- what pip passes over -------------------------------------------------------------------------------------------

PASSED_OVER = {
    "--pre pkg>=2": ("pkg>=2", ["--pre", "pkg>=2"]),
    "--extra-index-url https://h/s pkg==2": ("pkg==2", ["--extra-index-url https://h/s", "pkg==2"]),
    "-f https://h/w torch==1": ("torch==1", ["--find-links https://h/w", "torch==1"]),
    "--only-binary :all: pkg": ("pkg", ["--only-binary :all:", "pkg"]),
    "--pre pkg >= 2": ("pkg >= 2", ["--pre", "pkg >= 2"]),
    "pkg==2 --find-links=https://h/w": ("--find-links https://h/w", ["--find-links https://h/w", "pkg==2"]),
    "pkg --pre": ("--pre", ["--pre", "pkg"]),
    "pkg --no-binary :all:": ("--no-binary :all:", ["--no-binary :all:", "pkg"]),
    "pkg==1 --constraint c.txt": ("--constraint c.txt", ["--constraint c.txt", "pkg==1"]),
    "git+https://h/a.git --index-url=https://h/s": (
        "--index-url https://h/s",
        ["--index-url https://h/s", "git+https://h/a.git"],
    ),
    "pkg --hash=sha256:00 other": ("other", ["pkg --hash sha256:00", "other"]),
    "--pre -r f.txt": ("--pre", ["--requirement f.txt", "--pre"]),
    "-r f.txt [--no-deps]": ("[--no-deps]", ["--requirement f.txt", "[--no-deps]"]),
}


@pytest.mark.parametrize(("line", "lost", "lines"), [(line, *said) for line, said in PASSED_OVER.items()])
def test_what_pip_would_pass_over_is_refused_with_the_lines_to_write(
    write: Write, line: str, lost: str, lines: list[str]
) -> None:
    error = refusal(write(pip(f"'{line}'"), f="tqdm\n"))
    assert error.code == "pip-option-ignored"
    assert f"'{lost}'" in error.problem
    assert error.remedy == "write these lines: " + ", ".join(f"'{each}'" for each in lines)
    assert error.where.endswith("environment.yml:5:9")


def test_the_same_in_an_included_file(write: Write) -> None:
    error = refusal(write(pip("-r more.txt"), more="tqdm\n  --pre pkg\n"))
    assert (error.remedy, error.where[-13:]) == ("write these lines: '--pre', 'pkg'", "/more.txt:2:3")


@pytest.mark.parametrize(
    "line",
    [
        "-ihttps://h/s",
        "-i https://h/s --pre",
        "--pre --index-url https://h/s --extra-index-url https://h/t",
        "--trusted-host h --index-url http://h/s",
        "--no-index",
        "--use-feature=fast-deps",
        "--index-url https://${USER_NAME}:${TOKEN}@h/s",
        "pkg --hash=sha256:00 --hash=sha256:11",
        "pkg --config-settings k=v",
        "pkg -C k=v",
        'pkg --global-option="--x"',
        "https://h/a-1-py3-none-any.whl --hash=sha256:00",
        'https://h/a-1-py3-none-any.whl ; python_version<"3.9"',
        "a@https://h/a.whl",
        "a[x] @ git+https://h/a@v1#subdirectory=x",
        "a @ https://h/a.whl ; python_version<'3'",
        "-c https://h/constraints-3.11.txt",
        "git+https://git@h/a.git",
    ],
)
def test_what_pip_takes_is_taken(write: Write, line: str) -> None:
    assert read(write(pip(f"'{line}'" if '"' in line else f'"{line}"'))).pip == (line,)


@pytest.mark.parametrize(
    ("line", "says", "code"),
    [
        ("-U pkg", "no such option: -U", "pip-line-invalid"),
        ("pkg --no-deps", "no such option: --no-deps", "pip-line-invalid"),
        ("--install-option=x", "no such option: --install-option", "pip-line-invalid"),
        ("--index-url", "--index-url option requires 1 argument", "pip-line-invalid"),
        ("git@h:a/b.git", "", "pip-requirement-invalid"),
        ("a>1,", "", "pip-requirement-invalid"),
        ("a==1 b==2", "", "pip-requirement-invalid"),
        ("pkg --hash 'sha256:00", "No closing quotation", "pip-line-invalid"),
        ("-r https://h/r.txt", "", "file-remote"),
    ],
)
def test_what_pip_does_not_take_is_refused(write: Write, line: str, says: str, code: str) -> None:
    """What pip's own reader says is passed on."""
    error = refusal(write(pip(f'"{line}"')))
    assert error.code == code
    assert says in error.problem


EDITABLE = [f"-e git+https://h/{name}.git@main#egg={name}" for name in "abcde"]


def test_what_pip_freeze_writes_of_conda_packages(write: Write) -> None:
    error = refusal(write(pip("certifi @ file:///croot/certifi_1/work/certifi", "-r https://h/r.txt [--no-deps]")))
    assert "(1) write certifi==VERSION (see pip list --format=freeze), or put" in error.remedy
    assert "(2) download it" in error.remedy


def test_all_editable_lines_are_told_at_once(write: Write) -> None:
    error = refusal(write(pip(*EDITABLE)))
    assert isinstance(error, Several)
    assert (error.code, len(error.errors), str(error).count("\n")) == ("editable-install", 5, 5)
    assert error.remedy.startswith("(1) write it without -e: 'git+https://h/a.git@main#egg=a'; (2) write it without -e")
    assert "/environment.yml:5:9; (2) " in error.where
    assert read(write(pip(*(line[3:] for line in EDITABLE)))).pip == tuple(line[3:] for line in EDITABLE)


def test_an_option_before_an_editable_line(write: Write) -> None:
    assert refusal(write(pip("--pre -e git+https://h/a#egg=a"))).remedy == (
        "write it without -e: 'git+https://h/a#egg=a', and '--pre' on a separate line"
    )
    assert "build a wheel" in refusal(write(pip("-e ."))).remedy


# --- constraints, blocks, what stands twice -------------------------------------------------------------------------


def test_constraints_are_read_and_inlined(write: Write) -> None:
    spec = read(
        write(pip("-c limits.txt", "tqdm", "-r more.txt"), limits="numpy<2\n# c\n-c b.txt\n", b="a==1", more="x")
    )
    assert (spec.pip, spec.constraints) == (("tqdm", "x"), ("numpy<2", "a==1"))
    plain = read(write(pip("tqdm", "-r more.txt"), more="x"))
    assert plain.sha256 != spec.sha256
    assert read(write(pip("-c limits.txt", "tqdm", "-r more.txt"), limits="numpy<3", more="x")).sha256 != spec.sha256


def test_a_line_that_yaml_takes_for_a_mapping(write: Write) -> None:
    error = refusal(write(pip("--only-binary :all: pkg", "a @ https://h/a.whl: x")))
    assert isinstance(error, Several)
    assert (error.code, len(error.errors)) == ("text-unquoted", 2)
    assert error.remedy == "quote the line, because it has a colon followed by a space"


def test_a_block_of_lines_is_several_requirements(write: Write) -> None:
    text = HEAD + "  - pip:\n      - |\n        a==1\n        b==2 \\\n          --hash=sha256:00\n"
    assert read(write(text)).pip == ("a==1", "b==2 --hash=sha256:00")
    assert ":6:" in refusal(write(text.replace("a==1", "a=1"))).where


@pytest.mark.parametrize("empty", ["", " []", " # - nothing\n      # - yet"])
def test_an_empty_pip_list_is_none(write: Write, empty: str) -> None:
    spec = read(write(f"{HEAD}  - pip:{empty}\n"))
    assert (spec.conda, spec.pip) == (("python",), ())


def test_only_a_pip_list(write: Write) -> None:
    """As conda does, which brings pip and with it Python."""
    spec = read(write("channels: [c]\ndependencies:\n- pip:\n  - tqdm\n"))
    assert (spec.conda, spec.pip) == (("pip",), ("tqdm",))
    assert refusal(write("channels: [c]\ndependencies:\n- pip: []\n")).code == "package-missing"


def test_a_second_pip_list_is_refused(write: Write) -> None:
    """conda takes the only the last one, mamba all."""
    assert "only the last one" in refusal(write(HEAD + "  - pip: [a]\n  - pip: [b]\n")).wanted


def test_one_package_in_several_lines(write: Write) -> None:
    """conda and pip take the conditions together."""
    text = HEAD + "  - pandas\n  - Pandas>=2.0\n  - c::pandas<3\n  - pandas\n  - pip: [x, x>=1, X<2, x]\n"
    spec = read(write(text))
    assert spec.conda == ("python", "pandas", "Pandas>=2.0", "c::pandas<3", "pip")
    assert spec.pip == ("x", "x>=1", "X<2")


def test_a_channel_in_two_lines_stands_where_it_stands_first(write: Write) -> None:
    assert read(write("channels: [a, b, a, nodefaults]\ndependencies: [x]\n")).channels == ("a", "b")


# --- dependencies ---------------------------------------------------------------------------------------------------

FORMS = {
    "a = 1.2": "a = 1.2",
    "a = 1.2 = b_0": "a = 1.2=b_0",
    "a=1.2= b_0": "a=1.2=b_0",
    "a 1.2 b_0": "a 1.2 b_0",
    "python=3.10": "python=3.10",
    "pandas[performance]": "pandas",
    "a[channel=c]": "c::a",
    "a=1[version=1, channel=c]": "c::a=1[version=1]",
    "a[channel=h/c,build=b_0]": "h/c::a[build=b_0]",
    "a=1.2=_0_x": "a=1.2=_0_x",
    "https://h/ch/linux-64/a-1.0-b_0.conda": "https://h/ch::a==1.0=b_0",
    "https://h/ch/noarch/a-b-1.0-0.tar.bz2#" + "0" * 32: f"https://h/ch::a-b==1.0=0[md5={'0' * 32}]",
    "\u00a0python\u00a0>=3.9": "python >=3.9",
}


@pytest.mark.parametrize(("text", "match_spec"), FORMS.items())
def test_forms_of_a_dependency(write: Write, text: str, match_spec: str) -> None:
    assert read(write(f"channels: [c]\ndependencies:\n  - '{text}'\n")).conda == (match_spec,)


def test_extras_are_passed_over_aloud(write: Write) -> None:
    assert "ignores [performance]" in read(write(HEAD + "  - pandas[performance]\n")).notes[0]


@pytest.mark.parametrize(
    ("lines", "remedy"),
    [
        ("  - a=>1.2\n", ">= and <="),
        ("  - a >=1 <2\n", "a comma joins"),
        ("  - -r requirements.txt\n", "under '- pip:'"),
        ("  - git+https://h/a.git\n", "under '- pip:'"),
        ("  - '{{ package }}'\n", "template"),
        ("  - {{ package }}\n", "template"),
        ("  - python: 3.10\n", "without a colon"),
        ("  - ./a-1.0-0.conda\n", "into a channel"),
        ("  - pip\n    - -e .\n", "with a colon"),
        ("  - nvidia:cuda-toolkit=11.8\n", "two colons"),
    ],
)
def test_what_is_no_dependency(write: Write, lines: str, remedy: str) -> None:
    error = refusal(write(HEAD + lines))
    assert remedy in error.remedy
    assert error.where.endswith("environment.yml:4:5")


def test_selectors_of_micromamba(write: Write) -> None:
    text = HEAD + "  - sel(linux): a=1\n  - sel(win): b\n  - sel(unix): [c, d]\n  - sel(osx): e\n  - pip: [x]\n"
    assert read(write(text)).conda == ("python", "a=1", "c", "d", "pip")
    for key in ("linux", "sel(mac)"):
        assert f"the key {key!r}" in refusal(write(HEAD + f"  - {key}: a\n")).found


# --- keys and values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "''", "demo", "Demo", "DEMO"])
def test_a_name_that_is_left_out_or_has_capitals(write: Write, name: str) -> None:
    assert read(write(f"name: {name}\n" + HEAD)).name == "demo"


def test_keys_of_other_tools_are_passed_over_aloud(write: Write) -> None:
    spec = read(write("platforms: [linux-64]\n" + HEAD + "category: dev\n"))
    assert [note.split(": ", 1)[0].rsplit("/", 1)[1] for note in spec.notes] == [
        "environment.yml:1:1",
        "environment.yml:5:1",
    ]
    assert "'platforms'" in spec.notes[0]
    assert spec.sha256 == read(write(HEAD)).sha256


@pytest.mark.parametrize("key", ["pip", "channel", "dependancies", "channe", "Dependencies", "vars", "packages", "<<"])
def test_keys_that_mean_something_are_not_passed_over(write: Write, key: str) -> None:
    error = refusal(write(HEAD + f"{key}: {{}}\n"))
    assert error.code == "key-unknown"
    assert repr(key) in error.problem


def test_what_to_do_about_such_a_key(write: Write) -> None:
    assert "'- pip:'" in refusal(write(HEAD + "pip: [a]\n")).remedy
    assert "build_channel_priority" in refusal(write(HEAD + "channel_priority: flexible\n")).remedy


def test_a_key_that_was_meant_is_read_on(write: Write) -> None:
    error = refusal(write("channe: [./x]\ndependencies: [a]\n"))
    assert isinstance(error, Several)
    assert [one.code for one in error.errors] == ["key-unknown", "value-invalid"]
    assert error.code == "several"


@pytest.mark.parametrize("value", ["0.5", "-1", "1.0", "''", "300"])
def test_values_that_every_tool_reads_alike(write: Write, value: str) -> None:
    assert read(write(HEAD + f"variables: {{A: {value}}}\n")).variables == {"A": value.strip("'")}


@pytest.mark.parametrize("value", ["1.10", "010", "0x1f", "1_000", "yes", "~", "2024-01-01"])
def test_values_that_tools_read_differently(write: Write, value: str) -> None:
    assert refusal(write(HEAD + f"variables: {{A: {value}}}\n")).where.endswith("environment.yml:4:16")


@pytest.mark.parametrize("channel", ["https://$HOST/c", "https://h/$NAME", "$CHANNEL"])
def test_a_channel_with_a_variable(write: Write, channel: str) -> None:
    assert refusal(write(f"channels: [{channel}]\ndependencies: [a]\n")).code == "channel-variable"


# --- all of it at once ----------------------------------------------------------------------------------------------


def test_every_fault_of_all_files_is_told_at_once(write: Write) -> None:
    text = "name: other\nchannels: [./c, d]\ndependencies:\n  - a=>1\n  - b: 1\n  - 3.10\n"
    text += "  - pip:\n    - c=1\n    - -r m.txt\nvariables: {A-B: x, C: yes}\n"
    folder = write(text, m="./x\ny y\n")
    (folder / "release.yml").write_text("gpu: maybe\nchecks: {imports: [a-b, c d]}\nwrong: 1\n", encoding="utf-8")
    error = refusal(folder)
    assert isinstance(error, Several)
    assert (len(error.errors), error.errors[0].code) == (14, "name-differs")
    assert (error.errors[0].wanted, len(str(error).splitlines())) == ("demo", 15)
    places = [where.split(") ")[1].rsplit("/", 1)[1] for where in error.where.split("; ")]
    assert places == [
        "environment.yml:1:7", "environment.yml:2:12", "environment.yml:4:5", "environment.yml:5:5",
        "environment.yml:6:5", "environment.yml:8:7", "m.txt:1:1", "m.txt:2:1", "environment.yml:10:18",
        "environment.yml:10:24", "release.yml:3:1", "release.yml:1:6", "release.yml:2:20", "release.yml:2:25",
    ]  # fmt: skip


def test_equal_words_are_said_once(write: Write) -> None:
    error = refusal(write(HEAD + "  - a=>1\n  - b=>2\n  - c: 1\n"))
    assert error.remedy == ("(1, 2) correct the line: conda writes >= and <=; (3) write 'name=version' without a colon")
    assert error.found == "(1) the text 'a=>1'; (2) the text 'b=>2'; (3) the key 'c'"


def test_a_file_that_is_not_what_it_is_taken_for_ends_after_a_hundred(write: Write) -> None:
    assert str(refusal(write(HEAD + "  - a=>1\n" * 150))).splitlines()[-1] == "And 50 more."


# --- files of other tools -------------------------------------------------------------------------------------------

FOREIGN = {
    "explicit list": ("# platform: linux-64\n@EXPLICIT\nhttps://h/c/linux-64/a-1-0.conda#00\n", "conda.lock"),
    "requirements": ("numpy==1.2\npandas  # why\n", "[python, pip: [-r"),
    "requirements with options": ("--pre\n-r base.txt\nnumpy[x]>=1; python_version<'3'\n", "[python, pip: [-r"),
    "one requirement": ("numpy\n", "[python, pip: [-r"),
    "pixi.toml": ('[workspace]\nname = "x"\n[dependencies]\npython = "*"\n', "pixi workspace export"),
    "pixi.lock": ("version: 6\nenvironments: {}\npackages: []\n", "pixi workspace export"),
    "conda-lock": ("version: 1\nmetadata: {}\npackage: []\n", "conda-lock render"),
    "web page": ("\n<!DOCTYPE html>\n<html lang='en'>\n", "raw"),
    "Git LFS": ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "merge conflict": (HEAD + "<<<<<<< HEAD\n  - a\n=======\n  - b\n>>>>>>> other\n", "keep one version"),
    "recipe": ("package: {name: x}\nrequirements: {run: [python]}\n", "its requirements"),
    "anaconda-project": ("name: x\nenv_specs: {default: {}}\n", "env_specs"),
}


@pytest.mark.parametrize(("text", "remedy"), FOREIGN.values(), ids=FOREIGN.keys())
def test_the_file_of_another_tool_is_told_as_such(write: Write, text: str, remedy: str) -> None:
    error = refusal(write(text))
    assert error.code == "foreign-file"
    assert remedy in error.remedy


@pytest.mark.parametrize("name", ["env.yml", "conda.yaml", "environment-dev.yml", "requirements.txt", "pixi.toml"])
def test_another_name_than_environment_yml(tmp_path: Path, name: str) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / name).write_text(HEAD, encoding="utf-8")
    error = refusal(tmp_path / "demo")
    assert (error.code, error.found) == ("spec-missing", name)
    assert "environment.yml" in error.problem
