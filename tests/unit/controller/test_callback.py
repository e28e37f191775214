# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback that shows how far a deploy is: told by workers, shown on a terminal or in plain lines, summed up."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants, context

from ansible_collections.airgap.conda.plugins.callback import progress as _progress
from ansible_collections.airgap.conda.plugins.plugin_utils import _sent
from ansible_collections.airgap.conda.plugins.plugin_utils._progress import shown
from ansible_collections.airgap.conda.plugins.plugin_utils._sent import FOLDER, forget, read_sent, sent
from ansible_collections.airgap.conda.plugins.plugin_utils._status_area import StatusArea
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import File, Missing
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_push import Push
from ansible_collections.airgap.conda.tests.unit.tiny_terminal import Terminal

RELEASES = [
    {
        "env": "demo",
        "id": "2-aa",
        "payloads": [{"parts": [{"name": "a", "size": 30_000}, {"name": "b", "size": 10_000}]}],
    }
]
STEPS = [{"env": "demo", "id": "2-aa", "current": "1-bb", "missing": ["a", "b"]}]


# --- what workers tell ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["ws-1", "../../etc", "lab/ä:22", "x" * 300, "\udcff"])
def test_what_a_worker_tells_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    sent(host, 0, 50)
    sent(host, 50, 50)
    assert list(read_sent(tmp_path)) == [(host, 50, 50)]
    assert len(list(tmp_path.iterdir())) == 1
    forget(tmp_path, host)
    forget(tmp_path, host)
    assert list(read_sent(tmp_path)) == []


def test_a_worker_that_tells_often_writes_seldom_but_its_first_and_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setattr(_sent, "PAUSE", 3600.0)
    for done in (0, 1, 2):
        sent("h", done, 3)
    assert list(read_sent(tmp_path)) == [("h", 0, 3)]
    sent("h", 3, 3)
    assert list(read_sent(tmp_path)) == [("h", 3, 3)]


def test_nobody_who_listens_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    sent("h", 0, 1)
    monkeypatch.setenv(FOLDER, str(tmp_path / "gone"))
    sent("h", 0, 1)
    assert list(read_sent(tmp_path / "gone")) == []


@pytest.mark.parametrize("text", ["", "[", "{}", '["h", 1]', '["h", "1", 2]', "\0", "7"])
def test_what_is_no_account_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text, encoding="ascii")
    assert list(read_sent(tmp_path)) == []


def test_push_tells_after_each_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setattr(_sent, "PAUSE", 0.0)
    seen: list[tuple[int, int]] = []

    class Action:
        _connection = SimpleNamespace(transport="local")

        def takes_input(self) -> bool:
            return False

        @contextmanager
        def folder_for(self, _need: int, _host: str) -> Iterator[str]:
            yield "/there"

        def put(self, _folder: str, _files: Any, _host: str) -> None:
            seen.extend((done, of) for _host, done, of in read_sent(tmp_path))

        def ask(self, _script: str) -> Any:
            return SimpleNamespace(status=0)

    files = [File(name, size, "", tmp_path / name) for name, size in (("manifest.json", 5), ("a", 20), ("b", 30))]
    Push().bring([Missing("demo", "2-aa", "/opt", "/in", tuple(files[:1]), tuple(files[1:]))], Action(), "h")  # type: ignore[arg-type]
    assert seen == [(0, 55), (5, 55), (25, 55)]
    assert list(read_sent(tmp_path)) == [("h", 55, 55)]


# --- the callback, with the events that Ansible sends -----------------------------------------------------------------


def _task(action: str) -> Any:
    return SimpleNamespace(action=f"airgap.conda.{action}")


def _host(name: str) -> Any:
    return SimpleNamespace(get_name=lambda: name)


def _result(name: str, action: str, new: bool = True, **values: Any) -> Any:
    if new:
        return SimpleNamespace(host=_host(name), task=_task(action), result=values)
    return SimpleNamespace(_host=_host(name), _task=_task(action), _result=values)  # ansible-core 2.18 and older


class Callback(_progress.CallbackModule):
    """Has its options, and keeps what it says."""

    def __init__(self, terminal: Terminal | None = None, **options: Any) -> None:
        super().__init__()
        if terminal:
            self._area = StatusArea(terminal.size, terminal.write)
        self.options = {"style": "lines", "interval": 30, **options}
        self.said: list[str] = []

    def get_option(self, k: str) -> Any:
        return self.options[k]

    def _say(self, text: str) -> None:
        self.said.append(text)

    def line(self) -> str:
        return self._line()

    def style(self) -> str:
        return self._style()


@pytest.fixture(autouse=True)
def _local_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(context, "CLIARGS", {})
    monkeypatch.setattr(_sent, "_told", {})  # as in a new worker
    monkeypatch.setenv(FOLDER, "")  # gets back what it had


