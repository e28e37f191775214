# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""At the build every activation script is sourced once: what works where, and what it writes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import SH, shell
from ansible_collections.airgap.conda.plugins.module_utils._environment.tried import do_harmless, tried
from ansible_collections.airgap.conda.plugins.module_utils._pack.tree import make_tree
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import Patient, only
from ansible_collections.airgap.conda.tests.unit.tiny_processes import can_shield
from ansible_collections.airgap.conda.tests.unit.tiny_release import snapshot, write_tree

both = pytest.mark.skipif(
    shell() == [SH] or "dash" not in os.path.realpath(SH), reason="needs bash, and an sh that is no bash"
)
shielding = pytest.mark.skipif(not can_shield(), reason="no mounts of one's own here")

GDB = """\
target="$CONDA_PREFIX/lib/gdb.py"
link="$CONDA_PREFIX/share/gdb/auto-load/$CONDA_PREFIX/lib/gdb.py"
mkdir -p "$(dirname "$link")" && ln -sf "$target" "$link"
"""


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "build, it's/env", {"lib/gdb.py": "1\n", "lib/data": "2\n"})


def scripts(prefix: Path, texts: dict[str, str], folder: str = "activate.d") -> None:
    write_tree(prefix / "etc/conda" / folder, texts)


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return Patient(tmp_path, monkeypatch)


@both
def test_what_works_in_which_shell(prefix: Path) -> None:
    scripts(
        prefix,
        {
            "a.sh": 'export A=1\nprintf "%s" loud\n',
            "b.sh": "function f() { :; }; f\n",
            "c.sh": '[[ -n "$A" ]] && export C=1\n',
            "d.sh": "return 3\n",
            "e.sh": "set -eu\nfalse\n:\n",
            "f.sh": "echo careful >&2\n",
            "g.sh": "exit 0\n",
            "h.sh": 'test "$A" = 1 || echo "no A" >&2\n',
            "i.csh": "setenv X 1\n",
            "j.sh": "if\n",
        },
    )
    scripts(prefix, {"b.sh": "unset A\n", "a.sh": 'test -z "$A"\n', "z.sh": "false\n"}, "deactivate.d")
    with tried(prefix) as found:
        assert found.wishes == ()
        seen = {(failure.path.rpartition("conda/")[2], failure.shell): failure.message for failure in found.failures}
    assert set(seen) == {
        *((f"activate.d/{name}.sh", name_of) for name in "dfgj" for name_of in ("bash", "sh")),
        ("activate.d/b.sh", "sh"),
        ("activate.d/c.sh", "sh"),
        ("activate.d/e.sh", "sh"),  # dash ends there whatever stands around the dot
        ("deactivate.d/z.sh", "bash"),
        ("deactivate.d/z.sh", "sh"),
    }
    assert seen["activate.d/d.sh", "sh"] == "status 3"
    assert seen["activate.d/f.sh", "bash"] == "status 0: careful"
    assert seen["activate.d/g.sh", "bash"] == "it ends the shell"
    assert "Syntax error" in seen["activate.d/b.sh", "sh"]
    assert "[[: not found" in seen["activate.d/c.sh", "sh"]
    assert str(prefix) not in "".join(seen.values())


@shielding
def test_what_is_harmless_is_done_at_the_build(prefix: Path) -> None:
    scripts(prefix, {"a.sh": GDB, "b.sh": 'mkdir -p "$CONDA_PREFIX/etc/x" && echo 1 >"$CONDA_PREFIX/etc/x/made"\n'})
    before = snapshot(prefix)
    link = f"share/gdb/auto-load{prefix}/lib/gdb.py"
    with tried(prefix) as found:
        assert [(wish.path, wish.script, wish.how) for wish in found.wishes] == [
            (link, "etc/conda/activate.d/a.sh", "new"),
            ("etc/x/made", "etc/conda/activate.d/b.sh", "new"),
        ]
    assert snapshot(prefix) == before
    assert do_harmless(prefix) == [link, "etc/x/made"]
    assert (prefix / link).resolve() == (prefix / "lib/gdb.py").resolve()
    assert not os.readlink(prefix / link).startswith("/")
    with tried(prefix) as found:
        assert found.wishes == ()  # the script finds all as it wants it
    assert not list(prefix.parent.glob(".try-*"))


