#!/bin/sh
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Stands in for ssh: ssh [options] HOST COMMAND runs the command here, in a mount namespace where the store's place
# holds that host's own tree. $FLEET/faults/HOST names what is wrong with the host, if anything is. A host with a folder
# $FLEET/answers/HOST is hostile: nothing runs for it, the answer to each command is a file there, and what it gets is
# kept in $FLEET/received/HOST. $FLEET/homes/HOST is the home of a host, and $FLEET/shells/HOST says what takes the
# command: the program of a login shell, "noise" for one whose start-up file prints, or "terminal" for a terminal where
# ssh asks for one.

terminal=
while :; do
  case $1 in
    -tt) terminal=yes ;;
    -[BbcDEeFIiJLlmOoPpQRSWw]) shift ;;  # has an argument
    -*) ;;
    *) break ;;
  esac
  shift
done
host=$1
shift
command=$*
fault=$(cat "$FLEET/faults/$host" 2>/dev/null)
tree=$FLEET/hosts/$host
options=bind
answers=$FLEET/answers/$host

# What the collection sends: a packed script with the mark that its answer has to bear.
packed() {
  printf %s "$command" | grep -Eom1 '[A-Za-z0-9+/=]{100,}' | base64 -d | gzip -dc
}

# A module: a program of Python that names itself.
module() {
  timeout 10 cat >"$received"
  grep -aom1 'airgap\.conda\.plugins\.modules\.[a-z_]*' "$received" | sed 's/.*\.//'
}

if [ -d "$answers" ]; then
  received=$FLEET/received/$host-$$
  mark='' name=''
  case $command in
    *"| base64 -d |"*)
      script=$(packed)
      mark=$(printf %s "$script" | grep -Eom1 'airgap-[0-9a-f]{24}')
      name=$(printf %s "$script" | grep -Eom1 'airgap-tmp-[0-9a-f]{24}')
      case $script in
        *.arriving-*) kind=part && cat >"$received" ;;
        *high_water*) kind=look ;;
        *"say link"*) kind=raw ;;
        *"say folder"*) kind=tmp && if [ ! -e "$answers/tmp" ]; then answers=$FLEET/answers; fi ;;
        *) kind=other && answers=$FLEET/answers ;;
      esac
      ;;
    *dd\ of=*) kind=part && cat >"$received" ;;
    *"rm -f"*) kind=removal ;;
    *) kind=$(module) ;;
  esac
  echo "$kind" >>"$FLEET/received/$host"
  sed "s/@mark@/$mark/g; s/@name@/$name/g" "$answers/$kind" 2>/dev/null
  exit 0
fi

case $fault in
  off)
    echo "ssh: connect to host $host port 22: No route to host" >&2
    exit 255
    ;;
  read-only) options=bind,ro ;;
  full) tree=$FLEET/full/$host ;;
esac
login='sh'
if [ -e "$FLEET/shells/$host" ]; then login=$(cat "$FLEET/shells/$host"); fi
case $login,$terminal in
  noise,*)
    login=bash
    export BASH_ENV="$FLEET/noise"
    ;;
  terminal,yes) login=terminal ;;
  terminal,) login='sh' ;;
esac
if [ -d "$FLEET/homes/$host" ]; then export HOME="$FLEET/homes/$host"; fi
# Python keeps the byte code of modules, which it would compile at each start: a third of what they take.
PYTHONPATH=$(dirname "$0")/../tools/bytecode
export tree options login PYTHONPATH
# shellcheck disable=SC2016 # the shell in the namespace expands these
set -- unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
  sh -c 'mount --bind "$tree" "$FLEET/root" &&
  mount -o "remount,$options" "$FLEET/root" &&
  if [ "$login" = terminal ]; then script -qec "$0" /dev/null; else "$login" -c "$0"; fi
  exit $?' "$command"

case $fault in
  cut | flip)
    case $fault,$(packed) in
      cut,*"name env."*)
        # The line goes dead in the middle of a part.
        head -c 1000 | "$@" >/dev/null 2>&1
        echo "client_loop: send disconnect: Broken pipe" >&2
        exit 255
        ;;
      flip,*"name env."*)
        # One byte of every part arrives as another.
        exec tr '\125' '\126' | "$@"
        ;;
    esac
    ;;
esac
exec "$@"
