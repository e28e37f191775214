# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user of ansible-playbook sees how far long work is while its module still runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from ansible_collections.airgap.conda.plugins.plugin_utils import _progress
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

PLAY = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - airgap.conda.environment: {prefix: PLACE/prefix, spec: PLACE/demo, cache: PLACE/cache, backend: conda,
                                 executable: PLACE/conda}
      vars: {ansible_python_interpreter: PYTHON}
"""


def test_a_user_of_ansible_playbook_sees_it(tmp_path: Path) -> None:
    """With a conda that takes ten seconds to fail: the line is on the screen before the task's result."""
    write_tree(tmp_path, {"demo/environment.yml": "channels: [x]\ndependencies: [python]\n"})
    (tmp_path / "conda").write_text("#!/bin/sh\nsleep 10\nexit 1\n", encoding="ascii")
    (tmp_path / "conda").chmod(0o755)
    (tmp_path / "play.yml").write_text(PLAY.replace("PLACE", str(tmp_path)).replace("PYTHON", sys.executable))
    program, collections = Path(sys.executable).with_name("ansible-playbook"), Path(_progress.__file__).parents[5]
    done = subprocess.run(
        [program, "-i", "localhost,", tmp_path / "play.yml"],
        capture_output=True, text=True, check=False,
        env={
            **os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "PYTHONPATH": str(BYTECODE),
        },
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    seen = re.search(r"localhost: solving \([5-9] s\)", done.stdout)
    assert seen, done.stdout  # on a busy machine a second or more later
    assert seen.start() < done.stdout.index("FAILED!")
