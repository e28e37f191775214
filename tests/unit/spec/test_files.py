# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``files:`` of release.yml: what it accepts, every way in which it can be wrong, and when its content is another."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Several
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._spec import files as spec_files
from ansible_collections.airgap.conda.plugins.module_utils._spec import sums
from ansible_collections.airgap.conda.plugins.module_utils._spec.files import Brought, require_apart
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.plugins.module_utils._spec.sums import content_of
from ansible_collections.airgap.conda.tests.unit.tiny_channel import write_spec

ENVIRONMENT = "channels: [near]\ndependencies: [tool]\n"
SHA = hashlib.sha256(b"weights\n").hexdigest()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """Make a spec's folder with a file and a folder in it."""
    folder = tmp_path / "demo"
    (folder / "models/sub").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"weights\n")
    (folder / "models/a.txt").write_text("a")
    (folder / "models/sub/run.sh").write_text("#!/bin/sh\n")
    (folder / "models/sub/run.sh").chmod(0o755)
    (folder / "models/link").symlink_to("sub/run.sh")
    return folder


def load(folder: Path, *entries: str) -> tuple[Brought, ...]:
    write_spec(folder, ENVIRONMENT, "files:\n" + "".join(f"  - {entry}\n" for entry in entries))
    return load_spec(folder).release.files


def codes(folder: Path, *entries: str) -> list[str]:
    with pytest.raises(AirgapError) as caught:
        content_of(load(folder, *entries))
    error = caught.value
    return [one.code for one in error.errors] if isinstance(error, Several) else [error.code]


def test_a_file_and_a_folder_become_entries_of_the_release(spec: Path) -> None:
    found = content_of(
        load(spec, "{source: weights.bin, path: share/w.bin}", f"{{source: {spec}/models, path: share/m}}")
    )
    file, folder = found.entries
    assert file == (FileEntry("share/w.bin", "file", 0o644, 8, SHA),)
    assert [(entry.path, entry.type, entry.mode, entry.target) for entry in folder] == [
        ("share/m", "dir", 0o755, ""),
        ("share/m/a.txt", "file", 0o644, ""),
        ("share/m/link", "symlink", 0, "sub/run.sh"),
        ("share/m/sub", "dir", 0o755, ""),
        ("share/m/sub/run.sh", "file", 0o755, ""),
    ]
    assert [item["files"] for item in found.summary()] == [1, 2]


@pytest.mark.parametrize("mode", ["0755", "'0755'", "755", "0o755"])
def test_a_mode_is_one_that_a_release_has(spec: Path, mode: str) -> None:
    ((entry,),) = content_of(load(spec, f"{{source: weights.bin, path: bin/w, mode: {mode}}}")).entries
    assert entry.mode == 0o755


def test_a_hash_is_held_to_whichever_case_it_is_written_in(spec: Path) -> None:
    load(spec, f"{{source: weights.bin, path: w, sha256: {SHA.upper()}}}")
    assert codes(spec, f"{{source: weights.bin, path: w, sha256: {'0' * 63}1}}") == ["sha256-differs"]


def test_a_source_that_is_a_link_is_what_it_leads_to(spec: Path) -> None:
    (spec / "newest").symlink_to("weights.bin")
    ((entry,),) = content_of(load(spec, "{source: newest, path: w}")).entries
    assert (entry.type, entry.sha256) == ("file", SHA)


