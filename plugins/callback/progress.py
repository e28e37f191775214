# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Shows how far a deploy is, and one line for each host at its end
version_added: 0.1.0
description:
  - While releases are sent, shows bytes, rate and time left, for each host and for all. At the end of the playbook,
    shows in one line for each host what is current there, what was sent, how long each step took, or what failed and
    what to do about it.
  - On a terminal, the last lines of the screen show it, and all other output scrolls above them. Elsewhere, it writes a
    plain line for all hosts every O(interval) seconds.
  - It writes to standard error, and to the file of C(log_path) if there is one. So the output of other callbacks, such
    as JSON, is unchanged.
  - The bytes are those that were handed to the connection. The time left is that for sending, not for what follows.
author: airgap.conda contributors (@airgap-conda)
requirements:
  - Enable it with C(callbacks_enabled=airgap.conda.progress) in the section C(defaults) of C(ansible.cfg), or with the
    environment variable E(ANSIBLE_CALLBACKS_ENABLED).
options:
  style:
    description:
      - How to show it while the playbook runs. V(auto) is V(screen) if standard error is a terminal, else V(lines).
      - With V(none), there is only the summary at the end.
    type: str
    choices: [auto, screen, lines, none]
    default: auto
    env:
      - name: AIRGAP_CONDA_PROGRESS_STYLE
    ini:
      - section: callback_airgap_conda_progress
        key: style
  interval:
    description: Seconds between two plain lines.
    type: int
    default: 30
    env:
      - name: AIRGAP_CONDA_PROGRESS_INTERVAL
    ini:
      - section: callback_airgap_conda_progress
        key: interval
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = airgap.conda.progress
"""

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.callback import CallbackBase

from ansible_collections.airgap.conda.plugins.plugin_utils._progress import repeated, shown
from ansible_collections.airgap.conda.plugins.plugin_utils._sent import FOLDER, forget, read_sent
from ansible_collections.airgap.conda.plugins.plugin_utils._status_area import StatusArea
from ansible_collections.airgap.conda.plugins.plugin_utils._summary import OURS, Summary
from ansible_collections.airgap.conda.plugins.plugin_utils._transfers import Transfers

# The tasks that send; a look brings the runtime where it is missing.
LOOKS = (f"{OURS}deploy_look", f"{OURS}preflight")
SENDING = (f"{OURS}runtime", *LOOKS, f"{OURS}fetch")
# Seconds between two looks on a terminal.
TICK = 0.5


class CallbackModule(CallbackBase):
    """Gathers what tasks tell and return. A thread shows the former, only while something is sent."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "airgap.conda.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._summary, self._transfers = Summary(), Transfers(time.monotonic)
        self._area = StatusArea()
        self._folder: Path | None = None
        self._showing = ExitStack()

    # --- what Ansible calls ---------------------------------------------------------------------------------------

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002 - Ansible's
        """Listen before the workers of a task that sends are made; stop when another task starts."""
        if task.action in SENDING:
            self._listen()
        elif not self._transfers.busy():  # with the strategy free, hosts are at different tasks
            self._stop()

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Open the account of a host."""
        if self._folder and task.action in SENDING:
            forget(self._folder, host.get_name())
            self._transfers.begins(host.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        """Take in a result."""
        host, action, found = _parts(result)
        if action in SENDING:
            self._transfers.ends(host, well=True)
        if action in (f"{OURS}depot_info", f"{OURS}deploy_look"):
            self._transfers.knows(found.get("releases"))
        if action in LOOKS:
            self._transfers.expects(host, found.get("steps"))
        self._summary.hears(host, action, found)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002 - Ansible's
        """Take in a failure, also one that the play goes on after."""
        host, action, found = _parts(result)
        self._transfers.ends(host, well=False)
        if action.startswith(OURS):
            self._summary.fails(host, found)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Take in that a host does not answer."""
        self.v2_runner_on_failed(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Wait no longer for a host to which nothing is sent."""
        host, action, _found = _parts(result)
        if action in SENDING:
            self._transfers.ends(host, well=True)

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002 - Ansible's
        """Show the summary; the next playbook of this command has its own."""
        self.close()
        lines = list(self._summary.lines())
        if lines:
            title = "AIRGAP.CONDA" + (", CHECK MODE: NOTHING WAS CHANGED" if context.CLIARGS.get("check") else "")
            self._say("\n".join(["", f"{title} ".ljust(79, "*"), *lines]))
        self._summary, self._transfers = Summary(), Transfers(time.monotonic)

    # --- the thread and the folder --------------------------------------------------------------------------------

    def close(self) -> None:
        """End the thread, give the terminal back and remove the folder; called at the end, whatever that is."""
        self._stop()
        if self._folder:
            atexit.unregister(self.close)
            os.environ.pop(FOLDER, None)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _listen(self) -> None:
        style = self._style()
        if style == "none" or self._folder_made() is None:
            return
        self._stop()
        if style == "screen":
            self._showing.callback(self._area.close)
            self._showing.enter_context(repeated(self._screen, self._area.show, TICK))
        else:
            self._showing.enter_context(shown(self._line, self._say, max(1, self.get_option("interval"))))

    def _stop(self) -> None:
        self._showing.close()

    def _style(self) -> str:
        style = str(self.get_option("style"))
        if style != "auto":
            return style
        return "screen" if os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb" else "lines"

    def _folder_made(self) -> Path | None:
        if self._folder is None:
            try:
                self._folder = Path(tempfile.mkdtemp(prefix="progress-", dir=constants.DEFAULT_LOCAL_TMP))
            except OSError:  # a full disk is told by whoever needs it
                return None
            os.environ[FOLDER] = str(self._folder)
            atexit.register(self.close)  # Ctrl-C ends a run without its statistics
        return self._folder

    def _read(self) -> None:
        for told in read_sent(self._folder) if self._folder else ():
            self._transfers.told(*told)

    def _screen(self) -> list[str]:
        self._read()
        return self._transfers.lines(self._area.room)

    def _line(self) -> str:
        self._read()
        return self._transfers.line()

    def _say(self, text: str) -> None:
        self._display.display(text, stderr=True)


def _parts(result: Any) -> tuple[str, str, Mapping[str, Any]]:
    """Return host, action and result of a task; ansible-core 2.19 renamed what it gives."""
    if hasattr(result, "result"):
        return result.host.get_name(), str(result.task.action), result.result
    return result._host.get_name(), str(result._task.action), result._result
