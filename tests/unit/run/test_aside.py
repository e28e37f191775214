# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work beside other work: its result, its errors, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._run.aside import aside
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_processes import left


def test_the_result_comes_from_another_process() -> None:
    with aside(lambda: (os.getpid(), "x" * (4 << 20))) as result:
        process, text = result()
    assert process != os.getpid()
    assert len(text) == 4 << 20  # more than a pipe holds
    assert left([process], 0) == []


def test_errors_arrive_whole() -> None:
    wanted = AirgapError("It is wrong", code="wrong", wanted="a", found="b", where="c", remedy="d")

    def fail() -> None:
        raise wanted

    with raised("wrong") as caught, aside(fail) as result:
        result()
    assert str(caught.value) == str(wanted)
    assert caught.value.as_result() == wanted.as_result()


def test_work_that_nobody_waits_for_is_stopped() -> None:
    clock = time.monotonic()
    with pytest.raises(ValueError, match="other"), aside(lambda: time.sleep(60)):
        raise ValueError("other")
    assert time.monotonic() - clock < 10


def test_a_process_that_dies_is_an_error_and_no_wait() -> None:
    with pytest.raises(OSError, match="ended early"), aside(lambda: os.kill(os.getpid(), signal.SIGKILL)) as result:
        result()


def test_work_ends_with_the_process_that_wants_it() -> None:
    program = (
        "import os, time\n"
        "from ansible_collections.airgap.conda.plugins.module_utils._run.aside import aside\n"
        "with aside(lambda: (print(os.getpid(), flush=True), time.sleep(60))) as result:\n"
        "    result()\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as parent:
        assert parent.stdout is not None
        work = int(parent.stdout.readline())
        parent.kill()
    assert left([work]) == []
