# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""airgap-envs: one file on the host that needs nothing but a runtime, and says what is wrong when there is none."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._cli import file, main
from ansible_collections.airgap.conda.plugins.module_utils._cli.facts import (
    NAME,
    apply_facts,
    has_facts,
    require_ours,
)
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import (
    command_file,
    wanted_command,
    write_command,
)
from ansible_collections.airgap.conda.plugins.module_utils._cli.found import found_command
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.conftest import CHECKOUT
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    TREE,
    Made,
    again,
    keep,
    make_release,
    release_id,
    skip_flushes,
    snapshot,
)

ONE, TWO, THREE = release_id(1), release_id(2), release_id(3)
# This test's own Python, in the place of a runtime's.
RUNTIME = {**TREE, "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}
MODULE_UTILS = CHECKOUT / "plugins/module_utils"


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host with three releases of demo, of which the newest is current, two of runtime, and the command."""
    folder = tmp_path_factory.mktemp("host")
    store = Store(folder / "o p't")
    with pytest.MonkeyPatch.context() as patch:
        skip_flushes(patch)
        for serial in (1, 2, 3):
            bring(store, "demo", serial)
        for serial in (1, 2):
            bring(store, "runtime", serial, tree=RUNTIME)
        write_command(store)
    return keep(folder)


@pytest.fixture
def store(original: Path) -> Store:
    return Store(again(original) / "o p't")


def bring(store: Store, env: str, serial: int, **options: Any) -> Made:
    made = make_release(store.root.parent / "depot", store.root, serial, env=env, **options)
    made.send(store)
    deploy(store, made.step(), made.sha256, 9)
    return made


def start(store: Store, *arguments: str, status: int = 0, shell: tuple[str, ...] = ()) -> tuple[str, str]:
    """Start the file on the host with nothing in its environment; returns what it printed, both streams."""
    done = subprocess.run(
        [*shell, str(store.command), *arguments],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def run(store: Store, *arguments: str, status: int = 0) -> tuple[str, str]:
    """Do in this process what the file does once its runtime has started; each command is started somewhere, too."""
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            ended = main.main(store.root, list(arguments))
        except SystemExit as exit_:
            ended = int(exit_.code or 0)
    assert ended == status, errors.getvalue()
    return output.getvalue(), errors.getvalue()


def complaint(text: str) -> dict[str, str]:
    """Return the parts of the one message that it ends with; there are all four."""
    problem, *parts = text.splitlines()[-5:]
    assert problem.startswith("airgap-envs: ")
    found = dict(re.findall(r"^  (\w+): +(.+)$", "\n".join(parts), re.MULTILINE))
    assert list(found) == ["wanted", "found", "where", "remedy"]
    return {"problem": problem, **found}


def test_list(store: Store) -> None:
    lines = [line.split(maxsplit=2) for line in start(store, "list")[0].splitlines()]
    assert lines[1:] == [["demo", THREE, f"{TWO}, {ONE}"], ["runtime", TWO, ONE]]


def test_list_as_json(store: Store) -> None:
    found = json.loads(run(store, "list", "--json")[0])
    assert found["schema"] == 1
    assert found["envs"]["demo"] == {
        "current": THREE,
        "previous": TWO,
        "installed": [ONE, TWO, THREE],
        "whole": True,
        "activate": f"{store.root}/demo/activate",
    }
    assert list(found["envs"]) == ["demo", "runtime"]


def test_a_current_release_that_is_not_there_is_seen(store: Store) -> None:
    store.release("demo", THREE).rename(store.root.parent / "away")
    assert f"{THREE} (missing)" in run(store, "list")[0]
    assert json.loads(run(store, "list", "--json")[0])["envs"]["demo"]["whole"] is False
    assert "not on this host" in complaint(run(store, "verify", "demo", status=1)[1])["problem"]


def test_the_runtime_is_entered_by_its_own_name(store: Store) -> None:
    """Another one may become current while the command runs, and its modules are not those of this one."""
    python = store.release("runtime", TWO) / "bin/python"
    python.write_text('#!/bin/sh\necho "$0"\n', encoding="ascii")
    assert start(store, "list")[0] == f"{python}\n"


def test_verify(store: Store) -> None:
    assert start(store, "verify")[0].splitlines() == [
        f"demo {THREE} is as it was signed, and its checks passed",
        f"runtime {TWO} is as it was signed, and its checks passed",
    ]
    before = _without_receipts(store.root)
    assert len(run(store, "verify", "demo")[0].splitlines()) == 1
    assert _without_receipts(store.root) == before


def _without_receipts(root: Path) -> dict[str, Any]:
    """Return what a store has but for what is written down of a step."""
    return {name: what for name, what in snapshot(root).items() if ".receipts" not in name}


def test_receipts_and_the_chain_at_the_host(store: Store, tmp_path: Path) -> None:
    run(store, "rollback", "demo")
    shown = json.loads(run(store, "export-receipt")[0])["receipts"]
    assert json.loads(shown[-1]["content"])["event"] == "rollback"
    (tmp_path / "drive").mkdir()
    assert "1 new receipt in" in start(store, "export-receipt", str(tmp_path / "drive"))[0]
    assert len(list((tmp_path / "drive/depot/.receipts").glob("*/*.json"))) == 1
    assert "0 new receipts in" in start(store, "export-receipt", str(tmp_path / "drive"))[0]
    output = run(store, "audit", "verify")[0]
    assert "rolled back" in output
    assert "4 lines, whole" in output  # three of them are of the runtime, which the host had before
    run(store, "rollback", "demo", THREE)
    (chain,) = json.loads(start(store, "audit", "verify", "--json")[0])["chains"]
    assert [entry["release"] for entry in chain["entries"] if entry["env"] == "demo"] == [TWO, THREE]
    path = store.root / ".state/.audit.jsonl"
    path.write_text(path.read_text().replace('"rolled back"', '"removed"', 1), encoding="ascii")
    errors = run(store, "audit", "verify", status=1)[1]
    assert "An audit chain is broken" in errors
    assert "line 5" in errors


def test_the_commands_that_change_write_it_down(store: Store) -> None:
    start(store, "remove", "demo", ONE, "--yes")
    run(store, "remove", "demo", ONE, "--yes")
    start(store, "prune", "demo", "--keep", "1")
    (chain,) = json.loads(run(store, "audit", "verify", "--json")[0])["chains"]
    done = [(entry["what"], entry["release"]) for entry in chain["entries"] if entry["env"] == "demo"]
    assert done == [("removed", ONE)]
    events = [json.loads(one["content"])["event"] for one in json.loads(run(store, "export-receipt")[0])["receipts"]]
    assert events == ["remove"]
    run(store, "remove", "demo", status=1)  # nobody said yes
    assert len(json.loads(run(store, "export-receipt")[0])["receipts"]) == 1


def test_verify_names_the_fault_and_goes_on_to_the_next(store: Store) -> None:
    (store.release("demo", THREE) / "lib/data.txt").write_text("bad", encoding="ascii")
    output, errors = start(store, "verify", status=1)
    assert output == f"runtime {TWO} is as it was signed, and its checks passed\n"
    found = complaint(errors)
    assert found["found"] == "lib/data.txt: 3 bytes"
    assert found["where"] == f"{store.root}/demo/{THREE}/lib/data.txt"
    assert "airgap.conda.repair" in found["remedy"]
    run(store, "verify", "runtime")


def test_the_path_that_is_printed_can_be_sourced(store: Store) -> None:
    path = start(store, "activate-path", "demo")[0].rstrip("\n")
    assert path == f"{store.root}/demo/activate"
    script = '. "$1" && printf %s "$CONDA_PREFIX"'
    shown = subprocess.run(["sh", "-c", script, "sh", path], capture_output=True, text=True, check=True).stdout
    assert shown == str(store.release("demo", THREE))


def test_rollback(store: Store) -> None:
    shutil.rmtree(store.root.parent / "depot")  # it needs none
    assert start(store, "rollback", "demo")[0] == f"demo: {THREE} -> {TWO}\n"
    assert store.current("demo") == TWO
    assert run(store, "rollback", "demo", TWO)[0] == f"demo: {TWO} is already current\n"
    run(store, "rollback", "demo", THREE)
    assert (store.current("demo"), store.high_water("demo")) == (THREE, 3)
    run(store, "rollback", "demo", ONE)
    found = complaint(run(store, "rollback", "demo", status=1)[1])
    assert "nothing to roll demo back to" in found["problem"]
    assert "a release older" in found["wanted"]
    assert complaint(run(store, "rollback", "demo", "9-00000009", status=1)[1])["wanted"].startswith(
        "release 9-00000009"
    )


@pytest.mark.parametrize("command", ["verify", "activate-path", "rollback"])
def test_an_unknown_environment_is_named(store: Store, command: str) -> None:
    before = snapshot(store.root)
    for env in ("other", "..", "demo/../demo", ".state", ""):
        assert "environments demo, runtime" in complaint(run(store, command, env, status=1)[1])["found"]
    assert snapshot(store.root) == before


def test_who_may_not_write_is_told_how(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
    before = snapshot(store.root)
    assert main.main(store.root, ["rollback", "demo"]) == 1
    assert snapshot(store.root) == before
    assert complaint(capsys.readouterr().err)["remedy"] == (f"run it as root: sudo {store.command} rollback demo")
    assert main.main(store.root, ["list"]) == 0


def test_a_wrong_command_line_shows_the_right_one(store: Store) -> None:
    assert "usage: airgap-envs" in start(store, "lst", status=2)[1]
    for arguments in ([], ["lst"], ["activate-path"], ["verify", "a", "b"], ["list", "--xml"]):
        assert "usage: airgap-envs" in run(store, *arguments, status=2)[1]


def test_help(store: Store) -> None:
    text = start(store, "--help")[0]
    assert all(command in text for command in ("list", "verify", "activate-path", "rollback"))
    assert "RELEASE" in run(store, "rollback", "--help")[0]


def test_any_shell_reads_its_beginning(store: Store) -> None:
    for shell in (("bash",), ("dash",), ("busybox", "sh")):
        assert "demo" in start(store, "list", shell=shell)[0]


# --- the runtime -----------------------------------------------------------------------------------------------------


def test_the_rollback_of_the_runtime_does_not_break_it(store: Store) -> None:
    assert start(store, "rollback", "runtime")[0] == f"runtime: {TWO} -> {ONE}\n"
    assert start(store, "list")[1] == ""
    start(store, "rollback", "runtime", TWO)


@pytest.mark.parametrize("fault", ["missing", "not executable", "fails"])
def test_a_broken_runtime_is_replaced_by_the_one_before_it(store: Store, fault: str) -> None:
    python = store.release("runtime", TWO) / "bin/python"
    if fault == "missing":
        python.unlink()
    elif fault == "not executable":
        python.write_text("\0", encoding="ascii")
    else:
        python.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    output, errors = start(store, "list")
    assert "demo" in output
    assert "the current runtime does not start" in errors
    assert f"{store.root}/bin/airgap-envs rollback runtime" in errors
    start(store, "rollback", "runtime")
    assert start(store, "list")[1] == ""


def test_without_any_runtime_it_says_so(store: Store) -> None:
    for release in (ONE, TWO):
        (store.release("runtime", release) / "bin/python").write_text(
            "#!/bin/sh\necho \"No module named 'zlib'\" >&2; exit 1\n", encoding="ascii"
        )
    found = complaint(start(store, "list", status=1)[1])
    assert "No runtime on this host starts" in found["problem"]
    assert found["found"] == "No module named 'zlib'"
    assert "airgap.conda.deploy" in found["remedy"]


# --- the file --------------------------------------------------------------------------------------------------------


def test_equal_sources_give_equal_bytes_and_a_second_write_changes_nothing(store: Store) -> None:
    assert command_file(store) == command_file(store) == store.command.read_bytes()
    assert found_command(store) == wanted_command(store)
    with zipfile.ZipFile(store.command) as archive:
        assert {item.date_time for item in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    before = snapshot(store.root)
    write_command(store)
    assert snapshot(store.root) == before
    assert store.command.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("fault", ["missing", "mode", "content"])
def test_a_command_that_is_not_as_it_should_be_is_seen(store: Store, fault: str) -> None:
    path = store.command
    if fault == "missing":
        path.unlink()
    elif fault == "mode":
        path.chmod(0o644)
    else:
        path.write_bytes(path.read_bytes() + b" ")
    assert found_command(store) != wanted_command(store)
    write_command(store)
    assert found_command(store) == wanted_command(store)
    start(store, "list")


def test_it_imports_neither_ansible_nor_anything_that_a_runtime_lacks(store: Store) -> None:
    with zipfile.ZipFile(store.command) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    for name, text in texts.items():
        imported = re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)
        unknown = set(imported) - set(sys.stdlib_module_names) - {"ansible_collections", "zstandard"}
        # _gpu_child runs in the environment that it looks at.
        assert not unknown or name.endswith("/_gpu/child.py"), (name, unknown)


def test_a_module_that_was_sent_as_a_zip_makes_the_same_file(store: Store, tmp_path: Path) -> None:
    """AnsiballZ gives a module its module_utils as a zip on sys.path."""
    payload, package = tmp_path / "payload.zip", file.PACKAGE
    sources = sorted(MODULE_UTILS.rglob("*.py"))
    with zipfile.ZipFile(payload, "w") as archive:
        names = {source: Path(*package.split("."), source.relative_to(MODULE_UTILS)) for source in sources}
        for folder in {folder for name in names.values() for folder in name.parents if folder.name}:
            archive.writestr(f"{folder}/__init__.py", "")
        for source, name in names.items():
            archive.write(source, name)
    code = (
        "import hashlib, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        f"from {file.__name__} import Store, command_file\n"
        "print(hashlib.sha256(command_file(Store(Path(sys.argv[2])))).hexdigest())"
    )
    command = [sys.executable, "-I", "-c", code, str(payload), str(store.root)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout
    assert shown.strip() == hashlib.sha256(command_file(store)).hexdigest()


# --- local facts -----------------------------------------------------------------------------------------------------


def test_facts_are_written_read_and_removed(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "etc/facts.d"
    assert not has_facts(store, folder)
    apply_facts(store, True, folder)
    assert has_facts(store, folder)
    before = snapshot(folder)
    apply_facts(store, True, folder)
    assert snapshot(folder) == before
    shown = subprocess.run([folder / NAME], capture_output=True, text=True, check=True, env={}).stdout
    assert json.loads(shown)["envs"]["demo"]["current"] == THREE
    assert has_facts(store, folder)
    (folder / NAME).chmod(0o644)
    assert not has_facts(store, folder)
    apply_facts(store, True, folder)
    assert has_facts(store, folder)
    apply_facts(store, False, folder)
    assert list(folder.iterdir()) == []


def test_the_facts_of_another_store_are_replaced_and_not_removed(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    apply_facts(other, True, tmp_path)
    apply_facts(store, False, tmp_path)
    assert has_facts(other, tmp_path)
    apply_facts(store, True, tmp_path)
    assert has_facts(store, tmp_path)


@pytest.mark.parametrize("link", [False, True])
def test_the_facts_of_somebody_else_are_refused(store: Store, tmp_path: Path, link: bool) -> None:
    if link:
        (tmp_path / NAME).symlink_to("nowhere")
    else:
        (tmp_path / NAME).write_text("#!/bin/sh\necho {}\n", encoding="ascii")
    before = snapshot(tmp_path)
    with raised("facts-taken"):
        require_ours(tmp_path)
    with raised("facts-taken"):
        apply_facts(store, True, tmp_path)
    apply_facts(store, False, tmp_path)
    assert snapshot(tmp_path) == before
