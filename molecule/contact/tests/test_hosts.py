# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every host has the release, and nothing else of a deploy, however it was reached."""

from __future__ import annotations

ROOT = "/opt/conda-envs"


def test_the_group_has_the_eight_hosts(request):
    hosts = {item.callspec.params["_testinfra_host"] for item in request.session.items if hasattr(item, "callspec")}
    assert len(hosts) == 8, hosts


def test_the_release_is_current_and_its_owners(host):
    owner = "app" if host.check_output("hostname") == "host8" else "root"
    assert host.check_output(f"readlink {ROOT}/tiny/current").startswith("1-")
    assert host.file(f"{ROOT}/tiny/current/conda-meta").is_directory
    assert host.check_output(f"find {ROOT} -not -user {owner} | head -5") == ""
    assert not host.file(f"{ROOT}/.incoming").exists


def test_nothing_stays_in_a_temporary_folder(host):
    assert host.check_output("find /root /home /tmp /var/tmp -name '*-tmp-*' 2>/dev/null; true") == ""
