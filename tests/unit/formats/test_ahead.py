# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading ahead: the same bytes, the source's errors in their place, and that no thread stays."""

from __future__ import annotations

import io
import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._formats import ahead
from ansible_collections.airgap.conda.plugins.module_utils._formats.ahead import Ahead
from ansible_collections.airgap.conda.plugins.module_utils._pack import payload
from ansible_collections.airgap.conda.plugins.module_utils._run.aside import aside
from ansible_collections.airgap.conda.plugins.plugin_utils._progress import shown
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "BLOCK", 10)


class Source:
    """Endless, until it was read ``count`` times; then it fails."""

    def __init__(self, count: int) -> None:
        self.count = count

    def read(self, size: int) -> bytes:
        if not self.count:
            raise EOFError("cut off")
        self.count -= 1
        return b"x" * size


def test_it_gives_what_a_file_gives() -> None:
    numbers = random.Random(1)  # noqa: S311 - the same steps every time
    data = numbers.randbytes(3000)
    file = io.BytesIO(data)
    with Ahead(io.BytesIO(data)) as stream:
        while file.tell() < len(data):
            size = numbers.choice([0, 1, 9, 10, 11, 35])
            step = numbers.choice(["read", "blocks", "seek"])
            if step == "read":
                assert stream.read(size) == file.read(size)
            elif step == "blocks":
                assert b"".join(stream.blocks(size)) == file.read(size)
            else:
                assert stream.seek(stream.tell() + size) == min(file.seek(size, io.SEEK_CUR), len(data))
            assert stream.tell() == min(file.tell(), len(data))
        assert (stream.read(5), list(stream.blocks(5)), stream.seek(9999)) == (b"", [], len(data))


def test_it_goes_forward_only() -> None:
    with Ahead(io.BytesIO(b"0123456789")) as stream:
        stream.read(5)
        with pytest.raises(ValueError, match="forward only"):
            stream.seek(4)


def test_an_error_of_the_source_comes_after_what_it_gave() -> None:
    with Ahead(Source(3)) as stream:
        assert stream.read(30) == b"x" * 30
        with pytest.raises(EOFError, match="cut off"):
            stream.read(1)
        assert stream.read(1) == b""


@pytest.mark.parametrize("count", [0, 1, 10**9], ids=["at once", "one block", "endless"])
def test_no_thread_stays_when_the_caller_stops(count: int) -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), Ahead(Source(count)):
        raise KeyboardInterrupt
    assert threading.active_count() == before


def test_it_reads_ahead_a_few_blocks_only() -> None:
    source = Source(1000)
    with Ahead(source) as stream:
        stream.read(1)
        for _wait in range(20):
            threading.Event().wait(0.01)
        assert 1000 - source.count <= ahead.BLOCKS + 2


# --- threads that are not to be had ----------------------------------------------------------------------------------


def _read_ahead(_path: Path) -> None:
    with Ahead(io.BytesIO(b"data")) as stream:
        stream.read(4)


def _use_a_pool(_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(str, [1]))


def _go_aside(_path: Path) -> None:
    with aside(lambda: 1) as result:
        result()


def _pack(path: Path) -> None:
    (path / "tree").mkdir()
    (path / "tree/file").touch()
    payload.write_payloads(path / "tree", path, ("tar.zst",))


class Refusing:
    """What zstd does without threads."""

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def stream_writer(self, *_args: object, **_options: object) -> object:
        raise zstandard.ZstdError("zstd compress error: Allocation error : not enough memory")


@pytest.mark.parametrize("work", [_read_ahead, _use_a_pool, _go_aside, _pack])
def test_threads_that_are_not_to_be_had_are_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Path], None]
) -> None:
    def refuse(*_args: object) -> int:
        raise RuntimeError("can't start new thread")

    def no_fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(os, "fork", no_fork)
    monkeypatch.setattr(zstandard, "ZstdCompressor", Refusing)
    with raised("no-process", problem="Something") as caught, os_errors("Something", tmp_path):
        work(tmp_path)
    assert "one more process or thread" in caught.value.wanted
    assert "ulimit -u" in caught.value.remedy


def test_other_errors_of_a_program_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="a fault of ours"), os_errors("Something", Path("/")):
        raise RuntimeError("a fault of ours")


def test_work_that_cannot_be_shown_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = []
    with shown(lambda: "text", lambda _text: None):
        done.append(1)
    assert done
