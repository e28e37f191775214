# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command that runs pip in a container, with engines that only write down what they were asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._environment.container import Container, container
from ansible_collections.airgap.conda.plugins.module_utils._environment.pip import pip_install
from ansible_collections.airgap.conda.plugins.module_utils._environment.python import clean_variables, compile_missing
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree


def engine(folder: Path, script: str, name: str = "podman") -> str:
    """Write an engine that runs ``script``."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    path.chmod(0o755)
    return str(path)


def values(command: list[str], option: str) -> list[str]:
    return [word.removeprefix(f"--{option}=") for word in command if word.startswith(f"--{option}=")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return write_tree(tmp_path / "home", {".config/pip/pip.conf": "[global]\n", ".netrc": "machine x\n"})


def test_secrets_are_named_and_never_written_into_the_command(tmp_path: Path) -> None:
    machine = {
        "PIP_INDEX_URL": "https://user:sesame@pypi.example.org/simple",
        "https_proxy": "http://user:sesame@proxy:3128",
        "SESAME": "sesame",
        "PATH": "/usr/bin",
        "PYTHONHASHSEED": "0",
    }
    variables = {**clean_variables(tmp_path, machine), "PYTHONHASHSEED": "0"}
    command = Container("ubuntu:20.04", "/usr/bin/podman", ("--cpus=1",)).command(["pip"], variables, tmp_path)
    assert "sesame" not in " ".join(command)
    given = values(command, "env")
    assert {"PIP_INDEX_URL", "https_proxy", "PYTHONHASHSEED=0", f"CONDA_PREFIX={tmp_path}"} <= set(given)
    assert not [name for name in given if "SESAME" in name]
    assert next(word for word in given if word.startswith("PATH=")).startswith(f"PATH={tmp_path}/bin:/usr/local/sbin:")
    assert command[-3:] == ["--cpus=1", "ubuntu:20.04", "pip"]
    assert {"--rm", "--network=host"} <= set(command)


def test_everything_is_at_its_own_path(tmp_path: Path, home: Path) -> None:
    folders = {name: write_tree(tmp_path / name, {"x": "x"}) for name in ("prefix", "scratch", "wheels")}
    (folders["wheels"] / "below").mkdir()
    variables = {"PIP_FIND_LINKS": str(folders["wheels"]), "PIP_CACHE_DIR": str(tmp_path / "absent"),
                 "SSL_CERT_FILE": str(folders["wheels"] / "below"), "PIP_INDEX_URL": "https://x"}  # fmt: skip
    command = Container("i", "/e/podman").command(["x"], variables, folders["prefix"], folders["scratch"])
    mounts = [dict(item.split("=", 1) for item in f"{mount}=".split(",")) for mount in values(command, "mount")]
    assert all(mount["source"].rstrip("=") == mount["target"].rstrip("=") for mount in mounts)
    written = {mount["target"].rstrip("=") for mount in mounts if "readonly" not in mount}
    read = {mount["target"] for mount in mounts if "readonly" in mount}
    assert written == {str(folders["prefix"]), str(folders["scratch"])}
    assert {str(folders["wheels"]), f"{home}/.config/pip", f"{home}/.netrc"} <= read
    assert not [path for path in read if "absent" in path or "below" in path]
    assert values(command, "workdir") == [str(folders["scratch"])]


def test_a_folder_below_the_prefix_is_mounted_once(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    command = Container("i", "/e/podman").command(["x"], {}, tmp_path, tmp_path / "scratch")
    assert [mount for mount in values(command, "mount") if "readonly" not in mount] == [
        f"type=bind,source={tmp_path},target={tmp_path}"
    ]


@pytest.mark.parametrize(
    ("name", "uid", "security", "wanted"),
    [
        ("podman", 1000, "", []),
        ("docker", 1000, "[name=seccomp]", ["1000:1000"]),
        ("docker", 1000, "[name=seccomp name=rootless]", []),
        ("docker", 0, "", []),
    ],
)
def test_files_belong_to_the_user_who_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, uid: int, security: str, wanted: list[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(os, "getegid", lambda: uid)
    program = engine(tmp_path, f"test $1 = info && echo '{security}'", name)
    assert values(Container("i", program).command(["x"], {}, tmp_path), "user") == wanted


def test_the_first_engine_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with raised("program-missing") as caught:
        container("i")
    assert caught.value.wanted == "podman or docker"
    docker = engine(tmp_path, "", "docker")
    assert container("i").engine == docker
    podman = engine(tmp_path, "", "podman")
    assert container("i").engine == podman
    assert container("i", "docker", ["--x"]) == Container("i", docker, ("--x",))
    with raised("program-missing") as caught:
        container("i", "nerdctl")
    assert caught.value.wanted == "nerdctl"


def test_the_glibc_of_the_image_is_asked_for(tmp_path: Path) -> None:
    image = Container("old:1", engine(tmp_path, "echo glibc 2.31"))
    assert image.glibc() == "2.31"
    image.check(None)
    image.check("2.31")
    with raised("image-too-new") as caught:
        image.check("2.4")  # as numbers
    with raised("image-too-new") as caught:
        image.check("2.27")
    assert (caught.value.wanted, caught.value.found) == ("glibc 2.27 or older, the target", "glibc 2.31")


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo one >&2; echo 'Error: no such image' >&2; exit 125", "Error: no such image"),
        (
            "printf 'docker: Error: no such image\\n\\nRun docker run --help\\n' >&2; exit 125",
            "docker: Error: no such image",
        ),
        ("echo 'exec failed' >&2; exit 127", "exec failed"),
        ("exit 3", "exit status 3: ''"),
        ("echo musl libc", "exit status 0: 'musl libc\\n'"),
    ],
)
def test_an_image_that_cannot_be_used_is_named(tmp_path: Path, script: str, found: str) -> None:
    with raised("image-unusable") as caught:
        Container("gone:1", engine(tmp_path, script)).glibc()
    assert (caught.value.found, caught.value.where) == (found, "gone:1")
    assert "getconf GNU_LIBC_VERSION" in caught.value.remedy


def test_pip_and_compiling_go_through_the_engine(tmp_path: Path) -> None:
    log = tmp_path / "log"
    image = Container("old:1", engine(tmp_path, f'printf "%s\\n" "$@" >> {log}; echo 3.9; exit 1'))
    (tmp_path / "prefix/bin").mkdir(parents=True)
    with raised("pip-failed"):
        pip_install(tmp_path / "prefix", ["six"], "environment.yml", container=image)
    assert "old:1" in log.read_text(encoding="ascii")
    log.unlink()
    with raised("python-broken"):
        compile_missing(tmp_path / "prefix", image)
    words = log.read_text(encoding="ascii").splitlines()
    assert words[words.index("old:1") + 1] == str(tmp_path / "prefix/bin/python")
