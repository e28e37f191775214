# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run ``ansible-test sanity`` on a copy of the checkout: ``sanity.py CHECKOUT SCRATCH [ansible-test options]``.

ansible-test wants a real directory ``ansible_collections/airgap/conda`` (a link will not do), keeps its virtual
environments under ``~/.ansible`` and passes no ``PIP_*`` variable on; it makes one for each of its tests, where one for
all does, but for the tests of what can be imported without other packages. So it gets a copy of the files that git
knows or would add (of all, where there is no git), a home directory inside SCRATCH (kept: the second run finds its
environments there) and, in that home, the pip configuration of the caller. Nothing outside SCRATCH is written.

The copy has what a user gets: all but ``build_ignore`` of galaxy.yml. The tests, which are more than half of the
source, are no part of the collection; ruff and mypy look at them, with more rules than ansible-test has for them.
"""

from __future__ import annotations

import fcntl
import fnmatch
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ANSIBLE_TEST, ALL = "ansible-test", "all"


def tracked_files(checkout: Path) -> list[Path]:
    """Return the files git knows or would add, relative to the checkout; deleted ones are left out."""
    if not (checkout / ".git").exists():
        found = (path.relative_to(checkout) for path in checkout.rglob("*") if not path.is_dir())
        return [name for name in found if name.parts[0] != ".cache" and "__pycache__" not in name.parts]
    command = ["git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = [Path(name) for name in listing.split("\0") if name]
    return [name for name in names if os.path.lexists(checkout / name)]


def published_files(checkout: Path) -> list[Path]:
    """Return the tracked files that ansible-galaxy would pack, and galaxy.yml."""
    import yaml

    patterns = yaml.safe_load((checkout / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    return [
        name
        for name in tracked_files(checkout)
        if not any(fnmatch.fnmatch(str(path), one) for path in (name, *name.parents) for one in patterns if path.name)
    ]


def copy_published(checkout: Path, copy: Path) -> None:
    """Make ``copy`` hold just these files. It is a git repository of its own, as ansible-test asks git."""
    shutil.rmtree(copy, ignore_errors=True)
    for name in published_files(checkout):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(checkout / name, copy / name, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet", str(copy)], check=True)


def pip_configuration() -> str:
    """Return the caller's effective pip configuration (files and PIP_* variables) as the text of one pip.conf."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    settings: dict[str, str] = {}
    for line in listing.splitlines():
        key, _separator, value = line.partition("=")
        section, _dot, name = key.partition(".")
        if section in ("global", ":env:"):  # :env: lines come first and win over files, as in pip
            settings.setdefault(name, value.strip("'\""))
    settings["quiet"] = "2"  # errors only: what the tests find is what one looks for in the log
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())


def prepare_home(home: Path, tools: Path) -> None:
    """Give ansible-test the pip configuration and, in place of the script it would download, get_pip.py."""
    from ansible_test._internal.python_requirements import get_venv_packages

    pip_conf = home / ".config/pip/pip.conf"
    pip_conf.parent.mkdir(parents=True, exist_ok=True)
    pip_conf.write_text(pip_configuration(), encoding="utf-8")
    pip_version = get_venv_packages(SimpleNamespace(version=python_version()))["pip"]
    cached = home / ".ansible/test/cache" / f"get_pip_{pip_version.replace('.', '_')}.py"
    cached.parent.mkdir(parents=True, exist_ok=True)
    script = (tools / "get_pip.py").read_text(encoding="utf-8")
    cached.write_text(script.replace('PYTHON = "python3"', f"PYTHON = {sys.executable!r}"), encoding="utf-8")


def python_version() -> str:
    """Return this interpreter's version as ansible-test names it, such as 3.11."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def main(checkout: Path, scratch: Path, options: list[str]) -> int:
    """Copy, prepare and run; return ansible-test's exit status. A second run at the same time waits for the first."""
    scratch.mkdir(parents=True, exist_ok=True)
    with (scratch / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return run(checkout, scratch, options)


def run(checkout: Path, scratch: Path, options: list[str]) -> int:
    """Do what ``main`` says, with SCRATCH for this run alone."""
    copy = scratch / "ansible_collections/airgap/conda"
    home = scratch / "home"
    copy_published(checkout, copy)
    prepare_home(home, checkout / "tests/tools")
    environment = {**os.environ, "HOME": str(home)}
    command = [sys.executable, str(Path(__file__).resolve()), ANSIBLE_TEST, "sanity", "--local"]
    command += ["--python", python_version(), "--color", "no", *options]
    return subprocess.run(command, cwd=copy, env=environment, check=False).returncode


def ansible_test(arguments: list[str]) -> None:
    """Be ansible-test, with one virtual environment for all of its tests that do not prove something by theirs."""
    from ansible_test._internal import python_requirements
    from ansible_test._internal.commands import sanity
    from ansible_test._util.target.cli.ansible_test_cli_stub import main as run_ansible_test

    make, requirements_of = sanity.create_sanity_virtualenv, python_requirements.collect_sanity_install
    files = (Path(python_requirements.ANSIBLE_TEST_DATA_ROOT) / "requirements").glob("sanity.*.txt")
    # What the import test leaves out shows which imports a module can do without.
    names = sorted(file.name[len("sanity.") : -len(".txt")] for file in files if ".import" not in file.name)

    def merged(name: str) -> list[Any]:
        if name != ALL:
            return list(requirements_of(name))
        (first, *others) = [install for one in names for install in requirements_of(one)]
        return [replace(first, requirements=[r for install in (first, *others) for r in install.requirements])]

    python_requirements.collect_sanity_install = merged
    sanity.create_sanity_virtualenv = lambda args, python, name, *more, **options: make(
        args, python, ALL if name in names else name, *more, **options
    )
    sys.argv = [ANSIBLE_TEST, *arguments]
    run_ansible_test()


if __name__ == "__main__":
    if sys.argv[1] == ANSIBLE_TEST:
        ansible_test(sys.argv[2:])
        sys.exit()
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3:]))
