# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Source every activation script of a built environment once, in bash and in sh, and see what works and what it writes.

What they write goes to a separate folder and not to the environment (``_keeper.shield``), so it is known which
script writes what. Where the system allows no such view, what was added is moved there afterwards, and belongs to the
script that speaks of it; what was changed is only told.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import VARIABLES
from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import SH, shell
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import write_anew
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import leads_out
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ENVIRONMENT
from ansible_collections.airgap.conda.plugins.module_utils._run.shield import Shield

FOLDERS = ("etc/conda/activate.d", "etc/conda/deactivate.d")
# Seconds for all scripts of an environment in one shell.
DEADLINE = 120.0
# Bytes of a file that a script writes and that is made part of the release at the build.
HARMLESS = 1 << 20
# Characters of what a script says that are kept.
SAID = 300
# Numbers the scripts from 0; for each number there are files with its status, its output and the paths written so far.
DRIVER = """\
catch=$1; shift
find=$(command -v find)
_airgap_variable() { export "$1=$2"; }
if [ -r "$CONDA_PREFIX/{variables}" ]; then . "$CONDA_PREFIX/{variables}"; fi
_airgap_number=0
_airgap_try() {
  _airgap_status=0
  . "$1" >/dev/null 2>"$catch/said-$_airgap_number" || _airgap_status=$?
  set +euf
  echo "$_airgap_status" >"$catch/status-$_airgap_number"
  "$find" "$catch/upper" -mindepth 1 -print0 >"$catch/written-$_airgap_number"
}
for _airgap_script; do
  case $_airgap_script in ?*) _airgap_try "$_airgap_script" ;; esac
  _airgap_number=$((_airgap_number + 1))
done
""".replace("{variables}", VARIABLES)


@dataclass(frozen=True)
class Failure:
    """A script that does not work in ``shell`` (bash or sh); ``path`` is relative to the prefix."""

    path: str
    shell: str
    message: str


@dataclass(frozen=True)
class Wish:
    """A path that the script ``script`` wants to write, both relative to the prefix; ``how``: new, changed or gone."""

    path: str
    script: str
    how: str


@dataclass(frozen=True)
class Tried:
    """What came of it. ``catch`` has what was written below upper, as long as the context lasts."""

    failures: tuple[Failure, ...] = ()
    wishes: tuple[Wish, ...] = ()
    catch: Path | None = None


@contextmanager
def tried(prefix: Path, in_sh: bool = True) -> Iterator[Tried]:
    """Test the scripts of the environment at ``prefix``, which does not change.

    What they write is known from bash, where there is one; ``in_sh`` tells whether what works in sh is of interest too.
    """
    scripts = scripts_of(prefix)
    if not scripts:
        yield Tried()
        return
    failures: list[Failure] = []
    bash = shell()
    with tempfile.TemporaryDirectory(prefix="airgap-conda-") as home:
        if in_sh and bash != [SH]:
            with _folder(prefix) as (catch, catches):
                failures += _run(prefix, [SH], scripts, home, catch, catches)
        with _folder(prefix) as (catch, catches):
            failures += _run(prefix, bash, scripts, home, catch, catches)
            yield Tried(tuple(failures), tuple(_wishes(prefix, scripts, catch)), catch)


def do_harmless(prefix: Path) -> list[str]:
    """Write what activation wants to add, if it is small files and links into the environment; returns the paths.

    The scripts find it there on a host, where nobody may write. What they want to change is left as it is, and so is
    what comes out otherwise a second time: two builds of the same would differ.
    """
    added = _added(prefix)
    again = _added(prefix) if added else {}
    same = [path for path, content in added.items() if again.get(path) == content]
    for path in same:
        content, mode = added[path]
        if isinstance(content, str):
            (prefix / path).parent.mkdir(parents=True, exist_ok=True)
            (prefix / path).symlink_to(content)
        else:
            write_anew(prefix / path, content, mode)
    return same


