# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module environment tells of a spec: what is passed over as a warning, and all that is wrong at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_channel import TinyChannel, write_spec

pytest.importorskip("rattler")

CODE = """
import json, sys
sys.path.insert(0, sys.argv[2])
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.conda.plugins.modules import environment
with patch_module_args(json.loads(sys.argv[1])): environment.main()
"""


def run_module(folder: Path, environment: str) -> dict[str, Any]:
    pytest.importorskip("ansible.module_utils.testing")
    TinyChannel(folder / "near").add("tool", "1.0")
    spec = write_spec(folder / "demo", environment)
    arguments = {"prefix": str(folder / "p/demo"), "spec": str(spec), "cache": str(folder / "cache")}
    command = [sys.executable, "-c", CODE, json.dumps(arguments), str(COLLECTIONS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout))


def test_what_is_passed_over_is_a_warning(tmp_path: Path) -> None:
    text = f"channels: [{tmp_path}/near]\nplatforms: [linux-64]\ndependencies: [tool]\n"
    result = run_module(tmp_path, text)
    assert (result["changed"], "failed" in result) == (True, False)
    assert "has no key 'platforms'" in str(result["warnings"])


def test_all_faults_are_in_the_message(tmp_path: Path) -> None:
    result = run_module(tmp_path, "channels: [./near]\ndependencies: [tool, a=>1]\n")
    assert result["failed"]
    lines = result["msg"].splitlines()
    assert lines[0] == "There are 2 errors in the spec."
    assert [line[:2] for line in lines[1:]] == ["1.", "2."]
    assert result["where"].startswith(f"(1) {tmp_path}/demo/environment.yml:1:12; (2) ")