@shielding
@pytest.mark.parametrize(
    ("script", "path", "how"),
    [
        ('echo 3 >"$CONDA_PREFIX/lib/data"', "lib/data", "changed"),
        ('echo more >>"$CONDA_PREFIX/lib/data"', "lib/data", "changed"),
        ('rm "$CONDA_PREFIX/lib/data"', "lib/data", "gone"),
        ('rm -r "$CONDA_PREFIX/lib"', "lib", "gone"),
        ('chmod 700 "$CONDA_PREFIX/lib/data"', "lib/data", "changed"),
        ('ln -sf /etc/hosts "$CONDA_PREFIX/hosts"', "hosts", "new"),
        ('ln -sf ../../outside "$CONDA_PREFIX/lib/up"', "lib/up", "new"),
        ('mkfifo "$CONDA_PREFIX/pipe"', "pipe", "new"),
        ('echo {} >"$CONDA_PREFIX/conda-meta/x.json"', "conda-meta/x.json", "new"),
        ('echo "$$ $HOME" >"$CONDA_PREFIX/stamp"', "stamp", "new"),
        ('dd if=/dev/zero of="$CONDA_PREFIX/big" bs=1M count=2 2>/dev/null', "big", "new"),
    ],
)
def test_what_is_not_harmless_is_told(prefix: Path, script: str, path: str, how: str) -> None:
    write_tree(prefix, {"conda-meta/history": ""})
    scripts(prefix, {"a.sh": f"{script}\n"})
    before = snapshot(prefix)
    assert do_harmless(prefix) == []
    assert snapshot(prefix) == before
    with tried(prefix) as found:
        assert [(wish.path, wish.how) for wish in found.wishes] == [(path, how)]


@shielding
def test_what_comes_out_as_it_is_already_is_no_wish(prefix: Path) -> None:
    scripts(prefix, {"a.sh": 'echo 2 >"$CONDA_PREFIX/lib/data"; mkdir -p "$CONDA_PREFIX/lib"; touch "$CONDA_PREFIX/t"'})
    scripts(prefix, {"a.sh": 'rm "$CONDA_PREFIX/t"\n'}, "deactivate.d")
    with tried(prefix) as found:
        assert found.wishes == ()


