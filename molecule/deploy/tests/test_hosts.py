# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of each host after all cases."""

from __future__ import annotations

import pytest

STORE = "/opt/conda-envs"


@pytest.fixture
def serials(host):
    """Return the serials on the host: current first, then all that are installed."""
    names = host.check_output(f"cd {STORE}/hello && readlink current && ls -d [0-9]*-*").split()
    return [name.split("-")[0] for name in names]


def is_bullseye(host):
    return "bullseye" in host.file("/etc/os-release").content_string


def test_all_four_hosts_are_looked_at(request):
    hosts = {item.callspec.params["_testinfra_host"] for item in request.session.items if hasattr(item, "callspec")}
    assert len(hosts) == 4, hosts


def test_every_host_has_the_newest_release_that_works_the_one_before_and_the_one_that_was_switched_back(host, serials):
    assert serials == (["2", "1", "2", "5"] if is_bullseye(host) else ["3", "2", "3", "5"])


def test_the_environment_works_and_holds_its_own_prefix(host):
    output = host.check_output(f". {STORE}/hello/activate && airgap-hello --check && python --version")
    assert "airgap-hello 2.0" in output
    assert ("Python 3.9" if is_bullseye(host) else "Python 3.11") in output


def test_nothing_half_done_is_left(host):
    assert host.run(f"find {STORE}/.staging {STORE}/.incoming -type f").stdout == ""


def test_a_python_that_is_too_old_is_left_alone(host):
    found = host.run("python3 --version")
    if host.backend.get_hostname() == "oldpy":
        assert "Python 2.7" in found.stdout + found.stderr
    else:
        assert found.rc != 0
