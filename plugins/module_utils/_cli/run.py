# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``airgap-envs run ENV -- COMMAND``: become a command in an activated environment, for cron, systemd and Jupyter.

It is sh and precedes the Python of ``airgap-envs``: it needs no runtime, starts at once, and no process of it is
left, so exit status and signals are those of the command.
"""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import FIND_BASH

# In the shell that is activated. An activation script that calls exit would end it without a word.
ACTIVATED = """\
name=$1 activate=$2
shift 2
trap 'echo "$name: a script of the environment ended the shell that was being activated: $activate" >&2' 0
. "$activate" || { trap - 0; exit 1; }
trap - 0
unset name activate
exec "$@"\
"""
# Expects root; {name} is replaced.
RUN = f"""\
if [ "${{1-}}" = run ]; then
  shift
  env=${{1-}}
  usage="usage: {{name}} run ENV [--] COMMAND [ARGUMENT ...]"
  case $env in
    -h|--help)
      echo "$usage"
      echo
      echo "Activates the current release of ENV in bash, or in sh where there is no bash, and becomes COMMAND."
      exit 0 ;;
    -*) echo "$usage" >&2; echo "{{name}}: error: unknown option $env" >&2; exit 2 ;;
  esac
  [ $# -eq 0 ] || shift
  [ "${{1-}}" != -- ] || shift
  if [ $# -eq 0 ]; then
    echo "$usage" >&2
    echo "{{name}}: error: the environment or its command is missing" >&2
    exit 2
  fi
  case $env in ''|.*|*/*) activate= ;; *) activate=$root/$env/activate ;; esac
  if [ ! -f "$activate" ]; then
    envs=
    for file in "$root"/*/activate; do
      [ ! -f "$file" ] || {{ file=${{file%/activate}}; envs="$envs${{envs:+, }}${{file##*/}}"; }}
    done
    cat >&2 <<END
{{name}}: There is no environment $env on this host
  wanted:  an environment $env with a current release
  found:   environments ${{envs:-none}}
  where:   $root
  remedy:  look at the names with {{name}} list, or have it deployed to this host
END
    exit 1
  fi
  export PATH="${{PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}}"
  unset env usage
{"".join(f"  {line}{chr(10)}" for line in FIND_BASH.splitlines())}\
  exec $shell -c '{ACTIVATED.replace("'", "'" + chr(34) + "'" + chr(34) + "'")}' sh {{name}} "$activate" "$@"
fi
"""
