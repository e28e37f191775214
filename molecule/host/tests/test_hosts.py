# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is left on each host after its environment was removed."""

from __future__ import annotations

import json

ROOT = "/opt/conda-envs"


def test_the_group_has_the_five_hosts(request):
    hosts = {item.callspec.params["_testinfra_host"] for item in request.session.items if hasattr(item, "callspec")}
    assert len(hosts) == 5, hosts


def test_only_the_runtime_the_command_and_the_mark_are_left(host):
    assert host.check_output(f"ls -A {ROOT}").split() == [".state", "bin", "runtime"]
    assert host.file(f"{ROOT}/.state/hello/high-water").content_string == "2\n"


def test_nothing_is_left_of_an_image_or_of_a_member_of_a_swarm(host):
    assert host.run("find /etc/systemd/system -name '*conda*'; findmnt -n -t squashfs").stdout == ""
    # A seed stays for a minute after the last byte that another host took.
    gone = "for look in $(seq 90); do grep -ls libtorrent /proc/[0-9]*/maps || exit 0; sleep 1; done; exit 1"
    assert host.run(gone).rc == 0


def test_the_command_is_roots_and_everybody_may_run_it(host):
    command = host.file(f"{ROOT}/bin/airgap-envs")
    assert (command.user, command.mode) == ("root", 0o755)
    found = json.loads(host.check_output(f"{command.path} list --json"))
    assert list(found["envs"]) == ["runtime"]


def test_a_release_belongs_to_root_and_nobody_else_may_write(host):
    wrong = host.check_output(rf"find {ROOT} \( -not -user root -o -perm /022 -not -type l \) -print | head -5")
    assert wrong == ""
