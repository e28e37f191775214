#!/bin/sh
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Sets up host $1 of scenario contact as inventory/hosts.yml describes it. Runs there as root.
set -eu

person() {
  useradd --create-home --shell "$2" "$1"
  cp -r /home/ops/.ssh "/home/$1/"
  chown -R "$1:$1" "/home/$1/.ssh"
  echo "$1 ALL=($3" >"/etc/sudoers.d/$1"
}

noise="printf '\033]0;title\007works=yes\nhigh_water=99\ncurrent=9-99999999\nWelcome\033]0;title\007'"

case $1 in
  host2)
    mkdir /home/ops/.ansible
    for folder in /tmp /var/tmp /home/ops/.ansible; do mount -t tmpfs -o noexec,mode=1777 none "$folder"; done
    ;;
  host3)
    person pat /bin/bash 'ALL) ALL'
    echo pat:secret | chpasswd
    echo 'Defaults:pat lecture=always' >>/etc/sudoers.d/pat
    mount -t tmpfs -o ro none /tmp
    mount --bind /home/pat /home/pat
    mount -o remount,bind,ro /home/pat
    ;;
  host4)
    echo 'Defaults requiretty' >>/etc/sudoers.d/ops
    echo 'works=yes' >/etc/banner
    echo 'Banner /etc/banner' >>/etc/ssh/sshd_config.d/lab.conf
    systemctl reload ssh
    ;;
  host5)
    person tess /usr/bin/tcsh 'ALL) NOPASSWD: ALL'
    echo "$noise" >/home/tess/.tcshrc
    ;;
  host6)
    person finn /usr/bin/fish 'ALL) ALL'
    mkdir -p /home/finn/.config/fish
    echo "$noise" >/home/finn/.config/fish/config.fish
    chown -R finn:finn /home/finn/.config
    chmod 4755 /usr/bin/doas
    echo 'permit nopass finn' >/etc/doas.conf
    ;;
  host7)
    person sue /bin/bash 'ALL) ALL'
    echo root:secret | chpasswd
    ;;
  host8)
    useradd --create-home app
    person eve /bin/bash 'app) NOPASSWD: ALL'
    install -d -o app -g app /opt/conda-envs
    ;;
esac