@pytest.fixture
def _no_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand for a container without CAP_SYS_ADMIN, or an ordinary user whose system has no user namespaces."""
    real = process.run

    def run(command: list[str], **options: object) -> process.Outcome:
        if options.pop("shielded", ()):
            return process.Outcome(125, "its folders cannot be shielded: no", 0.0)
        options.pop("catch", "")
        return real(command, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "run", run)


@pytest.mark.usefixtures("_no_mounts")
def test_without_mounts_what_is_harmless_is_done_at_the_build_too(prefix: Path) -> None:
    link = f"share/gdb/auto-load{prefix}/lib/gdb.py"
    script = f'[ -e "$CONDA_PREFIX/{link}" ] && return\n{GDB}'
    once = '[ -e "$CONDA_PREFIX/etc/x" ] || { mkdir -p "$CONDA_PREFIX/etc/x"; echo 1 >"$CONDA_PREFIX/etc/x/made"; }\n'
    scripts(prefix, {"a.sh": script, "b.sh": once})
    before = snapshot(prefix)
    with tried(prefix) as found:
        assert {(wish.path, wish.script, wish.how) for wish in found.wishes} == {
            (link, "etc/conda/activate.d/a.sh", "new"),
            ("etc/x/made", "etc/conda/activate.d/b.sh", "new"),
        }
    assert snapshot(prefix) == before
    assert sorted(do_harmless(prefix)) == sorted([link, "etc/x/made"])
    assert (prefix / link).resolve() == (prefix / "lib/gdb.py").resolve()
    with tried(prefix) as found:
        assert (found.wishes, found.failures) == ((), ())


@pytest.mark.usefixtures("_no_mounts")
@pytest.mark.parametrize(
    "script",
    ['ln -s /etc/hosts "$CONDA_PREFIX/hosts"', 'mkfifo "$CONDA_PREFIX/pipe"', 'echo $$ >"$CONDA_PREFIX/stamp"'],
)
def test_without_mounts_what_is_not_harmless_is_told_with_its_script(prefix: Path, script: str) -> None:
    scripts(prefix, {"a.sh": f"{script}\n", "b.sh": "return 3\n"})
    before = snapshot(prefix)
    assert do_harmless(prefix) == []
    with tried(prefix) as found:
        assert [(wish.script, wish.how) for wish in found.wishes] == [("etc/conda/activate.d/a.sh", "new")]
        assert {failure.message for failure in found.failures} == {"status 3"}
    assert snapshot(prefix) == before


@pytest.mark.usefixtures("_no_mounts")
def test_without_mounts_what_is_changed_is_told(prefix: Path) -> None:
    scripts(prefix, {"a.sh": 'echo more >>"$CONDA_PREFIX/lib/data"\n'})
    with tried(prefix) as found:
        assert any("activate.d/a.sh changed lib/data" in failure.message for failure in found.failures)


@both
@shielding
def test_the_doctor_names_package_script_shell_and_message(patient: Patient) -> None:
    patient.conda("gxx", files={"etc/conda/activate.d/gxx.sh": b"function f() { :; }\n"})
    finding = only(patient.build("  - gxx\n"), "activation-script-fails")
    assert finding.packages[0].name == "gxx"
    assert finding.found.startswith(
        "etc/conda/activate.d/gxx.sh of gxx 1.0 (conda, channel near): works in bash; in sh"
    )
    assert "Syntax error" in finding.found
    assert not finding.stops


@shielding
def test_the_doctor_names_what_a_script_wants_to_change(patient: Patient) -> None:
    rewrite = b'echo "$$" >"$CONDA_PREFIX/share/arrow.conf"\n'
    patient.conda("libarrow", files={"etc/conda/activate.d/arrow.sh": rewrite, "share/arrow.conf": b"1\n"})
    finding = only(patient.build("  - libarrow\n"), "activation-writes")
    assert "arrow.sh of libarrow 1.0 (conda, channel near) tries to write share/arrow.conf (changed)" in finding.found


def test_the_doctor_names_variables_that_are_none(patient: Patient) -> None:
    patient.conda("torch", files={"etc/conda/env_vars.d/torch.json": b'{"A-B": "1", "X": null}'})
    findings = patient.build("  - torch\n")
    assert [finding.check for finding in findings] == ["env-vars-unusable"] * 2
    assert findings[0].found == (
        "etc/conda/env_vars.d/torch.json of torch 1.0 (conda, channel near): 'A-B' is not the name of a variable"
    )


@shielding
def test_what_names_the_prefix_in_its_path_names_that_of_the_hosts(patient: Patient, tmp_path: Path) -> None:
    variables = json.dumps({"DATA": "/share"}).encode()
    files = {"etc/conda/activate.d/a.sh": GDB.encode(), "lib/gdb.py": b"", "etc/conda/env_vars.d/a.json": variables}
    patient.conda("libarrow", files=files)
    assert patient.build("  - libarrow\n", channels="near]\nvariables: {X: '1'}\n#") == []
    dest = "/opt/conda-envs/demo/1-0123abcd"
    make_tree(patient.prefix, tmp_path / "tree", dest)
    link = tmp_path / f"tree/share/gdb/auto-load{dest}/lib/gdb.py"
    assert link.resolve() == (tmp_path / "tree/lib/gdb.py").resolve()
    assert "DATA" in (tmp_path / "tree/etc/conda/airgap-conda.env.sh").read_text(encoding="utf-8")
    state = json.loads((tmp_path / "tree/conda-meta/state").read_text(encoding="utf-8"))
    assert state["env_vars"] == {"X": "1"}  # for conda itself
    assert not (tmp_path / f"tree/share/gdb/auto-load{patient.prefix}").exists()


def test_an_environment_without_scripts_starts_nothing(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "run", lambda *_words, **_options: pytest.fail("it started something"))
    shutil.rmtree(prefix / "etc", ignore_errors=True)
    with tried(prefix) as found:
        assert (found.failures, found.wishes) == ((), ())
