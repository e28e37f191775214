# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host is sent when a library gets a new version, with and without a delta: ``./dev bench refresh [--short]``.

Takes pairs of wheels from PyPI, as they are published, packs each as a release, makes the delta, and lets a host make
the new release of it, every file compared with its hash. The images are of several packages together, of which one is
new. Bytes do not vary; the seconds are a median.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry, write_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import PART_NAME, Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._formats.delta import base_of
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Base
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import is_image, whole_of
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta import Packed, write_delta
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta_image import write_image_delta
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import PART_SIZE, write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.plugins.module_utils._store.image import Image
from ansible_collections.airgap.conda.tests.bench import program
from ansible_collections.airgap.conda.tests.bench.frame import CACHE, Group, Result, about, in_a_process, take_turns

STEPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "patch": (
        ("numpy", "1.26.3", "1.26.4"),
        ("scipy", "1.11.3", "1.11.4"),
        ("pandas", "2.1.3", "2.1.4"),
        ("pyarrow", "14.0.1", "14.0.2"),
        ("triton", "2.3.0", "2.3.1"),
        ("torch", "2.3.0", "2.3.1"),
    ),
    "minor": (
        ("numpy", "1.25.2", "1.26.0"),
        ("scipy", "1.11.4", "1.12.0"),
        ("pandas", "2.1.4", "2.2.0"),
        ("pyarrow", "14.0.2", "15.0.0"),
        ("triton", "2.2.0", "2.3.0"),
        ("torch", "2.3.1", "2.4.0"),
    ),
}
# Images of several packages together, of which one was older before.
TOGETHER = {"numpy": "1.26.4", "scipy": "1.11.4", "pandas": "2.1.4", "pyarrow": "14.0.2"}
STEPS["image"] = tuple(step for step in STEPS["patch"] if step[0] in TOGETHER)
# Share of the whole payloads that all deltas of a kind together may have; bytes of memory on a host.
WANTED, MEMORY = {"patch": 0.15, "minor": 0.45, "image": 0.10}, 300 * 2**20
PLATFORMS = ("manylinux1_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
WHOLE, DELTA = "the whole release", "the delta"
FOLDER = CACHE / "bench/refresh"


def fetch(name: str, version: str) -> Path:
    """Return the wheel of a version for Python 3.11, as PyPI has it."""
    wheels = FOLDER / "wheels"
    found = sorted(wheels.glob(f"{name}-{version}-*.whl"))
    if not found:
        tags = [word for tag in PLATFORMS for word in ("--platform", tag)]
        wanted = [f"{name}=={version}", "--no-deps", "--only-binary=:all:", "--python-version", "3.11", *tags]
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "-d", str(wheels), *wanted], check=True)
        found = sorted(wheels.glob(f"{name}-{version}-*.whl"))
    return found[0]


def release(number: int, versions: Mapping[str, str], format_name: str) -> Packed:
    """Unpack packages and pack them as a release; returns it. Its tree is next to its folder."""
    tree, folder = FOLDER / f"tree{number}", FOLDER / str(number)
    for path in (tree, folder):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    for name, version in versions.items():
        with zipfile.ZipFile(fetch(name, version)) as wheel:
            wheel.extractall(tree)
    entries, (payload,) = write_payloads(tree, folder, (format_name,))
    if is_image(format_name):
        shutil.rmtree(tree)
    (folder / "entries").write_bytes(write_files(entries))
    return Packed(f"{number}-{number:08x}", folder, payload, entries)


def unpack(format_name: str, sha256: str, size: int) -> int:
    """Make the second release, or its image of ``size`` bytes, as a host does; print seconds and the peak of memory."""
    target = FOLDER / "made"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    parts = [
        path for path in sorted((FOLDER / "2").iterdir()) if PART_NAME.sub(r"\g<format>", path.name) == format_name
    ]
    clock = time.perf_counter()
    if is_image(format_name):
        whole, older = Payload(whole_of(format_name), size, sha256, ()), FOLDER / "image1"
        Image(target / "image", target).write(parts, whole, older if base_of(format_name) else None)
    else:
        base = Base(FOLDER / "tree1", _entries(1)) if base_of(format_name) else None
        extract(parts, format_name, _entries(2), target, base=base)
    seconds = time.perf_counter() - clock
    print(json.dumps({"seconds": seconds, "memory": _peak()}))
    return 0


