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

from ansible_collections.airgap.conda.plugins.module_utils._activation import USER_SITE

# A user's functions and aliases may have the names of the shell's own commands. $_AIRGAP_OWN goes before each of these,
# and what needs many of them is done by another sh. What is held open is a file and not the folder of the release: it
# is passed on to programs, and a folder would lead out of a sandbox that one of them makes. It takes a descriptor below
# 10 that is free: those are the ones that every shell has.
SCRIPT = """\
# Source this file. It activates the release that is current now; a shell that stays open keeps it after an update.
if \\builtin : 2>/dev/null; then _airgap_own=builtin; else _airgap_own=command; fi
_airgap_prefix=$(/bin/sh -c 'command cd -P -- "$1" 2>/dev/null && command pwd -P' sh {path}) || _airgap_prefix=
case $_airgap_prefix in
  '')
    /bin/sh -c 'printf "airgap.conda: %s is missing: deploy the environment %s to this host\\n" "$@"' \\
      sh {path} {env} >&2
    "$_airgap_own" unset _airgap_prefix _airgap_own
    \\return 1 2>/dev/null || \\exit 1 ;;
esac
# Set by this shell, and not by one that it is a child of.
case ${{_AIRGAP_OLD_PATH+set}} in
  set) if "$_airgap_own" command -v _airgap_deactivate >/dev/null; then _airgap_deactivate; fi ;;
esac
_AIRGAP_OWN=$_airgap_own
_AIRGAP_OLD_PATH=$PATH
_AIRGAP_OLD_PS1=${{PS1-}}
CONDA_PREFIX=$_airgap_prefix
CONDA_DEFAULT_ENV={env}
PATH=$CONDA_PREFIX/bin:$PATH
case ${{PS1-}} in
  ?*) PS1="({env}) $PS1" ;;
esac
"$_AIRGAP_OWN" export PATH CONDA_PREFIX CONDA_DEFAULT_ENV
# Python takes packages from the release only, as the checks do.
"$_AIRGAP_OWN" unset _AIRGAP_OLD_NOUSERSITE
case ${{PYTHONNOUSERSITE+set}} in
  set) _AIRGAP_OLD_NOUSERSITE=$PYTHONNOUSERSITE ;;
esac
if ! "$_AIRGAP_OWN" [ -e "$CONDA_PREFIX/{user_site}" ]; then
  PYTHONNOUSERSITE=1
  "$_AIRGAP_OWN" export PYTHONNOUSERSITE
fi
# Packages bring scripts that are not written for 'set -u'; zsh takes a pattern that matches nothing for an error.
_airgap_source() {{
  case $- in *u*) _airgap_u=-u ;; *) _airgap_u=+u ;; esac
  case $- in *f*) _airgap_f=-f ;; *) _airgap_f=+f ;; esac
  case $_AIRGAP_OWN${{ZSH_VERSION+-zsh}} in
    builtin-zsh) \\builtin setopt localoptions nonomatch glob unset ;;
    *) "$_AIRGAP_OWN" set +u +f ;;
  esac
  for _airgap_script in "$CONDA_PREFIX/etc/conda/$1"/*.sh; do
    if "$_AIRGAP_OWN" [ -r "$_airgap_script" ]; then "$_AIRGAP_OWN" . "$_airgap_script"; fi
  done
  case $_AIRGAP_OWN${{ZSH_VERSION+-zsh}} in
    builtin-zsh) ;;
    *) "$_AIRGAP_OWN" set "$_airgap_u" "$_airgap_f" ;;
  esac
  "$_AIRGAP_OWN" unset _airgap_script _airgap_u _airgap_f
}}
# As long as a process has a file of a release open, no deploy removes that release.
_airgap_hold() {{
  case ${{ZSH_VERSION+zsh}} in zsh) _AIRGAP_EXEC=builtin ;; *) _AIRGAP_EXEC=command ;; esac
  _AIRGAP_FILE=$(/bin/sh -c '
    first() {{
      for file; do if [ -f "$file" ] && [ -r "$file" ] && [ ! -L "$file" ]; then printf %s "$file"; exit; fi; done
    }}
    first "$1"/conda-meta/*
    first "$1"/*/* "$1"/*' sh "$CONDA_PREFIX") || _AIRGAP_FILE=
  for _AIRGAP_FD in 9 8 7 6 5 4 3 ''; do
    if "$_AIRGAP_OWN" [ -d /proc/self/fd ] && ! "$_AIRGAP_OWN" [ -e "/proc/self/fd/$_AIRGAP_FD" ]; then break; fi
  done
  case $_AIRGAP_FILE in ?*) case $_AIRGAP_FD in
    ?) {{ "$_AIRGAP_OWN" eval "\\$_AIRGAP_EXEC exec $_AIRGAP_FD<\\"\\$_AIRGAP_FILE\\""; }} 2>/dev/null || : ;;
  esac ;; esac
}}
_airgap_let_go() {{
  # Another file has this number if somebody opened one since.
  case $_AIRGAP_FD in
    ?) if "$_AIRGAP_OWN" [ "/proc/self/fd/$_AIRGAP_FD" -ef "$_AIRGAP_FILE" ]; then
         "$_AIRGAP_OWN" eval "\\$_AIRGAP_EXEC exec $_AIRGAP_FD<&-"
       fi ;;
  esac
}}
_airgap_deactivate() {{
  _airgap_source deactivate.d
  PATH=$_AIRGAP_OLD_PATH
  case $_AIRGAP_OLD_PS1 in
    ?*) PS1=$_AIRGAP_OLD_PS1 ;;
  esac
  "$_AIRGAP_OWN" unset PYTHONNOUSERSITE
  case ${{_AIRGAP_OLD_NOUSERSITE+set}} in
    set)
      PYTHONNOUSERSITE=$_AIRGAP_OLD_NOUSERSITE
      "$_AIRGAP_OWN" export PYTHONNOUSERSITE ;;
  esac
  _airgap_let_go
  "$_AIRGAP_OWN" unset CONDA_PREFIX CONDA_DEFAULT_ENV _AIRGAP_OLD_PATH _AIRGAP_OLD_PS1 _AIRGAP_OLD_NOUSERSITE
  "$_AIRGAP_OWN" unset _AIRGAP_FILE _AIRGAP_FD _AIRGAP_EXEC
  "$_AIRGAP_OWN" unset -f deactivate _airgap_deactivate _airgap_source _airgap_hold _airgap_let_go 2>/dev/null || :
  "$_AIRGAP_OWN" hash -r 2>/dev/null || :
  "$_AIRGAP_OWN" unset _AIRGAP_OWN
}}
deactivate() {{
  _airgap_deactivate
}}
"$_AIRGAP_OWN" unset _airgap_prefix _airgap_own
"$_AIRGAP_OWN" hash -r 2>/dev/null || :
_airgap_hold
_airgap_source activate.d
"""


def activate_script(env: str, path: Path) -> str:
    """Return the text of a script that activates the release at ``path`` (a release, or ``current``)."""
    return SCRIPT.format(env=env, path=shlex.quote(str(path)), user_site=USER_SITE)


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
        if test (builtin count $after) -eq 0 # a script of the release ended sh
            _airgap_deactivate
            return 1
        end
        for name in $before
            if not builtin contains -- $name $after; and _airgap_keep $name
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
        builtin functions -e deactivate _airgap_activate _airgap_keep _airgap_deactivate
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
