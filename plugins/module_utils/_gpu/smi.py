# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask nvidia-smi under a deadline and read its answer; what it cannot say becomes a finding, never an exception."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, DEGRADED, OK, UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu, read_gpu
from ansible_collections.airgap.conda.plugins.module_utils._requirements.cuda import capability_of
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ENVIRONMENT

# Where nvidia-smi is looked for: the system's folders, then those that container runtimes and WSL mount it at.
PATH = f"{ENVIRONMENT['PATH']}:/usr/local/nvidia/bin:/usr/lib/wsl/lib"
# The answer may have 120 KB for each GPU (most of it clocks); the kernel stops nvidia-smi at this many bytes.
ANSWER_LIMIT = 8 << 20
# More GPUs than any host has.
MAX_GPUS = 64
# Probes that may take their whole deadline before no further one is started.
PROBES = 3

_WANTED = "nvidia-smi -q -x answers with the state of each GPU"
_AGAIN = "run 'nvidia-smi -q -x' by hand as root; look for Xid messages in the kernel log; reboot"
_INSTALL = "install one whole version of the NVIDIA driver (kernel module, libraries and nvidia-smi) and reboot"
# Exit status -> verdict, what it means, what to do. nvidia-smi(1), "RETURN VALUE"; 18 is NVML's own number for it.
EXITS = {
    2: (UNKNOWN, "it does not know the arguments -q -x", "use the nvidia-smi of the installed driver"),
    3: (UNKNOWN, "the GPU does not offer this query", _AGAIN),
    4: (UNKNOWN, "the user has no permission to ask", "run it as root (become: true)"),
    6: (BROKEN, "it found no GPU, though the driver is loaded", "look for Xid and RmInitAdapter in the kernel log"),
    8: (BROKEN, "external power cables of a GPU are not properly attached", "attach the power cables of the GPU"),
    9: (BROKEN, "the driver is not loaded", f"load it (modprobe nvidia); after a kernel update {_INSTALL}"),
    10: (BROKEN, "the kernel sees an interrupt problem with a GPU", "look at the kernel log; reseat the GPU"),
    12: (UNKNOWN, "the library NVML (libnvidia-ml.so.1) is not found or cannot be loaded", _INSTALL),
    13: (UNKNOWN, "its library NVML is older than itself", _INSTALL),
    14: (DEGRADED, "the infoROM of a GPU is corrupted", "plan to have the GPU serviced"),
    15: (BROKEN, "a GPU has fallen off the bus or is out of reach", "power the host off and on; reseat the GPU"),
    18: (BROKEN, "library and loaded kernel module are of different versions", "reboot"),
}  # fmt: skip


class Clock:
    """Hands out seconds: to each probe ``deadline`` at most, to all together PROBES times that."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._end = time.monotonic() + PROBES * deadline

    def take(self) -> float:
        """Return the seconds that the next probe may take; 0 when all are used up."""
        return max(0.0, min(self._deadline, self._end - time.monotonic()))


@dataclass(frozen=True)
class Answer:
    """What nvidia-smi said. ``gpus`` is empty when it could not say; ``findings`` then holds the reason.

    ``elements`` are the <gpu> elements of its XML, in the order of ``gpus``.
    ``code`` is its exit status, or the one of EXITS that its words stand for.
    """

    driver: str = ""
    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()
    findings: tuple[Finding, ...] = ()
    code: int = 0
    elements: tuple[ET.Element, ...] = ()


def find_smi(nvidia_smi: str) -> str:
    """Return the path of nvidia-smi; empty when it is not there or not executable."""
    return shutil.which(nvidia_smi, path=PATH) or ""


def ask(program: str, clock: Clock) -> Answer:
    """Ask the nvidia-smi at ``program`` for everything; returns by the deadline whatever the program does."""
    limit = clock.take()
    outcome, text = _run(program, ["-q", "-x"], limit)
    if outcome.returncode is None:
        found = f"no answer within {limit:.3g} s; it was left behind"
        return Answer(findings=(_finding(program, UNKNOWN, found, _AGAIN),))
    if len(text) >= ANSWER_LIMIT:
        found = f"more than {ANSWER_LIMIT >> 20} MiB of output"
        return Answer(findings=(_finding(program, UNKNOWN, found, _INSTALL),))
    code, failure = _failure(program, outcome, text)
    if failure and failure.verdict != DEGRADED:
        return Answer(findings=(failure,), code=code)
    try:
        answer = parse(text, program)
    except ValueError as error:
        return Answer(findings=(_finding(program, UNKNOWN, str(error), _INSTALL),))
    findings = (failure, *answer.findings) if failure else answer.findings
    return replace(answer, gpus=_with_capabilities(program, answer.gpus, clock), findings=findings)


def _run(program: str, arguments: Sequence[str], deadline: float) -> tuple[process.Outcome, str]:
    """Run it with its output in a file, which holds more than a pipe and cannot grow beyond ANSWER_LIMIT."""
    folder = tempfile.mkdtemp(prefix="airgap-conda-")
    try:
        # POSIX counts ulimit -f in blocks of 512 bytes.
        script = f'out=$1; shift; ulimit -f {ANSWER_LIMIT // 512} || :; exec "$@" >"$out"'
        command = ["/bin/sh", "-c", script, "sh", f"{folder}/answer", program, *arguments]
        outcome = process.run(command, deadline=deadline, env={**ENVIRONMENT, "PATH": PATH, "HOME": folder})
        with open(f"{folder}/answer", "rb") as stream:
            return outcome, stream.read(ANSWER_LIMIT).decode("utf-8", "replace")
    except FileNotFoundError:
        return outcome, ""
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _failure(program: str, outcome: process.Outcome, text: str) -> tuple[int, Finding | None]:
    """Turn an exit status into a finding, with the program's own words; None for success."""
    code = outcome.returncode or 0
    # With a corrupted infoROM the answer is whole and the warning follows it.
    words = f"{text[-300:] if code == 14 else text[:2000]} {outcome.output}"
    if "Driver/library version mismatch" in words:
        code = 18
    elif "No devices were found" in words:
        code = 6
    if code == 0:
        return 0, None
    says = clean(words)
    how = f"killed by signal {-code}" if code < 0 else f"exit status {outcome.returncode}"
    verdict, meaning, remedy = EXITS.get(code, (UNKNOWN, "", _AGAIN))
    found = ": ".join(part for part in (f"{how}, {meaning}".rstrip(", "), says) if part)
    return code, _finding(program, verdict, found, remedy)


