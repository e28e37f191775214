# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""First lines of scripts where the hosts' prefix is long: each script is run as an old kernel would run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._pack.shebang import LONGEST, fitted
from ansible_collections.airgap.conda.plugins.module_utils._pack.tree import make_tree
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

PYENV = Path.home() / ".pyenv/versions"
PROGRAMS = {
    "python": "import sys\nprint(' '.join(sys.argv[1:]))\n",
    "bash": 'args=("$@"); echo "${args[@]}"; [ -z "$again" ] || exit 0; again=1 "$0" "$@"\n',
    "dash": 'echo "$@"; echo "$@"\n',
    "zsh": 'print -r -- "$@"; print -r -- "$@"\n',
    "perl": 'print "@ARGV\\n";\n__END__\nnothing\n',
    "ruby": 'puts ARGV.join(" ")\n',
    "node": 'console.log(process.argv.slice(2).join(" "))\n',
    "julia": 'println(join(ARGS, " "))\n',
    "tclsh": "puts [join $argv]\n",
}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Make a prefix too long for any first line, with the interpreters of this machine in it."""
    folder = tmp_path / ("x" * 120) / ("y" * 120)
    (folder / "bin").mkdir(parents=True)
    for name in PROGRAMS:
        found = sys.executable if name == "python" else shutil.which(name)
        if found:
            (folder / "bin" / name).symlink_to(found)
    return folder


def run(prefix: Path, content: bytes, *arguments: str, name: str = "script") -> str:
    """Run a script as a kernel does that reads 127 bytes of the first line, from another folder and a bare PATH."""
    path = prefix / "bin" / name
    path.write_bytes(content)
    path.chmod(0o755)
    first = content.splitlines()[0]
    assert len(first) <= LONGEST
    done = subprocess.run(
        [path, *arguments], cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_long_first_line_is_made_one_that_runs(prefix: Path, name: str) -> None:
    if not (prefix / "bin" / name).exists():
        pytest.skip(f"no {name} here")
    script = f"#!{prefix}/bin/{name}\n{PROGRAMS[name]}".encode()
    out = run(prefix, fitted(script, str(prefix)), "a b", "$c")
    assert set(out.splitlines()) == {"a b $c"}


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.13"])
@pytest.mark.parametrize(
    ("line", "body", "out"),
    [
        ("", "from __future__ import print_function\nprint('x')\n", "x\n"),
        ("", '"""A docstring."""\nfrom __future__ import print_function\nprint("x")\n', "x\n"),
        (" -E", "import sys\nassert sys.flags.ignore_environment\n", ""),
        ("", "# -*- coding: latin-1 -*-\nassert u'\xe4' == u'\\xe4'\n", ""),
        ("", "\n# vim: set fileencoding=latin-1 :\n", ""),
    ],
)
def test_python_scripts_of_every_kind(prefix: Path, version: str, line: str, body: str, out: str) -> None:
    python = next(PYENV.glob(f"{version}.*/bin/python"), None)
    if python is None:
        pytest.skip(f"no Python {version} here")
    (prefix / "bin/python-of-it").symlink_to(python)
    (prefix / "bin/python").unlink()
    os.rename(prefix / "bin/python-of-it", prefix / "bin/python2.7")
    script = f"#!{prefix}/bin/python2.7{line}\n{body}".encode("latin-1")
    assert run(prefix, fitted(script, str(prefix))) == out


@pytest.mark.parametrize("first", ["#!{}/bin/Rscript --vanilla", "#! {}/bin/lua"])
def test_what_else_there_is_comes_from_the_path_as_with_conda(first: str) -> None:
    prefix = "/opt/" + "x" * 200
    name = first.partition("/bin/")[2].split()[0]
    assert fitted(f"{first.format(prefix)}\nx\n".encode(), prefix) == f"#!/usr/bin/env {name}\nx\n".encode()


@pytest.mark.parametrize(
    "first",
    ["#!/usr/bin/env python", "#!{}/bin/python", "#!/bin/sh -e", "import sys", "\x7fELF", "", "#!", "#!/bin/sh"],
)
def test_what_fits_stays_as_it_is(first: str) -> None:
    for prefix in ("/opt/conda-envs/demo/1-1c0ffee5", "/" + "x" * (LONGEST - len("#!//bin/python"))):
        data = f"{first.format(prefix)}\nprint(1)\n".encode()
        assert fitted(data, prefix) == data


def test_env_with_the_prefix_in_its_arguments(prefix: Path) -> None:
    script = f"#!/usr/bin/env -S {prefix}/bin/python -E\nimport sys\nprint(sys.argv[1:])\n".encode()
    assert run(prefix, fitted(script, str(prefix)), "a b") == "['a b']\n"


def test_every_script_of_a_packed_tree_runs_at_a_long_prefix(tmp_path: Path, prefix: Path) -> None:
    """Text of a conda package, an entry point that the installer wrote, a script of pip."""
    built, cached, placeholder = tmp_path / "build", tmp_path / "pkgs/tool-1-0", "/placehold" * 25
    text = "#!{}/bin/python\nprint('{}')\n"
    write_tree(cached, {"bin/of-package": text.format(placeholder, "of-package")})
    paths = [{"_path": "bin/of-package", "path_type": "hardlink", "prefix_placeholder": placeholder}]
    write_tree(cached, {"info/paths.json": json.dumps({"paths": [{**paths[0], "file_mode": "text"}]})})
    write_tree(cached, {"info/link.json": json.dumps({"noarch": {"type": "python"}})})
    files = ["bin/of-package", "bin/entry-point"]
    record = {"name": "tool", "version": "1", "url": "", "files": files, "link": {"source": str(cached), "type": 1}}
    python = {"name": "python", "version": "3.11", "url": "", "files": [], "link": {"source": str(cached), "type": 1}}
    write_tree(cached.with_name("python"), {"info/paths.json": '{"paths": []}'})
    python["link"] = {"source": str(cached.with_name("python")), "type": 1}
    scripts = {f"bin/{name}": text.format(built, name) for name in ("of-package", "entry-point", "of-pip")}
    records = {"conda-meta/tool-1-0.json": json.dumps(record), "conda-meta/python-3.11-0.json": json.dumps(python)}
    write_tree(built, {**scripts, **records, "lib/python3.11/site-packages": None})
    make_tree(built, tmp_path / "tree", str(prefix))
    for name in ("of-package", "entry-point", "of-pip"):
        script = tmp_path / "tree/bin" / name
        assert os.access(script, os.X_OK)
        assert run(prefix, script.read_bytes(), name=name) == f"{name}\n"
