# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the refreshes left: the newest release on the workstations, a page, and nothing of the schedule."""

from __future__ import annotations

import json

STORE = "/opt/conda-envs"


def is_controller(host):
    return host.backend.get_hostname() == "host3"


def test_all_three_hosts_are_looked_at(request):
    hosts = {item.callspec.params["_testinfra_host"] for item in request.session.items if hasattr(item, "callspec")}
    assert len(hosts) == 3, hosts


def test_a_workstation_has_the_newest_release_that_passes_and_it_works(host):
    if not is_controller(host):
        assert host.check_output(f"readlink {STORE}/hello/current").startswith("4-")
        assert "airgap-hello 2.0" in host.check_output(f". {STORE}/hello/activate && airgap-hello --check")


def test_the_release_whose_check_failed_was_made_and_went_nowhere(host):
    serials = {name.split("-")[0] for name in host.check_output("ls /srv/conda/depot/hello || true").split()}
    installed = {name.split("-")[0] for name in host.check_output(f"ls {STORE}/hello || true").split()}
    if is_controller(host):
        assert serials == {"1", "2", "3", "4"}
    else:
        assert "3" not in installed


def test_the_page_was_written_by_the_last_refresh(host):
    if is_controller(host):
        report = json.loads(host.file("/srv/conda/report/report.json").content_string)
        assert report["summary"] == "2 of 2 hosts are right"
        assert {env["release"][:2] for each in report["hosts"] for env in each["envs"]} == {"1-", "4-"}


def test_a_unit_runs_a_command_of_an_environment_without_a_shell_left_behind(host):
    if not is_controller(host):
        show = "echo $CONDA_DEFAULT_ENV; cat /proc/$PPID/comm; airgap-hello --check"
        unit = "systemd-run --quiet --wait --pipe --collect --property=User=nobody --property=ProtectSystem=strict"
        seen = host.check_output(f"{unit} {STORE}/bin/airgap-envs run hello -- sh -c '{show}'").splitlines()
        assert seen[:2] == ["hello", "systemd"]
        assert "airgap-hello 2.0" in seen[2]


def test_nothing_of_the_schedule_is_left(host):
    assert host.check_output("systemctl list-units --all --no-legend 'airgap-conda*'") == ""
    assert host.check_output("find /etc /var/lib/systemd -name '*airgap-conda-*'") == ""
