# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action on a host that may have no Python: runs shell there, and puts files there for a while."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, VALUE, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._first import look as _look
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard, command, listen, new_mark
from ansible_collections.airgap.conda.plugins.plugin_utils._stoppable import Stopped, stoppable

# What our folders in the users' temporary folders are called. Ansible removes by itself what has -tmp- in its name.
OURS = "airgap-tmp-"
# Seconds that a host has to make such a folder.
PLACE_LIMIT = 60
NAME = r"[\w.-]+"
# What is done then, in messages.
LOOK = "look at the host"
# Default of the option root, as doc_fragments/store.py has it.
ROOT = "/opt/conda-envs"
# ``need`` is the room wanted, in KiB. What nothing was written to for a day is of a run that was killed.
PLACES = """\
home() { case $1 in /*) echo "$1" ;; *) echo "$HOME" ;; esac; }
set --"""
PLACE = f"""\
umask 077
for place; do  # one after another, until one will do
  case $place in /*) ;; *) place=$PWD/$place ;; esac
  say at "$place"
  if ! said=$(mkdir -p "$place" 2>&1); then
    say no "$place: $said"
    continue
  fi
  for old in "$place/{OURS}"*; do
    if [ -d "$old" ] && [ ! -h "$old" ] && [ -z "$(find "$old" -mtime -1 2>/dev/null | head -n 1)" ]; then
      rm -rf "$old"
    fi
  done
  free=$(df -Pk "$place" | sed -n '2s/  */ /gp' | cut -d ' ' -f 4)
  if [ "${{free:-0}}" -lt "$need" ]; then
    say no "$place: $free KiB free"
    continue
  fi
  if said=$(mkdir "$place/$name" 2>&1); then
    say folder "$place/$name"
    exit 0
  fi
  say no "$place: $said"
done
exit 1
"""


