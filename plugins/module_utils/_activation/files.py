# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scripts next to ``current``, one for each family of shells.

fish and csh are no POSIX shells: theirs have bash or sh activate the release, and take over what that does to the
variables. So the scripts that packages bring for sh count there too, and there is one way in which a value is computed.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import FIRST, SUFFIX, activate_script
from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import FIND_BASH

# Sources the script $1 and prints the variables. Packages' scripts are written for bash more often than for sh.
PRINT = f"""{FIND_BASH}
exec $shell -c '. "$1" >&2 && unset {SUFFIX} && exec env -0' sh "$1"
"""
# Prints the scripts in the folder $1 with the suffix $3; those of deactivate.d backwards.
SCRIPTS = """\
list=
for file in "$1"/*."$3"; do
  if [ ! -f "$file" ] || [ ! -r "$file" ]; then continue; fi
  case $2 in
    activate.d) printf "%s\\n" "$file" ;;
    *) list="$file
$list" ;;
  esac
done
printf %s "$list"
"""
# fish and csh cannot hold a file open: a program does it for the shell $2, and ends with it. Prints its number.
HOLD = f"""\
file=$({FIRST})
[ -n "$file" ] || exit 0
(cd / && exec tail --pid="$2" --sleep-interval=5 --follow /dev/null) <"$file" >/dev/null 2>&1 &
printf %s "$!"
"""
# Ends the program $1 that HOLD started; another one has its number if it ended before.
LET_GO = 'case $(cat "/proc/$1/comm" 2>/dev/null) in tail) kill "$1" ;; esac'
# fish 3.0 brought 'read --delimiter'; the older way, IFS, is deprecated. _airgap_level counts the environments that are
# active in this fish, one in the place of the other; what the names of variables end in belongs to that level.
FISH = """\
# Source this file in fish. It activates the release that is current now; a shell that stays open keeps it after an
# update. sh runs the scripts of the release that are not there for fish as well; fish takes over what they do to the
# exported variables, and then runs its own.
if not test -d {current}/
    command sh {activate} # it says what is missing
else
    function _airgap_activate
        set -l pairs
        set -l before
        set -l after
        set -l top _airgap_folder_$_airgap_level
        if not set -q _airgap_level
            set -g _airgap_level 0
        else if test "$$top" = {folder} # another release of it, or the same one again
            _airgap_deactivate keep
        else
            _airgap_run deactivate.d
        end
        command env -0 | while read -lz -d = name value
            set pairs $pairs "$name=$value"
            set before $before $name
        end
        set -g _airgap_level (math $_airgap_level + 1)
        set -g _airgap_folder_$_airgap_level {folder}
        set -g _airgap_prefix_$_airgap_level
        set -g _airgap_changed_$_airgap_level
        command env {suffix}=fish {printer} {activate} | while read -lz -d = name value
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
        set -g _airgap_prefix_$_airgap_level $CONDA_PREFIX
        set -g _airgap_holder_$_airgap_level (command sh -c {hold} sh $CONDA_PREFIX $fish_pid)
        _airgap_run activate.d
    end
    # Run the scripts for fish of what is active, from this folder of theirs.
    function _airgap_run
        set -l prefix _airgap_prefix_$_airgap_level
        if test -n "$$prefix"
            for script in (command env LC_ALL=C /bin/sh -c {scripts} sh $$prefix/etc/conda/$argv[1] $argv[1] fish)
                source $script
            end
        end
    end
    # Remember a variable that is about to change; refuse those that belong to the shell itself.
    function _airgap_keep
        if not string match -qr '^(?!(PWD|OLDPWD|SHLVL|_)$)[A-Za-z_][A-Za-z0-9_]*$' -- $argv
            return 1
        end
        set -l kept _airgap_old_"$_airgap_level"_$argv
        if set -qgx $argv
            set -g $kept -gx $$argv
        else if set -qg $argv
            set -g $kept -gu $$argv
        end
        set -g -a _airgap_changed_$_airgap_level $argv
    end
    function _airgap_deactivate
        _airgap_run deactivate.d
        set -l holder _airgap_holder_$_airgap_level
        if test -n "$$holder"
            command sh -c {let_go} sh $$holder
        end
        set -eg $holder
        set -l changed _airgap_changed_$_airgap_level
        for name in $$changed
            set -l kept _airgap_old_"$_airgap_level"_$name
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
        set -eg _airgap_changed_$_airgap_level
        set -eg _airgap_prefix_$_airgap_level
        set -eg _airgap_folder_$_airgap_level
        set -g _airgap_level (math $_airgap_level - 1)
        if test $_airgap_level -gt 0
            test "$argv" = keep; or _airgap_run activate.d
        else if test "$argv" != keep
            set -eg _airgap_level
            builtin functions -e deactivate _airgap_activate _airgap_run _airgap_keep _airgap_deactivate
        end
    end
    function deactivate
        _airgap_deactivate
    end
    _airgap_activate
end
"""


