# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Expect an error of ours by its code, so that its words can get better without a test that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError


@contextmanager
def raised(code: str, **texts: str) -> Iterator[pytest.ExceptionInfo[AirgapError]]:
    """Fail unless the block raises an AirgapError with this code.

    ``texts`` are patterns by the name of a part (``found=r"glibc 2\\.35"``), for the facts that it has to tell.
    """
    with pytest.raises(AirgapError) as caught:
        yield caught
    require(caught.value, code, **texts)


def require(error: AirgapError, code: str, **texts: str) -> None:
    """Fail unless an error has this code, and parts that match the patterns."""
    assert error.code == code, f"code {error.code}, wanted {code}: {error}"
    for name, pattern in texts.items():
        assert re.search(pattern, getattr(error, name)), f"no {pattern!r} in {name}: {getattr(error, name)}"