def _added(prefix: Path) -> dict[str, tuple[str | bytes, int]]:
    """Return path -> where the link leads or what the file holds, and its mode, of all that is new and harmless."""
    found: dict[str, tuple[str | bytes, int]] = {}
    with tried(prefix, in_sh=False) as result:
        upper = (result.catch or prefix) / "upper"
        for wish in result.wishes:
            written = upper / wish.path
            if wish.how == "new" and _is_harmless(prefix, written, wish.path):
                if written.is_symlink():
                    found[wish.path] = (_link(prefix, wish.path, os.readlink(written)), 0)
                else:
                    found[wish.path] = (written.read_bytes(), 0o755 if written.stat().st_mode & 0o100 else 0o644)
    return found


def scripts_of(prefix: Path) -> list[str]:
    """Return the scripts for sh, relative to the prefix, in the order in which they are sourced."""
    found = []
    for folder in FOLDERS:
        names = sorted(path.name for path in (prefix / folder).glob("*.sh") if path.is_file())
        found += [f"{folder}/{name}" for name in (reversed(names) if folder == FOLDERS[1] else names)]
    return found


@contextmanager
def _folder(prefix: Path) -> Iterator[tuple[Path, bool]]:
    """Give a folder, and whether what is written below ``prefix`` can be caught in it."""
    look = ["/bin/sh", "-c", ': >"$1/etc/.try" && rm "$1/etc/.try"', "sh", str(prefix)]
    for parent in (prefix.parent, Path("/dev/shm"), Path(tempfile.gettempdir())):  # noqa: S108 - a folder is made there
        if os.access(parent, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix=".try-", dir=parent))
            try:
                _empty(folder)
                catches = process.run(look, deadline=DEADLINE, shielded=[str(prefix)], catch=str(folder)).ok
                _empty(folder)
                if catches or parent == Path(tempfile.gettempdir()):
                    yield folder, catches
                    return
            finally:
                _remove(folder)
    raise AirgapError(
        "The activation of the environment cannot be tested",
        code="activation-untested",
        wanted="a folder for temporary files",
        found="no writable folder",
        where=tempfile.gettempdir(),
        remedy="give this user write permission there, or set TMPDIR",
    )


def _empty(folder: Path) -> None:
    for name in ("upper", "work"):
        _remove(folder / name)
        (folder / name).mkdir(mode=0o755)
    for path in folder.glob("*-*"):
        path.unlink()


def _remove(folder: Path) -> None:
    for work in (folder / "work", folder / "work/work"):  # the kernel takes all rights from it
        with suppress(OSError):
            work.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _run(
    prefix: Path, words: Sequence[str], scripts: Sequence[str], home: str, catch: Path, catches: bool
) -> list[Failure]:
    """Run the scripts one after the other; one that ends the shell is left out, and the run begins again."""
    name = "bash" if len(words) > 1 else "sh"
    env = {
        **ENVIRONMENT,
        "PATH": f"{prefix}/bin:{ENVIRONMENT['PATH']}",
        "HOME": home,
        "CONDA_PREFIX": str(prefix),
        "CONDA_DEFAULT_ENV": prefix.name,
        "CONDA_SHLVL": "1",
        "CONDA_PROMPT_MODIFIER": f"({prefix.name}) ",
        "PYTHONNOUSERSITE": "1",
    }
    left = [str(prefix / script) for script in scripts]
    failures = []
    while any(left):
        _empty(catch)
        command = [*words, "-c", DRIVER, "sh", str(catch), *left]
        if catches:
            outcome = process.run(command, deadline=DEADLINE, env=env, shielded=[str(prefix)], catch=str(catch))
        else:
            shield = Shield.of_looks(prefix, catch / "upper")
            outcome = process.run(command, deadline=DEADLINE, env=env)
            try:
                shield.look("")
            except AirgapError as error:
                failures.append(Failure(FOLDERS[0], name, error.found.replace(str(prefix), "$CONDA_PREFIX")))
            _note_who(left, catch)
        ended = next((n for n, script in enumerate(left) if script and not (catch / f"status-{n}").is_file()), None)
        if ended is None:
            break
        how = "it did not finish" if outcome.returncode is None else "it ends the shell"
        failures.append(Failure(scripts[ended], name, f"{how}: {_said(prefix, catch, ended)}".rstrip(": ")))
        left[ended] = ""
    for number, script in enumerate(scripts):
        if left[number]:
            status, said = (
                (catch / f"status-{number}").read_text(encoding="ascii").strip(),
                _said(prefix, catch, number),
            )
            if status != "0" or said:
                failures.append(Failure(script, name, f"status {status}: {said}".rstrip(": ")))
    return failures


