#!/usr/bin/env bash
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# machine.sh WORK MACHINE NETWORK DRIVE COMMAND: run a command on one of two machines that share nothing but a drive.
# MACHINE, bastion or controller, has its own /srv, /media and home below WORK and none of the caller's settings. NETWORK
# is yes or no. DRIVE is mounted at /media/usb: an image, "image,ro", tmpfs:SIZE, or dir:FOLDER. Every mount is in a namespace of this
# process, so mounts and loop devices always disappear with it.

set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  network=--net
  if [[ $3 == yes ]]; then network=; fi
  # shellcheck disable=SC2086 # zero or one option
  exec unshare --mount $network "${BASH_SOURCE[0]}" --inside "$@"
fi

work=$2 machine=$3 drive=$5 command=$6
mkdir -p "$work/$machine/srv/conda" "$work/$machine/home"
mount --bind "$work/$machine/srv" /srv
mount -t tmpfs -o size=256m none /media
mkdir /media/usb
case $drive in
  tmpfs:*) mount -t tmpfs -o "size=${drive#tmpfs:}" none /media/usb ;;
  dir:*) mount --bind "${drive#dir:}" /media/usb ;;
  *,ro) mount -o loop,ro "${drive%,ro}" /media/usb ;;
  *) mount -o loop "$drive" /media/usb ;;
esac

settings=("HOME=$work/$machine/home" "PATH=$PATH" LANG=C.UTF-8 NO_COLOR=1 ANSIBLE_SSH_ARGS=-oControlMaster=no)
# Else each of some twenty runs of ansible-playbook parses and compiles the same sources again, a third of its time.
# The controller keeps its own, since it has a copy of the collection.
bytecode=$(realpath -- "${BASH_SOURCE[0]%/*}/../../tests/tools/bytecode")
if [[ $machine == controller ]]; then
  mkdir -p "$work/controller/tests/tools"
  cp -r -- "$bytecode" "$work/controller/tests/tools"
  bytecode=$work/controller/tests/tools/bytecode
fi
settings+=("PYTHONPATH=$bytecode")
if [[ $machine == bastion ]]; then
  # The bastion uses the checkout as its collection; the controller uses the one from the drive.
  settings+=("ANSIBLE_COLLECTIONS_PATH=$ANSIBLE_COLLECTIONS_PATH")
  for name in $(compgen -e); do
    case $name in PIP_* | *_proxy | *_PROXY | SSL_*) settings+=("$name=${!name}") ;; esac
  done
fi
exec env -i "${settings[@]}" bash -euc "$command"
