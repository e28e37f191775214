# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The script that users source: it resolves ``current`` once, then activates that very release.

conda-pack's own bin/activate fails under ``set -u`` and finds a wrong prefix in dash. What users of the other families
of shells source is in ``_activate_files``.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.variables import USER_SITE

# What `activate` sources before the scripts of packages: one call a variable, made at the build (_env_vars).
VARIABLES = "etc/conda/airgap-conda.env.sh"
# A shell of another family says here which suffix its own scripts have: a script that comes in both is left to it.
SUFFIX = "_AIRGAP_SUFFIX"

# Prints a file of the folder $1 that a user of the release can hold open: no link, which may lead out of it.
FIRST = """\
first() {
  for file; do if [ -f "$file" ] && [ -r "$file" ] && [ ! -L "$file" ]; then printf %s "$file"; exit; fi; done
}
first "$1"/conda-meta/*
first "$1"/*/* "$1"/*"""

# A user's functions and aliases may have the names of the shell's own commands. $_AIRGAP_OWN goes before each of these,
# and what needs many of them is done by another sh. What is held open is a file and not the folder of the release: it
# is passed on to programs, and a folder would lead out of a sandbox that one of them makes. It takes a descriptor below
# 10 that is free: those are the ones that every shell has. What conda keeps in variables (CONDA_PREFIX_1, CONDA_SHLVL)
# is kept in the same ones, so that both can be nested in each other.
SCRIPT = """\
# Source this file. It activates the release that is current now; a shell that stays open keeps it after an update.
if \\builtin : 2>/dev/null; then _airgap_own=builtin; else _airgap_own=command; fi
case $("$_airgap_own" echo own 2>/dev/null) in
  own) ;;
  *)
    /bin/sh -c 'printf "airgap.conda: your shell has a function %s, so %s is not activated: unset -f %s\\n" "$@"' \\
      sh "$_airgap_own" {env} "$_airgap_own" >&2
    \\return 1 2>/dev/null || \\exit 1 ;;
esac
_airgap_prefix=$(/bin/sh -c 'command cd -P -- "$1" 2>/dev/null && command pwd -P' sh {path}) || _airgap_prefix=
case $_airgap_prefix in
  '')
    /bin/sh -c 'printf "airgap.conda: %s is missing: deploy the environment %s to this host\\n" "$@"' \\
      sh {path} {env} >&2
    "$_airgap_own" unset _airgap_prefix _airgap_own
    \\return 1 2>/dev/null || \\exit 1 ;;
esac
_AIRGAP_OWN=$_airgap_own
# Packages bring scripts that are not written for 'set -u' and 'set -e'; zsh takes a pattern that matches nothing for an
# error. They come in the order of bytes, as in conda, whatever the language of the user.
_airgap_source() {{
  case $- in *e*) _airgap_e=-e ;; *) _airgap_e=+e ;; esac
  case $- in *u*) _airgap_u=-u ;; *) _airgap_u=+u ;; esac
  case $- in *f*) _airgap_f=-f ;; *) _airgap_f=+f ;; esac
  _airgap_list=$(LC_ALL=C /bin/sh -c '
    list= end="
"
    for file in "$1"/*.sh; do
      if [ ! -f "$file" ] || [ ! -r "$file" ]; then continue; fi
      if [ -n "$3" ] && [ -r "${{file%.sh}}.$3" ]; then continue; fi
      case $2 in activate.d) list=$list$file$end ;; *) list=$file$end$list ;; esac
    done
    printf %s "$list"' sh "$CONDA_PREFIX/etc/conda/$1" "$1" "${{{suffix}-}}") || _airgap_list=
  while "$_AIRGAP_OWN" [ -n "$_airgap_list" ]; do
    _airgap_script=${{_airgap_list%%"
"*}}
    _airgap_list=${{_airgap_list#"$_airgap_script"}}
    _airgap_list=${{_airgap_list#"
"}}
    case $_AIRGAP_OWN${{ZSH_VERSION+-zsh}} in
      builtin-zsh) \\builtin setopt localoptions nonomatch glob unset noerrexit ;;
      *) "$_AIRGAP_OWN" set +e +u +f ;;
    esac
    "$_AIRGAP_OWN" . "$_airgap_script" || "$_AIRGAP_OWN" :
  done
  case $_AIRGAP_OWN${{ZSH_VERSION+-zsh}} in
    builtin-zsh) ;;
    *) "$_AIRGAP_OWN" set "$_airgap_e" "$_airgap_u" "$_airgap_f" ;;
  esac
  "$_AIRGAP_OWN" unset _airgap_script _airgap_list _airgap_e _airgap_u _airgap_f
}}
# Set a variable, or give its old value back; what it was stands where conda keeps it as well.
_airgap_set() {{
  _airgap_old=__CONDA_SHLVL_${{_airgap_below}}_$1
  "$_AIRGAP_OWN" unset "$_airgap_old"
  "$_AIRGAP_OWN" eval "case \\${{$1+set}} in
    set) $_airgap_old=\\$$1; \\"\\$_AIRGAP_OWN\\" export $_airgap_old ;; esac"
  "$_AIRGAP_OWN" export "$1=$2"
}}
_airgap_give_back() {{
  _airgap_old=__CONDA_SHLVL_${{_airgap_below}}_$1
  "$_AIRGAP_OWN" eval "case \\${{$_airgap_old+set}} in
    set) $1=\\$$_airgap_old; \\"\\$_AIRGAP_OWN\\" export $1 ;; *) \\"\\$_AIRGAP_OWN\\" unset $1 ;; esac"
  "$_AIRGAP_OWN" unset "$_airgap_old"
}}
# Python takes packages from the release only, as the checks do.
_airgap_variables() {{
  if "$_AIRGAP_OWN" [ -r "$CONDA_PREFIX/{variables}" ]; then "$_AIRGAP_OWN" . "$CONDA_PREFIX/{variables}"; fi
  if ! "$_AIRGAP_OWN" [ -e "$CONDA_PREFIX/{user_site}" ]; then _airgap_variable PYTHONNOUSERSITE 1; fi
  "$_AIRGAP_OWN" unset _airgap_old
}}
# Put the programs of $2 in the place of those of $1; without $2 nothing.
_airgap_path() {{
  _airgap_rest=:${{PATH-}}:
  case $_airgap_rest in
    *":$1/bin:"*)
      _airgap_rest=${{_airgap_rest%%":$1/bin:"*}}:${{2:+$2/bin:}}${{_airgap_rest#*":$1/bin:"}}
      _airgap_rest=${{_airgap_rest#:}}
      PATH=${{_airgap_rest%:}} ;;
    *) PATH=${{2:+$2/bin}}${{2:+${{PATH:+:}}}}${{PATH-}} ;;
  esac
  "$_AIRGAP_OWN" export PATH
  "$_AIRGAP_OWN" unset _airgap_rest
}}
# Put $1 before the prompt in the place of what stands there from before.
_airgap_prompt() {{
  case ${{PS1-}} in
    ''|*POWERLINE_COMMAND*) ;;
    *"${{CONDA_PROMPT_MODIFIER:-(no modifier)}}"*)
      PS1=$1${{PS1%%"$CONDA_PROMPT_MODIFIER"*}}${{PS1#*"$CONDA_PROMPT_MODIFIER"}} ;;
    *) PS1=$1$PS1 ;;
  esac
}}
# As long as a process has a file of a release open, no deploy removes that release.
_airgap_hold() {{
  case ${{ZSH_VERSION+zsh}} in zsh) _AIRGAP_EXEC=builtin ;; *) _AIRGAP_EXEC=command ;; esac
  _airgap_let_go
  _AIRGAP_FILE=$(/bin/sh -c {first} sh "$CONDA_PREFIX") || _AIRGAP_FILE=
  for _AIRGAP_FD in 9 8 7 6 5 4 3 ''; do
    if "$_AIRGAP_OWN" [ -d /proc/self/fd ] && ! "$_AIRGAP_OWN" [ -e "/proc/self/fd/$_AIRGAP_FD" ]; then break; fi
  done
  case $_AIRGAP_FILE in ?*) case $_AIRGAP_FD in
    ?) {{ "$_AIRGAP_OWN" eval "\\$_AIRGAP_EXEC exec $_AIRGAP_FD<\\"\\$_AIRGAP_FILE\\""; }} 2>/dev/null || : ;;
  esac ;; esac
  "$_AIRGAP_OWN" eval "_AIRGAP_FD_$CONDA_SHLVL=\\$_AIRGAP_FD _AIRGAP_FILE_$CONDA_SHLVL=\\$_AIRGAP_FILE"
}}
_airgap_let_go() {{
  "$_AIRGAP_OWN" eval "_AIRGAP_FD=\\${{_AIRGAP_FD_$CONDA_SHLVL-}} _AIRGAP_FILE=\\${{_AIRGAP_FILE_$CONDA_SHLVL-}}"
  # Another file has this number if somebody opened one since.
  case $_AIRGAP_FD in
    ?) if "$_AIRGAP_OWN" [ "/proc/self/fd/$_AIRGAP_FD" -ef "$_AIRGAP_FILE" ]; then
         "$_AIRGAP_OWN" eval "\\$_AIRGAP_EXEC exec $_AIRGAP_FD<&-"
       fi ;;
  esac
  "$_AIRGAP_OWN" unset "_AIRGAP_FD_$CONDA_SHLVL" "_AIRGAP_FILE_$CONDA_SHLVL" _AIRGAP_FD _AIRGAP_FILE
}}
# What is active becomes $1, an environment called $2: the first, or in the place of another one until deactivate.
_airgap_activate() {{
  case ${{CONDA_PREFIX:+${{CONDA_SHLVL-}}}} in
    [1-9]|[1-9][0-9]) _airgap_below=$CONDA_SHLVL ;;
    *) _airgap_below=0 ;;
  esac
  _airgap_again=
  # This release is active already, here or in the shell that this one is a child of; or another one of its environment.
  case $_airgap_below/${{CONDA_PREFIX-}} in
    0/*) ;;
    */"$1")
      _airgap_source deactivate.d
      _airgap_again=again
      _airgap_below=$((CONDA_SHLVL - 1)) ;;
    */"${{1%/*}}"/*)
      _airgap_deactivate keep
      _airgap_below=${{CONDA_SHLVL:-0}} ;;
  esac
  case $_airgap_below/${{CONDA_SHLVL:-0}} in
    0/0) "$_AIRGAP_OWN" eval "_AIRGAP_CONDA=\\${{CONDA_SHLVL+set}}" ;;
    "${{CONDA_SHLVL:-0}}/$_airgap_below")
      _airgap_source deactivate.d
      "$_AIRGAP_OWN" export "CONDA_PREFIX_$_airgap_below=$CONDA_PREFIX"
      "$_AIRGAP_OWN" eval "_AIRGAP_ENV_$_airgap_below=\\${{CONDA_DEFAULT_ENV-}}"
      "$_AIRGAP_OWN" eval "_AIRGAP_PROMPT_$_airgap_below=\\${{CONDA_PROMPT_MODIFIER-}}" ;;
  esac
  case $_airgap_below in 0) _airgap_path "$1" "$1" ;; *) _airgap_path "$CONDA_PREFIX" "$1" ;; esac
  _airgap_prompt "($2) "
  "$_AIRGAP_OWN" export "CONDA_PREFIX=$1" "CONDA_SHLVL=$((_airgap_below + 1))" "CONDA_DEFAULT_ENV=$2"
  "$_AIRGAP_OWN" export "CONDA_PROMPT_MODIFIER=($2) "
  case $_airgap_again in
    again) _airgap_variable() {{ "$_AIRGAP_OWN" export "$1=$2"; }} ;;
    *) _airgap_variable() {{ _airgap_set "$@"; }} ;;
  esac
  _airgap_variables
  "$_AIRGAP_OWN" hash -r 2>/dev/null || :
  _airgap_hold
  _airgap_source activate.d
  "$_AIRGAP_OWN" unset _airgap_below _airgap_again
}}
_airgap_deactivate() {{
  _airgap_below=$((CONDA_SHLVL - 1))
  "$_AIRGAP_OWN" eval "_airgap_prefix=\\${{CONDA_PREFIX_$_airgap_below-}}"
  _airgap_path "$CONDA_PREFIX" "$_airgap_prefix"
  _airgap_source deactivate.d
  _airgap_variable() {{ _airgap_give_back "$@"; }}
  _airgap_variables
  _airgap_let_go
  case $_airgap_below in
    0)
      _airgap_prompt ''
      "$_AIRGAP_OWN" unset CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_PROMPT_MODIFIER
      CONDA_SHLVL=0
      case ${{_AIRGAP_CONDA-}} in '') "$_AIRGAP_OWN" unset CONDA_SHLVL ;; esac
      "$_AIRGAP_OWN" unset _AIRGAP_CONDA _airgap_ours ;;
    *)
      "$_AIRGAP_OWN" eval "_airgap_env=\\${{_AIRGAP_ENV_$_airgap_below-}}"
      "$_AIRGAP_OWN" eval "_airgap_modifier=\\${{_AIRGAP_PROMPT_$_airgap_below-}}"
      "$_AIRGAP_OWN" eval "_airgap_ours=\\${{_AIRGAP_FD_$_airgap_below+set}}"
      _airgap_prompt "$_airgap_modifier"
      "$_AIRGAP_OWN" export "CONDA_PREFIX=$_airgap_prefix" "CONDA_SHLVL=$_airgap_below"
      "$_AIRGAP_OWN" export "CONDA_DEFAULT_ENV=${{_airgap_env:-$_airgap_prefix}}"
      "$_AIRGAP_OWN" export "CONDA_PROMPT_MODIFIER=$_airgap_modifier"
      "$_AIRGAP_OWN" unset "CONDA_PREFIX_$_airgap_below" "_AIRGAP_ENV_$_airgap_below" "_AIRGAP_PROMPT_$_airgap_below"
      _airgap_source activate.d ;;
  esac
  "$_AIRGAP_OWN" hash -r 2>/dev/null || :
  "$_AIRGAP_OWN" unset _airgap_prefix _airgap_env _airgap_modifier _airgap_below
  case ${{1-}}${{_airgap_ours-}} in
    '')
      "$_AIRGAP_OWN" unset -f deactivate _airgap_activate _airgap_deactivate _airgap_source 2>/dev/null || :
      "$_AIRGAP_OWN" unset -f _airgap_let_go _airgap_set _airgap_give_back _airgap_variable 2>/dev/null || :
      "$_AIRGAP_OWN" unset -f _airgap_hold _airgap_variables _airgap_path _airgap_prompt 2>/dev/null || :
      "$_AIRGAP_OWN" unset _AIRGAP_EXEC _airgap_ours
      "$_AIRGAP_OWN" unset _AIRGAP_OWN ;;
  esac
}}
deactivate() {{
  _airgap_deactivate
}}
"$_AIRGAP_OWN" unset _airgap_own
_airgap_activate "$_airgap_prefix" {env}
"$_AIRGAP_OWN" unset _airgap_prefix
"""


def activate_script(env: str, path: Path) -> str:
    """Return the text of a script that activates the release at ``path`` (a release, or ``current``)."""
    return SCRIPT.format(
        env=env,
        path=shlex.quote(str(path)),
        user_site=USER_SITE,
        variables=VARIABLES,
        suffix=SUFFIX,
        first=shlex.quote(FIRST),
    )
