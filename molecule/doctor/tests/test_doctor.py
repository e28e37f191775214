# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment that the doctor's advice led to: one pyarrow, conda's, of which nothing is missing."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

WORK = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".cache/molecule", os.environ["MOLECULE_SCENARIO_NAME"])


def manifests(env):
    return [json.loads(path.read_text()) for path in WORK.glob(f"depot/{env}/*/manifest.json")]


MANIFESTS = manifests("tracking")


def test_only_the_second_build_made_a_release():
    assert [manifest["serial"] for manifest in MANIFESTS] == [1]


def test_pyarrow_comes_from_conda_alone():
    found = [package for package in MANIFESTS[0]["packages"] if package["name"] in ("pyarrow", "mlflow")]
    assert {(package["manager"], package["name"], package["version"]) for package in found} == {
        ("conda", "pyarrow", "11.0.0"),
        ("pip", "mlflow", "2.3.1"),
    }


def test_the_manifest_has_no_such_finding():
    assert "pip-replaced-conda-files" not in {finding["name"] for finding in MANIFESTS[0]["findings"]}


def test_both_can_be_imported():
    python = WORK / "work/tracking/prefix/bin/python"
    code = "import mlflow.pyfunc, pyarrow.parquet; print(mlflow.__version__, pyarrow.__version__)"
    done = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["2.3.1", "11.0.0"]


def test_what_was_allowed_by_name_is_in_the_manifest_with_its_reason():
    (manifest,) = manifests("allowed")
    (finding,) = (item for item in manifest["findings"] if item["name"] == "pip-replaced-conda-files")
    assert (finding["level"], finding["allowed"]) == ("error", "only pip uses pyarrow here")
    owners = {(package["manager"], package["name"], package["version"]) for package in finding["packages"]}
    assert owners >= {("conda", "pyarrow", "14.0.2"), ("pip", "pyarrow", "11.0.0")}