def parse(text: str, where: str) -> Answer:
    """Read what ``nvidia-smi -q -x`` printed; ``where`` is its path, for the findings.

    Raises ValueError saying what is wrong when it is not whole, no XML, or of a schema without the fields that a GPU
    cannot be told by. Warnings before and after the XML are skipped; fields that are missing beyond those are not held
    against it, since each driver adds and renames some.
    """
    begin, end = text.find("<nvidia_smi_log"), text.rfind("</nvidia_smi_log>")
    if begin < 0:
        raise ValueError(f"no nvidia_smi_log in its output: {clean(text, 200) or 'nothing'}")
    if end < begin:
        raise ValueError(f"XML that is cut off after {len(text)} characters: {clean(text[-100:])}")
    try:
        # The part without the document type, so that no entities are declared or expanded.
        root = ET.fromstring(text[begin : end + len("</nvidia_smi_log>")])  # noqa: S314
    except ET.ParseError as error:
        raise ValueError(f"XML that cannot be read: {error}") from error
    schema = re.search(r'SYSTEM "([\w.]+)"', text[:begin])
    driver = clean(root.findtext("driver_version", ""), 40)
    elements = root.findall("gpu")
    if not re.fullmatch(r"\d+(\.\d+)+", driver) or len(elements) > MAX_GPUS:
        raise ValueError(f"a schema this version does not know ({schema[1] if schema else 'not named'})")
    gpus = tuple(read_gpu(element, index) for index, element in enumerate(elements))
    unnamed = next((gpu.index for gpu in gpus if not gpu.uuid or not gpu.name), None)
    if unnamed is not None:
        raise ValueError(
            f"no uuid or product_name for GPU {unnamed}: a schema this version does not know "
            f"({schema[1] if schema else 'not named'})"
        )
    cuda = clean(root.findtext("cuda_version", ""), 20)
    version = f"driver {driver}" + (f", CUDA up to {cuda}" if cuda else "")
    if not gpus:
        return Answer(driver, cuda, findings=(_finding(where, BROKEN, f"{version}, no GPU", EXITS[6][2]),))
    seen = _finding(where, OK, f"{version}, {len(gpus)} GPU{'s' if len(gpus) > 1 else ''}", "")
    newest = cuda if re.fullmatch(r"\d+\.\d+", cuda) else ""
    return Answer(driver, newest, gpus, (seen,), elements=tuple(elements))


def _with_capabilities(program: str, gpus: tuple[Gpu, ...], clock: Clock) -> tuple[Gpu, ...]:
    """Add the compute capability, which no schema has: nvidia-smi 510 and newer tell it when asked, else a table."""
    outcome, text = _run(program, ["--query-gpu=uuid,compute_cap", "--format=csv,noheader"], clock.take())
    rows = re.findall(r"^(GPU-[\w-]+)\s*,\s*(\d+\.\d+)\s*$", text, re.MULTILINE) if outcome.ok else []
    told = dict(rows)
    return tuple(replace(gpu, capability=told.get(gpu.uuid) or capability_of(gpu.name)) for gpu in gpus)


def _finding(program: str, verdict: str, found: str, remedy: str) -> Finding:
    problem = "" if verdict == OK else "nvidia-smi does not show GPUs that are well"
    return Finding("driver", "", verdict, problem, _WANTED, found, program, remedy)
