# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scripts that users source: each resolves ``current`` once, then activates that very release.

conda-pack's own bin/activate fails under ``set -u`` and finds a wrong prefix in dash. fish is no POSIX shell: its
script has sh activate the release, and takes over what that does to the variables. So the scripts that packages bring
for sh count in fish too, and there is one way in which a value is computed.
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


# fish 3.0 brought 'read --delimiter'; the older way, IFS, is deprecated.
FISH = """\
# Source this file in fish. It activates the release that is current now; a shell that stays open keeps it after an
# update. sh runs the scripts of the release; fish takes over what they do to the exported variables.
if not test -d {current}/
    command sh {activate} # it says what is missing
else
    if set -q _airgap_changed
        _airgap_deactivate
    end
    function _airgap_activate
        set -l pairs
        set -l before
        set -l after
        command env -0 | while read -lz -d = name value
            set pairs $pairs "$name=$value"
            set before $before $name
        end
        set -g _airgap_changed
        command sh -c '. "$1" >&2 && exec env -0' sh {activate} | while read -lz -d = name value
            set after $after $name
            if not contains -- "$name=$value" $pairs; and _airgap_keep $name
                set -gx $name $value
            end
        end
        if test (count $after) -eq 0 # a script of the release ended sh
            _airgap_deactivate
            return 1
        end
        for name in $before
            if not contains -- $name $after; and _airgap_keep $name
                set -eg $name
            end
        end
    end
    # Remember a variable that is about to change; refuse those that belong to the shell itself.
    function _airgap_keep
        if not string match -qr '^(?!(PWD|OLDPWD|SHLVL|_)$)[A-Za-z_][A-Za-z0-9_]*$' -- $argv
            return 1
        end
        if set -qgx $argv
            set -g _airgap_old_$argv -gx $$argv
        else if set -qg $argv
            set -g _airgap_old_$argv -gu $$argv
        end
        set _airgap_changed $_airgap_changed $argv
    end
    function _airgap_deactivate
        for name in $_airgap_changed
            set -l kept _airgap_old_$name
            if set -q $kept
                set -l value $$kept
                set -l scope $value[1]
                set -e value[1]
                set $scope $name $value
                set -eg $kept
            else
                set -eg $name
            end
        end
        set -eg _airgap_changed
        functions -e deactivate _airgap_activate _airgap_keep _airgap_deactivate
    end
    function deactivate
        _airgap_deactivate
    end
    _airgap_activate
end
"""


def activate_files(env: str, folder: Path) -> dict[str, str]:
    """Return name -> text of the scripts that stand beside ``current`` in the folder of an environment."""
    fish = FISH.format(current=_fish_quote(folder / "current"), activate=_fish_quote(folder / "activate"))
    return {"activate": activate_script(env, folder / "current"), "activate.fish": fish}


def _fish_quote(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
