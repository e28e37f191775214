# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role schedule writes: no variable stands in a unit, and each arrives as it was."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader

ROLE = Path(__file__).parents[3] / "roles/schedule"
VALUES = {
    "TOKEN": "s3cret",
    "ODD": "a b\t\"q\" 'q' \\ \\n %h %% $HOME ${X} $(touch x) `touch x` # ; é",
    "LINES": "one\ntwo\\\n",
    "EMPTY": "",
    "NUMBER": 5,
}


def render(name: str, **variables: Any) -> str:
    """Return what the module ``template`` makes of a template of the role."""
    given = {
        **yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8")),
        "schedule_side": "bastion",
        "schedule_directory": "/srv/a b%c",
        "schedule_ansible_playbook": "/usr/bin/true",
        "schedule_failure_command": "true",
        **variables,
    }
    values = {
        "_schedule_settings": {of.removeprefix("schedule_"): value for of, value in given.items()},
        "schedule_environment": VALUES,
        "_schedule_unit": "airgap-conda-bastion",
        "_schedule_folder": "/etc/systemd/system",
        **variables,
    }
    loader = FileSystemLoader(ROLE / "templates")
    return Environment(loader=loader, trim_blocks=True, autoescape=False).get_template(name).render(values)  # noqa: S701


@pytest.mark.parametrize("name", ["refresh.service.j2", "refresh-failed.service.j2"])
def test_no_variable_stands_in_a_unit_that_all_may_read(name: str) -> None:
    unit = render(name)
    assert "TOKEN" not in unit
    assert "s3cret" not in unit
    assert "EnvironmentFile=/etc/systemd/system/airgap-conda-bastion.env\n" in unit
    assert "\nWorkingDirectory=/srv/a b%%c\n" in unit


def test_the_file_of_variables_is_for_root_only() -> None:
    tasks = yaml.safe_load((ROLE / "tasks/present.yml").read_text(encoding="utf-8"))
    (task,) = [task for task in tasks if task.get("ansible.builtin.template", {}).get("src") == "refresh.env.j2"]
    assert task["ansible.builtin.template"]["mode"] == "0600"
    assert task["diff"] is False


def test_every_value_arrives_as_it_was(tmp_path: Path) -> None:
    """systemd reads double quotes in a file of variables as sh does."""
    (tmp_path / "file").write_text(render("refresh.env.j2"), encoding="utf-8")
    for name, value in VALUES.items():
        shown = subprocess.run(
            ["env", "-i", "sh", "-c", f'. ./file; printf %s "${name}"'], cwd=tmp_path, capture_output=True, check=True
        )
        assert shown.stdout.decode() == str(value)
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    folder = tmp_path / "a b%c"
    folder.mkdir()
    variables: dict[str, Any] = {"schedule_directory": str(folder), "_schedule_folder": str(tmp_path)}
    (tmp_path / "command").write_text("#!/bin/sh\n")
    (tmp_path / "command").chmod(0o755)
    variables |= {"_schedule_command": tmp_path / "command", "_schedule_update": ["update", "/mnt/a b%c", "--ring", 2]}
    for name in ("refresh", "refresh-failed", "update"):
        unit = tmp_path / f"airgap-conda-{name}.service"
        unit.write_text(render(f"{name}.service.j2", **variables), encoding="utf-8")
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
        assert str(unit) not in done.stderr


def test_one_check_looks_at_the_settings_first() -> None:
    first, *rest = yaml.safe_load((ROLE / "tasks/main.yml").read_text(encoding="utf-8"))
    assert first["airgap.conda.settings"] == {"role": "schedule"}
    raw = {name: (ROLE / name).read_text(encoding="utf-8") for name in ("tasks/present.yml", "tasks/absent.yml")}
    raw |= {path.name: path.read_text(encoding="utf-8") for path in (ROLE / "templates").iterdir()}
    raw["rest"] = str(rest)
    for name, text in raw.items():
        used = set(re.findall(r"(?<![\w])schedule_\w+", text))
        assert used <= {"schedule_environment"}, name  # which may be a secret, and is in no result


def test_the_update_of_a_workstation_gives_way_to_its_users() -> None:
    words = ["update", "/mnt/a b%c$", "--ring", 2, "--window", "Mon 1:00-2:00"]
    unit = render(
        "update.service.j2", schedule_side="host", _schedule_command="/opt/x/airgap-envs", _schedule_update=words
    )
    assert 'ExecStart="/opt/x/airgap-envs" "update" "/mnt/a b%%c$$" "--ring" "2" "--window" "Mon 1:00-2:00"\n' in unit
    assert "\nCPUSchedulingPolicy=idle\nIOSchedulingClass=idle" in unit
    assert "TOKEN" not in unit