def _peak() -> int:
    """Return the most memory that this process had, in bytes: getrusage gives that of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def _entries(number: int) -> list[FileEntry]:
    return read_files((FOLDER / str(number) / "entries").read_bytes(), "entries")


def measure(steps: Mapping[str, Any], rounds: int) -> Result:
    """Take every step; returns what each needed, and all of a kind together."""
    result = Result([])
    for kind, chosen in steps.items():
        whole = spared = 0
        for name, old, new in chosen:
            title = f"{name} {old} to {new} ({kind})"
            print(title, flush=True)
            newer, delta = _pair(kind, name, old, new)
            sizes = {WHOLE: newer.payload.size, DELTA: delta.size}
            arms = {
                WHOLE: functools.partial(_arm, newer.payload, newer.payload),
                DELTA: functools.partial(_arm, delta, newer.payload),
            }
            units = {"to send": "bytes", "to install": "s", "memory": "bytes"}
            result.groups.append(Group(title, WHOLE, units, take_turns(arms, rounds)))
            whole, spared = whole + sizes[WHOLE], spared + sizes[DELTA]
            most = max(result.groups[-1].arms[DELTA]["memory"])
            if most > MEMORY:
                result.failures.append(f"{title}: {most / 2**20:.0f} MiB of memory, wanted {MEMORY >> 20}")
        share = spared / whole
        result.findings.append(f"all {kind} steps together: {share:.1%} of the bytes of whole releases")
        if share > WANTED[kind] and chosen == STEPS[kind]:
            result.failures.append(f"wanted {WANTED[kind]:.0%} for {kind} steps")
    shutil.rmtree(FOLDER / "made", ignore_errors=True)
    (FOLDER / "image1").unlink(missing_ok=True)
    for number in (1, 2):
        shutil.rmtree(FOLDER / f"tree{number}", ignore_errors=True)
        shutil.rmtree(FOLDER / str(number), ignore_errors=True)
    return result


def _pair(kind: str, name: str, old: str, new: str) -> tuple[Packed, Payload]:
    """Make two releases; returns the newer one, and the delta to it."""
    if kind != "image":
        older, newer = release(1, {name: old}, "tar.zst"), release(2, {name: new}, "tar.zst")
        return newer, write_delta(newer, older, newer.folder, PART_SIZE)
    older, newer = release(1, {**TOGETHER, name: old}, "squashfs"), release(2, {**TOGETHER, name: new}, "squashfs")
    with open(FOLDER / "image1", "wb") as image:
        for part in older.payload.parts:
            image.write((older.folder / part.name).read_bytes())
    return newer, write_image_delta(newer, older, newer.folder, PART_SIZE)


def _arm(sent: Payload, whole: Payload) -> dict[str, float]:
    found = in_a_process(__file__, "--unpack", sent.format, "--sha256", whole.sha256, "--size", whole.size)
    return {"to send": sent.size, "to install": found["seconds"], "memory": found["memory"]}


def main() -> int:
    parser = program.parser("Measure what a new version of a library costs.")
    parser.add_argument("--unpack", help=argparse.SUPPRESS)
    parser.add_argument("--sha256", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=[*STEPS], help="only these steps")
    options = parser.parse_args()
    if options.unpack:
        return unpack(options.unpack, options.sha256, options.size)
    chosen = {kind: found for kind, found in STEPS.items() if options.kind in (None, kind)}
    steps = {"patch": STEPS["patch"][:1]} if options.short else chosen
    return program.run(options, functools.partial(measure, steps), lambda: about("zstandard"))


if __name__ == "__main__":
    sys.exit(main())
