# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs that the import benchmark measures, with short ones of sh in their place."""

from __future__ import annotations

import os
import signal
import subprocess
import traceback
from pathlib import Path
from types import FrameType

import pytest

from ansible_collections.airgap.conda.tests.bench.imports import (
    IMAGES,
    NEAREST,
    OURS,
    WARM_TRIES,
    imported,
    run_once,
)


def test_what_a_release_comes_as_is_among_the_images_that_are_always_measured() -> None:
    assert OURS in NEAREST
    assert IMAGES[: len(NEAREST)] == NEAREST
    assert len({image.name for image in IMAGES}) == len(IMAGES)


def test_the_first_import_is_cold_and_the_mean_of_the_others_warm(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\necho "$3" >>{tmp_path}/said\n', encoding="ascii")
    python.chmod(0o755)
    assert list(imported(tmp_path, "torch", cold=True)) == ["cold", "cold, processor", "warm", "warm, processor"]
    assert list(imported(tmp_path, "torch", cold=False)) == ["warm", "warm, processor"]
    assert (tmp_path / "said").read_text(encoding="ascii") == "import torch\n" * 2 * (1 + WARM_TRIES)


def test_an_import_that_fails_is_no_measure() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run_once(["false"])


def test_an_import_has_ended_when_its_image_is_unmounted_after_an_interruption(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def interrupt(_number: int, frame: FrameType | None) -> None:
        # A program can be at work before Popen knows of it; what interrupts Popen itself leaves nobody to end it.
        is_waited_for = any(each.f_code.co_name == "wait" for each, _line in traceback.walk_stack(frame))
        if is_waited_for and pid.exists() and pid.read_text(encoding="ascii").endswith("\n"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_once(["sh", "-c", f"echo $$ >{pid}; exec sleep 60"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text(encoding="ascii")), 0)