class HostAction(ActionBase):
    """Base of the actions that work on hosts: whatever ends them, nothing of theirs stays in a temporary folder."""

    TRANSFERS_FILES = False  # else Ansible makes a folder of its own before each of them

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do the action's work; a failure of ours is its result."""
        super().run(tmp, task_vars)
        try:
            with stoppable():
                return self.work(task_vars)
        except AirgapError as error:
            return {"failed": True, **error.as_result()}

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return the action's result."""
        raise NotImplementedError

    def cleanup(self, force: bool = False) -> None:
        """Remove the temporary folder, if there is one; Ansible calls this at the end, whatever that was."""
        with stoppable():
            super().cleanup(force)

    def takes_input(self) -> bool:
        """Tell whether a command may get its input: not by a connection that has none, nor past su.

        Whether it does is only known once it was tried. Other connections than ssh may answer a prompt of become by a
        terminal, from which the command would then read for ever: that is for who sets Ansible's ``pipelining``.
        """
        become = self._connection.become
        if not self._connection.has_pipelining or become is None:
            return bool(self._connection.has_pipelining)
        passes = bool(getattr(become, "pipelining", become.name != "su"))
        return passes and (self._connection.transport == "ssh" or self._is_pipelining_enabled("new"))

    def on_host(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Run the module of this action on the host with other options; return what is documented of its answer."""
        raise NotImplementedError

    def ask(
        self,
        script: str,
        names: str = "",
        limit: int = 0,
        sudoable: bool = True,
        keep: Iterable[str] = (),
        data: bytes = b"",
    ) -> Heard:
        """Run a POSIX shell script on the host and return what it said; see ``_contact.command`` and ``listen``.

        ``data`` is its input, for hosts that ``takes_input`` names.
        """
        mark = new_mark()
        line = command(script, mark, limit, keep, fed=bool(data))
        done = self._low_level_execute_command(line, sudoable=sudoable, in_data=data or None)
        heard = listen(str(done["stdout"]), mark, names)
        if heard.begun:
            return heard
        found = clean(f"{done.get('stderr', '')} {done['stdout']}", MESSAGE) or f"exit status {done['rc']}"
        return Heard((), found, begun=False, status=-1)

    def sh(self, what: str, host: str, script: str, names: str = "", limit: int = 0) -> Heard:
        """Run a script as ``ask`` does; raises AirgapError where it does not end well."""
        heard = self.ask(script, names, limit)
        if heard.status != 0:
            raise unheard(what, host, heard, limit)
        return heard

    def look(self, root: str, host: str) -> dict[str, str]:
        """Return what is on the host, and its runtime in the store at ``root``; see ``_bootstrap.parse_look``."""
        script = _look.look_script(root)
        return _bootstrap.parse_look(self.sh(LOOK, host, script, _look.LOOKED, _bootstrap.LOOK_LIMIT), root)

    # --- the temporary folder -------------------------------------------------------------------------------------

    def _make_tmp_path(self, remote_user: str | None = None) -> str:  # noqa: ARG002 - Ansible's
        return self._place(0)

    def _place(self, need: int) -> str:
        """Make a folder that is the remote user's alone, in the first place that has ``need`` bytes of room.

        It is made for Ansible too: what an rc file prints is not taken for the path, a home that is missing, full or
        read-only is no end, and folders that a killed run left are removed.
        """
        name = f"{OURS}{secrets.token_hex(12)}"
        places, keep = self._places()
        setting = " ".join([f"name={name}\nneed={-(-need >> 10)}\n{PLACES}", *places])
        try:
            heard = self.ask(f"{setting}\n{PLACE}", "folder|no", PLACE_LIMIT, sudoable=False, keep=keep)
        except Stopped:
            self.ask(f'{setting}\nfor place; do rm -rf "$place/$name"; done', "", PLACE_LIMIT, False, keep)
            raise
        folder = heard.first().get("folder", "")
        if heard.status != 0 or len(folder) > VALUE or not re.fullmatch(rf"(/[^/\x00-\x1f\x7f]+)+/{name}", folder):
            raise no_place(heard, need)
        self._cleanup_remote_tmp = True
        self._connection._shell.tmpdir = folder
        return folder

    def _places(self) -> tuple[list[str], list[str]]:
        """Return the folders to try, as words of shell, and the variables of the user's that are in them."""
        wanted = str(self.get_shell_option("remote_tmp", default="~/.ansible/tmp"))
        system = [str(path) for path in self.get_shell_option("system_tmpdirs", default=[])]
        if self._is_become_unprivileged() and wanted.rstrip("/") not in system:
            places = system  # the user that is become cannot get into the other one's home
        else:
            places = [wanted, *(path for path in system if path != wanted.rstrip("/"))]
        names = re.findall(r"\$\{?([A-Za-z_]\w*)", " ".join(places))
        return [self._word(path) for path in places], sorted({*names} - {"PATH", "HOME"})

    def _word(self, path: str) -> str:
        """Return a path as a word of shell in which ~ and $NAME mean the remote user's."""
        user = str(self._get_remote_user() or "")
        found = re.fullmatch(r"~([\w.-]*)(/.*)?", path, re.DOTALL)
        home = f'"$(home ~{found[1] or (user if re.fullmatch(NAME, user) else "")})"' if found else ""
        rest = (found[2] or "") if found else path
        return home + '"' + re.sub(r'([\\"`]|\$(?![A-Za-z_{]))', r"\\\1", rest) + '"'

    @contextmanager
    def folder_for(self, need: int, host: str) -> Iterator[str]:
        """Give the block a folder on the host with room for ``need`` bytes; gone after it.

        Raises AirgapError, before anything is sent, when the user that is become cannot be let into it.
        """
        folder = self._place(need)
        try:
            self._let_in([folder], host)
            yield folder
        finally:
            self._remove_tmp_path(folder)

    def put(self, folder: str, files: Mapping[str, Path | bytes], host: str) -> None:
        """Send files to a folder that ``folder_for`` made: by the name there, a path here or the content."""
        for name, file in files.items():
            path = self._connection._shell.join_path(folder, name)
            if isinstance(file, bytes):
                self._transfer_data(path, file)
            else:
                self._transfer_file(str(file), path)
        self._let_in([self._connection._shell.join_path(folder, name) for name in files], host)

    def _let_in(self, paths: list[str], host: str) -> None:
        if not self._is_become_unprivileged():
            return
        try:
            self._fixup_perms2(paths, execute=False)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            user = self.get_become_option("become_user")
            raise AirgapError(
                f"User {user} may not read what is sent to this host",
                code="upload-unreadable",
                wanted=f"a way to let {user}, and nobody else, read the files of {self._get_remote_user()}",
                found=clean(str(error), MESSAGE),
                where=f"{paths[0]} on {host}",
                remedy="install setfacl (package acl) on the host, or name a group of both users in "
                "ansible_common_remote_group, or connect as root or as that user; nothing was sent",
            ) from error


def no_place(heard: Heard, need: int) -> AirgapError:
    found = "; ".join(heard.of("no")) or heard.text or "no answer"
    if heard.begun and heard.status == -1:
        found = f"no end within {PLACE_LIMIT} s, at {heard.at}"
    return AirgapError(
        "There is no temporary folder on the host",
        code="no-temporary-folder",
        wanted=f"a folder that the remote user can write, with {-(-need >> 10)} KiB of room",
        found=clean(found, MESSAGE),
        where="remote_tmp and system_tmpdirs, as Ansible is set",
        remedy="free space there, or set ansible_remote_tmp to a folder that can be written",
    )


def unheard(what: str, host: str, heard: Heard, limit: int) -> AirgapError:
    """Return what to say when a script on a host did not end well."""
    if not heard.begun:
        return AirgapError(
            f"Could not {what}",
            code="host-unheard",
            wanted="an account whose login shell runs /bin/sh, with base64, env and gzip on the host",
            found=heard.text,
            where=host,
            remedy="fix what the message says: ansible -m raw -a true -vvv shows what this account answers",
        )
    if heard.status == -1:
        return AirgapError(
            f"Could not {what}",
            code="host-unheard",
            wanted=f"an answer within {limit} s" if limit else "an answer to the end",
            found=clean(f"none; it was at {heard.at or 'its beginning'} {heard.text}", MESSAGE),
            where=host,
            remedy="look there for a mount whose server is gone (df, stat and mount show it), then run again",
        )
    return AirgapError(
        f"Could not {what}",
        code="host-unheard",
        wanted="a POSIX shell with coreutils, tar and gzip, and space to write",
        found=heard.text or f"exit status {heard.status}",
        where=host,
        remedy="fix what the message says on the host, then run again; nothing was switched",
    )