# The lines that begin with '#:' are for sh: what it prints is the folder of a file for csh to source. A variable of csh
# keeps the commands that undo it, each in quotes of its own; there is no loop in an alias, so it sources this file.
CSH = """\
# Source this file in csh or tcsh. It activates the release that is current now; a shell that stays open keeps it after
# an update. sh runs the scripts of the release that are not there for csh as well; csh takes over what they do to the
# environment, and then runs its own.
set _airgap_self = {self}
set _airgap_status = 0
if ($?_airgap_active) then
  if ($?_airgap_leave || $_airgap_active[1]:q == $_airgap_self:q) then
    while ($_airgap_undo[1]:q != end)
      eval $_airgap_undo[1]:q
      shift _airgap_undo
    end
    shift _airgap_undo
    shift _airgap_active
    if ($#_airgap_active == 0) then
      unset _airgap_active _airgap_undo _airgap_prompts
      unalias deactivate
    endif
    rehash
  endif
endif
if ($?_airgap_leave) then
  unset _airgap_leave
else
  set _airgap_folder = `/bin/sh -c 'eval "$(sed -n "s/^#: \\{{0,1\\}}//p" "$1")"' sh $_airgap_self:q $$`
  if ($#_airgap_folder > 0) then
    if (! $?_airgap_active) set _airgap_active = ()
    if (! $?_airgap_undo) set _airgap_undo = ()
    set _airgap_active = ($_airgap_self:q $_airgap_active:q)
    if ($?prompt) then
      if (! $?_airgap_prompts) set _airgap_prompts = ()
      set _airgap_prompts = ($prompt:q $_airgap_prompts:q)
      set _airgap_undo = ('set prompt = $_airgap_prompts[1]:q; shift _airgap_prompts' end $_airgap_undo:q)
      set prompt = '({env}) '$prompt:q
    else
      set _airgap_undo = (end $_airgap_undo:q)
    endif
    source $_airgap_folder:q/set
    rm -rf $_airgap_folder:q
    alias deactivate 'set _airgap_leave; source $_airgap_active[1]:q'
    rehash
  else
    set _airgap_status = 1
  endif
  unset _airgap_folder
endif
eval "unset _airgap_self _airgap_status; /bin/sh -c 'exit $_airgap_status'"
{helper}"""
HELPER = """\
activate={activate}
let_go={let_go}
case ${{TMPDIR-}} in *[!A-Za-z0-9._/-]*) TMPDIR=/tmp ;; esac
folder=$(mktemp -d) || exit 1
bytes() {{ LC_ALL=C "$@"; }}
only='/^[A-Za-z_][A-Za-z0-9_]*=/!d; /^(PWD|OLDPWD|SHLVL|_)=/d'
quote="s/'/'\\\\\\\\''/g; s/!/\\\\\\\\!/g; s/\\n/\\\\\\\\\\n/g"
setenv="s/^([^=]*)=(.*)\\$/setenv \\1 '\\2'/"
env -0 | bytes sort -z | bytes sed -zE "$only" >"$folder/before"
env {suffix}=csh /bin/sh -c {printer} sh "$activate" | bytes sort -z | bytes sed -zE "$only" >"$folder/after"
if [ ! -s "$folder/after" ]; then rm -rf "$folder"; exit 1; fi
for side in before after; do bytes cut -z -d= -f1 "$folder/$side" | bytes sort -zu >"$folder/$side-names"; done
shell=$2
prefix=$(tr '\\0\\n' '\\n\\0' <"$folder/after" | sed -n 's/^CONDA_PREFIX=//p')
case ${{CONDA_SHLVL-}} in ''|0|*[!0-9]*) outer= ;; *) outer=${{CONDA_PREFIX-}} ;; esac
scripts() {{
  /bin/sh -c {scripts} sh "$1/etc/conda/$2" "$2" csh |
    tr '\\n' '\\0' | bytes sed -zE "$quote; s/^(.*)\\$/source '\\1'/"
}}
{{
  case $outer in ''|"$prefix") ;; *) scripts "$outer" deactivate.d ;; esac
  bytes comm -z -13 "$folder/before" "$folder/after" | bytes sed -zE "$quote; $setenv"
  bytes comm -z -23 "$folder/before-names" "$folder/after-names" | bytes sed -z 's/^/unsetenv /'
  scripts "$prefix" activate.d
}} | tr '\\0' '\\n' >"$folder/set"
{{
  holder=$(/bin/sh -c {hold} sh "$prefix" "$shell")
  case $holder in ?*) printf '/bin/sh -c %s sh %s\\0' "$let_go" "$holder" ;; esac
  scripts "$prefix" deactivate.d
  bytes comm -z -13 "$folder/before-names" "$folder/after-names" | bytes sed -z 's/^/unsetenv /'
  bytes comm -z -23 "$folder/before" "$folder/after" | bytes sed -zE "$quote; $setenv"
  case $outer in ''|"$prefix") ;; *) scripts "$outer" activate.d ;; esac
}} | bytes sed -zE "$quote; s/^(.*)\\$/'\\1'/" | tr '\\0' ' ' >"$folder/undo"
printf 'set _airgap_undo = (%s $_airgap_undo:q)\\n' "$(cat "$folder/undo")" >>"$folder/set"
printf '%s\\n' "$folder"
"""


def activate_files(env: str, folder: Path) -> dict[str, str]:
    """Return name -> text of the scripts next to ``current`` in the folder of an environment."""
    fish = FISH.format(
        folder=_fish_quote(str(folder)),
        current=_fish_quote(str(folder / "current")),
        activate=_fish_quote(str(folder / "activate")),
        suffix=SUFFIX,
        printer=f"/bin/sh -c {_fish_quote(PRINT)} sh",
        scripts=_fish_quote(SCRIPTS),
        hold=_fish_quote(HOLD),
        let_go=_fish_quote(LET_GO),
    )
    helper = HELPER.format(
        activate=shlex.quote(str(folder / "activate")),
        suffix=SUFFIX,
        printer=shlex.quote(PRINT),
        scripts=shlex.quote(SCRIPTS),
        hold=shlex.quote(HOLD),
        let_go=shlex.quote(shlex.quote(LET_GO)),
    )
    csh = CSH.format(
        self=_csh_quote(str(folder / "activate.csh")),
        env=env,
        helper="".join(f"#: {line}".rstrip() + "\n" for line in helper.splitlines()),
    )
    return {
        "activate": activate_script(env, folder / "current"),
        "activate.csh": csh,
        "activate.fish": fish,
    }


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _csh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''").replace("!", "\\!") + "'"
