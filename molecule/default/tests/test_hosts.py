# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is on each host at the end, seen over plain ssh with the host's own tools."""

from __future__ import annotations

import json
import os
from pathlib import Path

import zstandard

DEPOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".cache/molecule", os.environ["MOLECULE_SCENARIO_NAME"], "depot")
ROOT = "/opt/conda-envs"


def releases(env):
    """Return the ids of the depot's releases by their serial."""
    return {path.parent.name.split("-")[0]: path.parent.name for path in DEPOT.glob(f"{env}/*/manifest.json")}


def listed(env, release):
    """Return files.json of a release as path -> (type, mode, sha256 or link target)."""
    data = (DEPOT / env / release / "files.json.zst").read_bytes()
    entries = json.loads(zstandard.ZstdDecompressor().decompressobj().decompress(data))
    return {entry["path"]: (entry["type"], entry["mode"], entry["sha256"] or entry["target"]) for entry in entries}


def on_host(host, prefix):
    """Return the same of a tree on the host, as find and sha256sum see it."""
    names = {"f": "file", "d": "dir", "l": "symlink"}
    found = {}
    for line in host.check_output(f"cd {prefix} && find . -mindepth 1 -printf '%P|%y|%m|%l\\n'").splitlines():
        path, kind, mode, target = line.split("|")
        found[path] = (names[kind], 0 if kind == "l" else int(mode, 8), target)
    for line in host.check_output(f"cd {prefix} && find . -type f -print0 | xargs -0 sha256sum").splitlines():
        sha256, path = line.split("  ./", 1)
        found[path] = (*found[path][:2], sha256)
    return found


def test_the_group_has_the_three_hosts(request):
    hosts = {item.callspec.params["_testinfra_host"] for item in request.session.items if hasattr(item, "callspec")}
    assert len(hosts) == 3, hosts


def test_the_host_has_no_python_of_its_own(host):
    assert host.run("command -v python3 python python2").rc != 0


def test_both_releases_are_there_as_they_were_signed(host):
    ids = releases("demo")
    assert sorted(ids) == ["1", "2", "3"]
    for serial in ("1", "2"):
        assert on_host(host, f"{ROOT}/demo/{ids[serial]}") == listed("demo", ids[serial])


def test_the_runtime_is_as_it_was_signed(host):
    ids = releases("runtime")
    found = on_host(host, f"{ROOT}/runtime/{ids['1']}")
    extra = {path for path in found if "__pycache__" not in path} - set(listed("runtime", ids["1"]))
    assert not extra
    assert {path: found.get(path) for path in listed("runtime", ids["1"])} == listed("runtime", ids["1"])


def test_a_release_belongs_to_root_and_nobody_else_may_write(host):
    wrong = host.check_output(rf"find {ROOT} \( -not -user root -o -perm /022 -not -type l \) -print | head -5")
    assert wrong == ""


def test_the_rolled_back_release_is_current_and_works_for_an_ordinary_user(host):
    ids = releases("demo")
    assert host.file(f"{ROOT}/demo/current").linked_to == f"{ROOT}/demo/{ids['1']}"
    code = "import sys, numpy, pandas, scipy.stats, pyarrow, tqdm; print(sys.prefix)"
    command = f". {ROOT}/demo/activate && python -c '{code}' && tqdm --version"
    prefix, version = host.check_output(f'setpriv --reuid 1234 --clear-groups sh -uc "{command}"').splitlines()
    assert prefix == f"{ROOT}/demo/{ids['1']}"
    assert version[0].isdigit()


def test_the_release_with_the_broken_import_is_gone(host):
    broken = releases("demo")["3"]
    assert not host.file(f"{ROOT}/demo/{broken}").exists
    assert not host.file(f"{ROOT}/.state/demo/{broken}").exists


def test_the_fleet_page_says_that_all_hosts_are_right():
    report = DEPOT.parent / "report"
    assert "3 of 3 hosts are right" in (report / "index.html").read_text(encoding="utf-8")
    listed = json.loads((report / "report.json").read_text(encoding="utf-8"))
    current = {(host["host"], env["env"], env["release"]) for host in listed["hosts"] for env in host["envs"]}
    ids = {"demo": releases("demo")["1"], "runtime": releases("runtime")["1"]}
    assert current == {(f"host{n}", env, release) for n in (1, 2, 3) for env, release in ids.items()}
