# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place where the rattler library is loaded and its asynchronous calls are waited for."""

from __future__ import annotations

import asyncio
import gc
import time
import traceback
import weakref
from collections.abc import Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

T = TypeVar("T")

# Seconds. A millisecond is usual; this is the end of waiting for an interrupted call.
LONGEST_RELEASE = 2.0
# A channel's server gets this many more chances, in two to three seconds.
RETRIES = 3


def load_rattler() -> Any:
    """Return the rattler module; AirgapError when the interpreter that runs the module lacks it."""
    try:
        import rattler
        import rattler.exceptions  # not loaded by the line above
    except ImportError as error:
        import sys

        raise AirgapError(
            "py-rattler cannot be loaded on the bastion",
            code="library-missing",
            wanted="py-rattler for the Python that runs the modules",
            found=str(error),
            where=sys.executable,
            remedy="install it with 'python -m pip install py-rattler', or point ansible_python_interpreter to a "
            "Python that has it",
        ) from error
    return rattler


def wait_for(call: Coroutine[Any, Any, T]) -> T:
    """Run one asynchronous rattler call to its end, and until rattler's threads have let go of Python.

    They give the result first and drop their Python objects after. An interpreter that ends in between crashes: one
    run in ten did, with its work done (PyO3/pyo3-async-runtimes#40). The event loop is one of these objects, so
    the end of the loop's life tells when they are through.
    """
    rattler = load_rattler()
    loop = asyncio.new_event_loop()
    alive = weakref.ref(loop)
    try:
        return loop.run_until_complete(call)
    except BaseException as error:
        _clear_frames(error)  # they hold the loop too
        raise
    finally:
        loop.close()
        del loop
        deadline = time.monotonic() + LONGEST_RELEASE
        while alive() and time.monotonic() < deadline:
            time.sleep(0.001)
            rattler.Version("0")  # any call into the library: it drops what its threads left for the next one to drop
            gc.collect()


def _clear_frames(error: BaseException) -> None:
    """Clear the frames of a traceback, and since Python 3.13 those that called them, which ended just as well."""
    for frame, _line in traceback.walk_tb(error.__traceback__):
        caller: FrameType | None = frame
        while caller is not None:
            try:
                caller.clear()
            except RuntimeError:  # still running, and so are all that called it
                break
            caller = caller.f_back


def client(max_retries: int | None = None) -> Any:
    """Return the one kind of client for every request: retries, and credentials from rattler's own places."""
    return load_rattler().Client.default_client(max_retries=RETRIES if max_retries is None else max_retries)


def package_cache(cache: Path) -> Path:
    """Return where extracted packages are kept below the cache given by the user."""
    return cache / "pkgs"


def repodata_cache(cache: Path) -> Path:
    """Return where the channels' indexes are kept below the cache given by the user."""
    return cache / "repodata"