def _fetches(callback: Callback, new: bool) -> Path:
    """Feed the events of a deploy until one of two hosts is at work."""
    callback.v2_playbook_on_task_start(_task("deploy_look"), False)
    for name in ("ws-1", "ws-2"):
        callback.v2_runner_on_ok(_result(name, "deploy_look", new, releases=RELEASES, steps=STEPS, work=True))
    callback.v2_playbook_on_task_start(_task("fetch"), False)
    callback.v2_runner_on_start(_host("ws-1"), _task("fetch"))
    folder = Path(os.environ[FOLDER])
    assert folder.parent == Path(constants.DEFAULT_LOCAL_TMP)
    sent("ws-1", 10_000, 40_000)
    return folder


def _wait_for(what: Any) -> None:
    deadline = time.monotonic() + 300
    while not what() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert what()


@pytest.mark.parametrize("new", [True, False])
def test_plain_lines_and_a_summary(monkeypatch: pytest.MonkeyPatch, new: bool) -> None:
    monkeypatch.setattr(_progress, "shown", lambda read, show, _interval: shown(read, show, 0.02))
    threads = threading.active_count()
    callback = Callback()
    folder = _fetches(callback, new)
    _wait_for(lambda: any(line.startswith("sent to 0 of 2 hosts: 10.0 of 80.0 kB") for line in callback.said))
    assert threading.active_count() == threads + 1
    callback.v2_runner_on_ok(_result("ws-1", "fetch", new, bytes=40_000, seconds=2.0, by={"push": 0, "swarm": 40_000}))
    callback.v2_runner_on_unreachable(_result("ws-2", "fetch", new, msg="timed out", unreachable=True))
    callback.v2_playbook_on_task_start(_task("release"), False)
    assert threading.active_count() == threads
    callback.v2_runner_on_ok(
        _result("ws-1", "release", new, current={"demo": "2-aa"}, seconds={"demo": {"checks": 1.0}})
    )
    callback.v2_playbook_on_stats(None)
    assert callback.said[-1].splitlines()[2:] == [
        "ws-1 : demo 2-aa; sent 40.0 kB in 2 s, 20 kB/s, by swarm; checks 1.0 s",
        "ws-2 : failed: timed out",
    ]
    assert not folder.exists()
    assert FOLDER not in os.environ
    said = len(callback.said)
    callback.v2_playbook_on_stats(None)  # of a second playbook, in which there was nothing of ours
    assert len(callback.said) == said


@pytest.mark.parametrize("look", ["deploy_look", "preflight"])
def test_a_runtime_that_a_look_brings_is_shown_too(look: str) -> None:
    callback = Callback()
    callback.v2_playbook_on_task_start(_task(look), False)
    callback.v2_runner_on_start(_host("ws-1"), _task(look))
    sent("ws-1", 10_000, 20_000)
    assert callback.line().startswith("sent to 0 of 1 host: 10.0 of 20.0 kB")
    callback.v2_runner_on_ok(_result("ws-1", look, steps=[], work=False))
    assert callback.line() == ""
    callback.close()


def test_the_end_of_a_terminal_shows_it_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "TICK", 0.02)
    terminal = Terminal(rows=24, columns=80)
    callback = Callback(terminal, style="screen")
    folder = _fetches(callback, True)
    _wait_for(lambda: terminal.screen[-2].startswith("ws-1: 10.0 of 40.0 kB"))
    assert terminal.screen[-1].startswith("sent to 0 of 2 hosts: 10.0 of 80.0 kB")
    # What atexit calls after Ctrl-C, of which a callback hears nothing.
    callback.close()
    assert terminal.bottom == terminal.rows
    assert not any(terminal.screen)
    assert not folder.exists()
    assert callback.said == []


def test_without_a_style_there_is_only_the_summary() -> None:
    callback, threads = Callback(style="none"), threading.active_count()
    callback.v2_playbook_on_task_start(_task("fetch"), False)
    callback.v2_runner_on_start(_host("h"), _task("fetch"))
    assert threading.active_count() == threads
    assert not os.environ[FOLDER]
    callback.v2_runner_on_failed(_result("h", "fetch", msg="cut"), ignore_errors=True)
    callback.v2_playbook_on_stats(None)
    assert callback.said[0].endswith("h : failed: cut")


def test_what_was_skipped_is_not_waited_for(tmp_path: Path) -> None:
    callback = Callback()
    _fetches(callback, True)
    callback.v2_runner_on_skipped(_result("ws-2", "fetch"))
    assert callback.line().startswith("sent to 0 of 1 host: 10.0 of 40.0 kB")
    callback.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", "/proc/no/such")
    callback = Callback()
    callback.v2_playbook_on_task_start(_task("fetch"), False)
    callback.v2_runner_on_start(_host("h"), _task("fetch"))
    callback.close()


def test_check_mode_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", {"check": True})
    callback = Callback()
    callback.v2_runner_on_ok(_result("h", "release", current={"demo": "2-aa"}))
    callback.v2_playbook_on_stats(None)
    assert "CHECK MODE: NOTHING WAS CHANGED" in callback.said[0]


def test_the_style_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    callback = Callback(style="auto")
    for tty, term, style in ((True, "xterm", "screen"), (True, "dumb", "lines"), (False, "xterm", "lines")):
        monkeypatch.setattr(os, "isatty", lambda _fd, tty=tty: tty)
        monkeypatch.setenv("TERM", term)
        assert callback.style() == style
