# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The script that users source: it resolves ``current`` once, then activates that very release.

conda-pack's own bin/activate fails under ``set -u`` and finds a wrong prefix in dash.
"""

from __future__ import annotations

import shlex
from pathlib import Path

SCRIPT = """\
# Source this file. It activates the release that is current now; a shell that stays open keeps it after an update.
_airgap_prefix=$(cd -P -- {path} 2>/dev/null && pwd -P) || _airgap_prefix=
if [ -z "$_airgap_prefix" ]; then
  echo "airgap.conda: "{path}" is missing: deploy the environment {env} to this host" >&2
  unset _airgap_prefix
  return 1 2>/dev/null || exit 1
fi
if [ -n "${{_AIRGAP_OLD_PATH+set}}" ] && command -v _airgap_source >/dev/null; then deactivate; fi
_AIRGAP_OLD_PATH=$PATH
_AIRGAP_OLD_PS1=${{PS1-}}
CONDA_PREFIX=$_airgap_prefix
CONDA_DEFAULT_ENV={env}
PATH=$CONDA_PREFIX/bin:$PATH
if [ -n "${{PS1-}}" ]; then PS1="({env}) $PS1"; fi
export PATH CONDA_PREFIX CONDA_DEFAULT_ENV
unset _airgap_prefix
# Packages bring scripts that are not written for 'set -u'; zsh takes a pattern that matches nothing for an error.
_airgap_source() {{
  if [ -n "${{ZSH_VERSION-}}" ]; then setopt localoptions nonomatch; fi
  case $- in *u*) _airgap_unset=-u ;; *) _airgap_unset=+u ;; esac
  set +u
  for _airgap_script in "$CONDA_PREFIX/etc/conda/$1"/*.sh; do
    if [ -r "$_airgap_script" ]; then . "$_airgap_script"; fi
  done
  set $_airgap_unset
  unset _airgap_script _airgap_unset
}}
deactivate() {{
  _airgap_source deactivate.d
  PATH=$_AIRGAP_OLD_PATH
  if [ -n "$_AIRGAP_OLD_PS1" ]; then PS1=$_AIRGAP_OLD_PS1; fi
  unset CONDA_PREFIX CONDA_DEFAULT_ENV _AIRGAP_OLD_PATH _AIRGAP_OLD_PS1
  unset -f deactivate _airgap_source
  hash -r 2>/dev/null || :
}}
hash -r 2>/dev/null || :
_airgap_source activate.d
"""


def activate_script(env: str, path: Path) -> str:
    """Return the text of a script that activates the release at ``path`` (a release, or ``current``)."""
    return SCRIPT.format(env=env, path=shlex.quote(str(path)))
