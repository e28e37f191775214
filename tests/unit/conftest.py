# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A unit test that starts Ansible fails: such tests are in tests/modules. Some folders' tests are slow, all of them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

# Folders whose tests build environments, or start one program after another: 12 % of all tests, 45 % of the time.
SLOW = ("cli", "doctor", "environment", "media")
PROGRAM = re.compile(r"ansible(-[a-z]+)?|tiny_playbook\.py")
# What the test that runs now started of Ansible; none while no unit test runs.
_started: list[list[str]] = []


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse the start of a program of Ansible, or of what forks runs of it."""
    if event not in ("subprocess.Popen", "os.exec", "tiny_playbook.run") or not _started:
        return
    program, words = arguments[:2]
    names = [os.path.basename(os.fsdecode(word)) for word in (program, *list(words)[:2]) if word is not None]
    if any(PROGRAM.fullmatch(name) for name in names):
        _started[-1].extend(names)
        said = f"a unit test starts Ansible ({' '.join(names)}): put it in tests/modules"
        if event == "os.exec":  # in a child, which must not go on with the tests
            os.write(2, said.encode())
            os._exit(1)
        raise AssertionError(said)


sys.addaudithook(_look)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in a slow folder."""
    for item in items:
        if item.path.parent.name in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def started() -> Iterator[list[str]]:
    """Return what the test started of Ansible, which is to be nothing, even if an error about it was caught."""
    _started.append([])
    yield _started[-1]
    names = _started.pop()
    assert not names, f"a unit test started Ansible ({' '.join(names)}): put it in tests/modules"