def test_byte_code_of_a_folder_stays_behind(spec: Path) -> None:
    (spec / "models/__pycache__").mkdir()
    (spec / "models/__pycache__/a.pyc").write_bytes(b"x")
    assert not [item for item in load(spec, "{source: models, path: m}")[0].items if "__pycache__" in item.path]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("{source: no.bin, path: w}", "source-missing"),
        ("{source: broken, path: w}", "source-missing"),
        ("{source: socket, path: w}", "source-unusable"),
        ("{source: fifo, path: w}", "source-unusable"),
        ("{source: /dev/null, path: w}", "source-unusable"),
        ("{source: empty, path: w}", "source-unusable"),
        ("{source: outward, path: w}", "source-unusable"),
        ("{source: absolute, path: w}", "source-unusable"),
        ("{source: dangling, path: w}", "source-unusable"),
        ("{source: newline, path: w}", "source-unusable"),
        ("{source: pipes, path: w}", "source-unusable"),
        ("{source: models, path: w, sha256: " + SHA + "}", "not-for-folders"),
        ("{source: models, path: w, mode: '0644'}", "not-for-folders"),
        ("{source: weights.bin, path: /etc/w}", "path-unusable"),
        ("{source: weights.bin, path: ../w}", "path-unusable"),
        ("{source: weights.bin, path: share/../../w}", "path-unusable"),
        ("{source: weights.bin, path: .}", "path-unusable"),
        ("{source: weights.bin, path: a//b}", "path-unusable"),
        ("{source: weights.bin, path: conda-meta/history}", "path-unusable"),
        ("{source: models, path: conda-meta}", "path-unusable"),
        ("{source: weights.bin, path: bin/activate}", "path-unusable"),
        ("{source: weights.bin, path: " + "n" * 256 + "}", "path-unusable"),
        ("{source: weights.bin, path: w, mode: 4755}", "mode-unusable"),
        ("{source: weights.bin, path: w, mode: yes}", "mode-unusable"),
        ("{source: weights.bin, path: w, sha256: abc}", "sha256-unusable"),
        ("{source: weights.bin, path: w, sha256: " + "0" * 64 + "}", "sha256-differs"),
        ("{source: weights.bin}", "key-missing"),
        ("{path: w}", "key-missing"),
    ],
)
def test_what_cannot_be_is_refused(spec: Path, entry: str, code: str) -> None:
    (spec / "broken").symlink_to("nowhere")
    listening = socket.socket(socket.AF_UNIX)
    cwd = os.getcwd()
    os.chdir(spec)  # a socket's path may be short only
    listening.bind("socket")
    os.chdir(cwd)
    os.mkfifo(spec / "fifo")
    (spec / "empty").mkdir()
    for name, target in {"outward": "../../weights.bin", "absolute": "/etc/hostname", "dangling": "gone"}.items():
        (spec / name).mkdir()
        (spec / name / "link").symlink_to(target)
    for name in ("newline", "pipes"):
        (spec / name).mkdir()
    (spec / "newline/a\nb").write_text("x")
    os.mkfifo(spec / "pipes/p")
    assert codes(spec, entry) == [code]


@pytest.mark.parametrize(
    "text", ["files: []\n", "files:\n", "files: weights.bin\n", "files: [weights.bin]\n", "files: 3\n"]
)
def test_another_type_is_refused(spec: Path, text: str) -> None:
    write_spec(spec, ENVIRONMENT, text)
    with pytest.raises(AirgapError, match="is missing here"):
        load_spec(spec)


def test_all_that_is_wrong_is_told_at_once_each_with_its_line(spec: Path) -> None:
    with pytest.raises(Several) as caught:
        load(
            spec,
            "{source: no.bin, path: ../w, mode: 7}",
            "{sauce: x, path: w}",
            "{source: weights.bin, path: conda-meta/x}",
        )
    assert sorted(error.code for error in caught.value.errors) == [
        "key-missing", "key-unknown", "mode-unusable", "path-unusable", "path-unusable", "source-missing",
    ]  # fmt: skip
    assert {error.where.rsplit(":", 2)[1] for error in caught.value.errors} == {"2", "3", "4"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_refused(spec: Path) -> None:
    (spec / "weights.bin").chmod(0)
    assert codes(spec, "{source: weights.bin, path: w}") == ["source-unusable"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{source: weights.bin, path: w}", "{source: models/a.txt, path: w}"),
        ("{source: weights.bin, path: w}", "{source: models, path: w}"),
        ("{source: weights.bin, path: m/sub}", "{source: models, path: m}"),
        ("{source: models, path: m}", "{source: weights.bin, path: m/a.txt}"),
        ("{source: models, path: m}", "{source: weights.bin, path: m/a.txt/b/c}"),
        ("{source: weights.bin, path: m/a.txt/b/c}", "{source: models, path: m}"),
        ("{source: models, path: m}", "{source: models, path: m}"),
        ("{source: models, path: m}", "{source: weights.bin, path: m/link/x}"),
    ],
)
def test_two_entries_cannot_bring_one_path(spec: Path, one: str, other: str) -> None:
    assert codes(spec, one, other) == ["path-taken"]