def _note_who(scripts: Sequence[str], catch: Path) -> None:
    """Write down what the scripts have written as DRIVER does, where it is known only from all of them together."""
    texts = [Path(script).read_bytes() if script else b"" for script in scripts]
    written: dict[int, bytes] = {}
    for path in sorted((catch / "upper").rglob("*")):
        if path.is_symlink() or not path.is_dir():
            who = next((number for number, text in enumerate(texts) if os.fsencode(path.name) in text), len(texts) - 1)
            written[who] = written.get(who, b"") + os.fsencode(path) + b"\0"
    for number, names in written.items():
        (catch / f"written-{number}").write_bytes(names)


def _said(prefix: Path, catch: Path, number: int) -> str:
    try:
        text = (catch / f"said-{number}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return " / ".join(text.replace(str(prefix), "$CONDA_PREFIX").strip().splitlines())[:SAID]


def _wishes(prefix: Path, scripts: Sequence[str], catch: Path) -> Iterator[Wish]:
    """Yield newly written paths; a folder is left out if its contents are listed."""
    seen: set[str] = set()
    upper = catch / "upper"
    for number, script in enumerate(scripts):
        try:
            names = (catch / f"written-{number}").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
        except OSError:
            continue
        for name in sorted(set(names) - seen):
            path = os.path.relpath(name, upper)
            how = _how(prefix, upper / path, path)
            if how and "__pycache__" not in path.split("/"):
                yield Wish(path, script, how)
        seen.update(names)


def _how(prefix: Path, written: Path, path: str) -> str:
    """Return what is different from what is there; empty for nothing that counts."""
    target = prefix / path
    try:
        status = written.lstat()
    except FileNotFoundError:
        return ""  # written and removed again
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return "gone" if os.path.lexists(target) else ""
    if stat.S_ISDIR(status.st_mode):
        return "" if any(written.iterdir()) or target.is_dir() else "new"
    if not os.path.lexists(target):
        return "new"
    if stat.S_ISLNK(status.st_mode) and target.is_symlink():
        same = _link(prefix, path, os.readlink(written)) == _link(prefix, path, os.readlink(target))
    else:
        same = stat.S_IFMT(status.st_mode) == stat.S_IFMT(target.lstat().st_mode)
        same = same and stat.S_ISREG(status.st_mode) and filecmp.cmp(written, target, shallow=False)
        same = same and stat.S_IMODE(status.st_mode) == stat.S_IMODE(target.lstat().st_mode)
    return "" if same else "changed"


def _link(prefix: Path, path: str, target: str) -> str:
    """Return where the link ``path`` leads, from its own folder if that is in the environment."""
    if target.startswith(f"{prefix}/"):
        return os.path.relpath(target, (prefix / path).parent)
    return os.path.normpath(target)


def _is_harmless(prefix: Path, written: Path, path: str) -> bool:
    status = written.lstat()
    if path.startswith("conda-meta/"):
        return False
    if stat.S_ISLNK(status.st_mode):
        return not leads_out(path, {path: _link(prefix, path, os.readlink(written))})
    return stat.S_ISREG(status.st_mode) and status.st_size <= HARMLESS