def test_folders_of_two_entries_become_one(spec: Path) -> None:
    assert len(load(spec, "{source: models, path: m}", "{source: weights.bin, path: m/sub/w}")) == 2


def test_there_is_an_end_to_their_number(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec_files, "MOST", 3)
    assert codes(spec, "{source: models, path: m}") == ["too-many-files"]


@pytest.mark.parametrize("inside", [True, False])
def test_what_the_build_writes_is_no_source(spec: Path, inside: bool) -> None:
    files = load(spec, "{source: models, path: m}")
    with pytest.raises(AirgapError) as caught:
        require_apart(files, spec / ("models/depot" if inside else ""), "the depot")
    assert caught.value.code == "source-blocked"
    require_apart(files, spec / "model", "the depot")


def test_content_decides_and_no_name_or_time(spec: Path) -> None:
    before = content_of(load(spec, "{source: weights.bin, path: w}")).sha256
    (spec / "weights.bin").rename(spec / "other.bin")
    os.utime(spec / "other.bin", (1, 1))
    assert content_of(load(spec, "{source: other.bin, path: w}")).sha256 == before
    (spec / "other.bin").write_bytes(b"WEIGHTS\n")
    assert content_of(load(spec, "{source: other.bin, path: w}")).sha256 != before


def test_a_spec_without_files_is_called_what_it_was(spec: Path) -> None:
    write_spec(spec, ENVIRONMENT, "gpu: none\n")
    assert content_of(load_spec(spec).release.files).sha256 == ""


def test_hashes_are_remembered_while_the_state_is_the_same(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "LEAST", 1)
    monkeypatch.setattr(sums, "SETTLED", -(10**12))
    first = content_of(load(spec, "{source: weights.bin, path: w}"))
    files = load(spec, "{source: weights.bin, path: w}")
    monkeypatch.setattr(os, "open", None)  # nothing is read any more
    assert content_of(files) == first


def test_a_file_with_the_times_and_size_of_another_is_another(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "LEAST", 1)
    monkeypatch.setattr(sums, "SETTLED", -(10**12))
    before = content_of(load(spec, "{source: weights.bin, path: w}"))
    status = (spec / "weights.bin").stat()
    time.sleep(0.02)
    (spec / "weights.bin").write_bytes(b"WEIGHTS\n")
    os.utime(spec / "weights.bin", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert content_of(load(spec, "{source: weights.bin, path: w}")) != before


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}', '{"%s": 3}', '{"%s": [[1], 2]}', '{"%s": [null, null]}'])
def test_a_memory_that_is_nonsense_is_none(spec: Path, text: str) -> None:
    sums.memory_path().parent.mkdir(parents=True)
    sums.memory_path().write_text(text.replace("%s", str(spec / "weights.bin")))
    ((entry,),) = content_of(load(spec, "{source: weights.bin, path: w}")).entries
    assert entry.sha256 == SHA


def test_a_file_that_has_just_been_written_is_not_remembered(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "LEAST", 1)
    content_of(load(spec, "{source: weights.bin, path: w}"))
    assert not sums.memory_path().exists() or json.loads(sums.memory_path().read_text()) == {}


def test_a_file_that_changes_while_it_is_read_is_refused(spec: Path) -> None:
    files = load(spec, "{source: weights.bin, path: w}")
    (spec / "weights.bin").write_bytes(b"longer weights\n")
    with pytest.raises(AirgapError) as caught:
        content_of(files)
    assert caught.value.code == "source-changed"
