# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a framework does on a GPU and what that means, with stand-ins for frameworks, and with the real PyTorch."""

from __future__ import annotations

import ast
import importlib.util
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu import child
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import Clock
from ansible_collections.airgap.conda.plugins.module_utils._gpu.works import Trial, frameworks_of, judge, try_all
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.tests.unit.tiny_gpu import environment
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

GPUS = tuple(Gpu(index, f"GPU-{index}", "a card") for index in range(3))
SECONDS = 20.0
# Seconds that a busy machine may take in addition.
BUSY = 20.0


def compute(prefix: Path, gpus: int = 1, deadline: float = SECONDS) -> tuple[list[Trial], list[Finding]]:
    start = time.monotonic()
    trials = try_all(prefix, GPUS[:gpus], Clock(deadline))
    assert time.monotonic() - start < deadline + process.GRACE + BUSY
    return trials, judge(trials, prefix)


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_a_gpu_that_computes(tmp_path: Path, framework: str) -> None:
    (trial,), (finding,) = compute(environment(tmp_path, framework, capability="8.9"))
    assert (finding.check, finding.verdict, finding.subject, finding.remedy) == ("matmul", "ok", "GPU 0", "")
    assert finding.wanted.startswith(f"{framework} 2.1.0 multiplies 512 x 512 float32 matrices on the GPU")
    assert finding.found.startswith("the largest difference is 0.0")
    assert finding.where == "GPU 0, a card (GPU-0)"
    assert (trial.text("capability"), trial.text("cuda"), len(trial.architectures)) == ("8.9", "11.8", 5)


NO_KERNEL = "raise RuntimeError('CUDA error: no kernel image is available for execution on the device')"


@pytest.mark.parametrize(
    ("like", "verdict", "found", "remedy"),
    [
        ({"error": 1e-3}, "broken", "wrong results: the largest difference is 32.4 times", "stop using this GPU"),
        ({"error": "nan"}, "broken", "wrong results: the largest difference is nan", "stop using"),
        ({"copy": "raise MemoryError('CUDA out of memory')"}, "unknown", "out of memory", "is in use"),
        ({"matmul": "raise RuntimeError('something new')"}, "broken", "something new (while computing)", "Xid"),
        ({"matmul": "os.kill(os.getpid(), signal.SIGKILL)"}, "broken", "killed by signal 9 (while computing)", "Xid"),
        ({"matmul": "os._exit(0)"}, "broken", "exit status 0 (while computing)", "Xid"),
        (
            {"import": "raise ImportError('libcudart.so.11.0: cannot open shared object file')"},
            "broken",
            "cannot open shared object file (while importing torch)",
            "LD_LIBRARY_PATH",
        ),
    ],
)
def test_a_gpu_that_does_not(tmp_path: Path, like: dict[str, object], verdict: str, found: str, remedy: str) -> None:
    _trials, (finding,) = compute(environment(tmp_path, like=like))
    assert finding.verdict == verdict
    assert found in finding.found
    assert remedy in finding.remedy


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_the_sum_is_computed_by_the_frameworks_own_kernel(tmp_path: Path, framework: str) -> None:
    """The product comes from NVIDIA's library and may succeed where the framework has no code for the GPU."""
    _trials, (finding,) = compute(environment(tmp_path, framework, like={"add": NO_KERNEL}))
    assert (finding.verdict, finding.subject) == ("broken", "GPU 0")
    assert finding.found.endswith("no kernel image is available for execution on the device (while computing)")
    assert "compiled for this GPU" in finding.remedy


def test_tensorflow_with_wrong_results(tmp_path: Path) -> None:
    _trials, (finding,) = compute(environment(tmp_path, "tensorflow", like={"error": 1e-3}))
    assert (finding.verdict, finding.found.startswith("wrong results")) == ("broken", True)


@pytest.mark.parametrize(
    ("error", "verdict", "remedy"),
    [
        ("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)", "unknown", "memory is in use"),
        ("The NVIDIA driver on your system is too old (found version 11040).", "broken", "older CUDA"),
        ("CUDA error: forward compatibility was attempted on non supported HW", "broken", "older CUDA"),
        ("the provided PTX was compiled with an unsupported toolchain.", "broken", "update the NVIDIA driver"),
        ("No CUDA GPUs are available", "broken", "/dev/nvidia"),
        ("CUDA error: all CUDA-capable devices are busy or unavailable", "unknown", "another program"),
        ("CUDA error: system not yet initialized", "broken", "fabricmanager"),
        ("CUDA error: uncorrectable ECC error encountered", "broken", "replaced"),
    ],
)
def test_what_cuda_says(tmp_path: Path, error: str, verdict: str, remedy: str) -> None:
    learnt = {"version": "2.1.0", "cuda": "11.8", "error": f"RuntimeError: {error}"}
    (finding,) = judge([Trial("torch", GPUS[0], 9, process.Outcome(1, "", 2), learnt)], tmp_path)
    assert finding.verdict == verdict
    assert finding.found == f"RuntimeError: {error} (while starting CUDA)"
    assert remedy in finding.remedy


def test_tensorflow_says_nothing_but_finds_no_gpu(tmp_path: Path) -> None:
    _trials, (finding,) = compute(environment(tmp_path, "tensorflow", like={"devices": []}))
    assert (finding.verdict, "finds no GPU" in finding.found) == ("broken", True)
    assert "CUDA libraries of the environment" in finding.remedy


def test_one_that_hangs_is_left_behind(tmp_path: Path) -> None:
    action = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    _trials, (finding,) = compute(environment(tmp_path, like={"matmul": action}), deadline=4)
    assert finding.verdict == "unknown"
    assert finding.found == "no end within 4 s, while computing; it was left behind"


def test_a_hung_gpu_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    hang = "time.sleep(60)"
    prefix = environment(tmp_path, like={"init on GPU-0": hang, "init on GPU-1": hang})
    start = time.monotonic()
    _trials, findings = compute(prefix, 3, deadline=6)
    assert time.monotonic() - start < 2 * 6
    assert [finding.verdict for finding in findings] == ["unknown", "unknown", "ok"]
    assert [finding.subject for finding in findings] == ["GPU 0", "GPU 1", "GPU 2"]
    assert findings[1].found == "no end within 6 s, while starting CUDA; it was left behind"


def test_a_crash_after_the_result_is_no_success(tmp_path: Path) -> None:
    _trials, (finding,) = compute(environment(tmp_path, like={"add": "import atexit; atexit.register(os.abort)"}))
    assert finding.verdict == "broken"
    assert finding.found.startswith("killed by signal 6")


def test_a_flood_hides_nothing(tmp_path: Path) -> None:
    action = "os.write(1, b'noise {}\\n' * 50000); os.write(2, b'x' * 100000)"
    _trials, (finding,) = compute(environment(tmp_path, like={"add": action}))
    assert finding.verdict == "ok"


def test_without_cuda_there_is_one_finding(tmp_path: Path) -> None:
    trials, (finding,) = compute(environment(tmp_path, cuda=None, version="2.13.0+cpu"), 2)
    assert [trial.is_without_cuda for trial in trials] == [True, True]
    assert (finding.verdict, finding.subject) == ("absent", "")
    assert finding.found == "torch 2.13.0+cpu, built without CUDA"
    assert "target.cuda" in finding.remedy


def test_a_framework_for_the_cpu_beside_one_for_the_gpu_is_no_fault(tmp_path: Path) -> None:
    environment(tmp_path, "tensorflow", cuda=None)
    _trials, (finding,) = compute(environment(tmp_path))
    assert (finding.verdict, finding.subject) == ("ok", "GPU 0")


def test_each_framework_is_tried(tmp_path: Path) -> None:
    environment(tmp_path, "tensorflow", like={"matmul": "raise RuntimeError('x')"})
    trials, findings = compute(environment(tmp_path), 2)
    tried = [("torch", 0), ("torch", 1), ("tensorflow", 0), ("tensorflow", 1)]
    assert [(trial.framework, trial.gpu.index) for trial in trials] == tried
    assert [finding.verdict for finding in findings] == ["ok", "ok", "broken", "broken"]


def test_an_environment_without_python(tmp_path: Path) -> None:
    prefix = environment(tmp_path)
    (prefix / "bin/python").unlink()
    _trials, (finding,) = compute(prefix)
    assert finding.verdict == "broken"
    assert "bin/python" in finding.found


def test_an_environment_in_a_folder_with_a_strange_name(tmp_path: Path) -> None:
    _trials, (finding,) = compute(environment(tmp_path / "my $(touch x) 'env'; exit 3"))
    assert finding.verdict == "ok", finding


def test_frameworks_are_found_by_their_files(tmp_path: Path) -> None:
    assert frameworks_of(tmp_path) == []
    write_tree(tmp_path, {"lib/python3.8/site-packages/torch": None})
    assert frameworks_of(tmp_path) == []
    assert frameworks_of(environment(tmp_path / "a", "tensorflow")) == ["tensorflow"]


def test_variables_of_the_environment_are_set_but_not_which_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = (
        "assert os.environ['XLA_FLAGS'] == 'x' and os.environ['CONDA_PREFIX'] and GPU == 'GPU-0', os.environ\n"
        "assert 'SECRET' not in os.environ and os.environ['PYTHONDONTWRITEBYTECODE']"
    )
    prefix = environment(tmp_path, like={"import": check})
    write_tree(
        prefix, {"etc/conda/activate.d/x.sh": "export XLA_FLAGS=x CUDA_VISIBLE_DEVICES=7\nshift 2>/dev/null || :\n"}
    )
    monkeypatch.setenv("SECRET", "x")
    _trials, (finding,) = compute(prefix)
    assert finding.verdict == "ok", finding


def test_the_environment_and_the_temporary_folder_stay_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    prefix = environment(tmp_path / "env", like={"init": "open(os.path.expanduser('~/cache'), 'w').close()"})
    before = sorted(prefix.rglob("*"))
    assert compute(prefix)[1][0].verdict == "ok"
    assert sorted(prefix.rglob("*")) == before
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("text", ["[]\n", '{"version": 5}\n{"architectures": "sm_80"}\n', "\udcff"])
def test_garbage_from_the_child_is_no_result(tmp_path: Path, text: str) -> None:
    action = f"import sys; open(sys.argv[3], 'w', errors='surrogateescape').write({text!r}); os._exit(0)"
    (trial,), (finding,) = compute(environment(tmp_path, like={"import": action}))
    assert trial.architectures == []
    assert finding.verdict == "broken"


def test_the_child_runs_on_old_python() -> None:
    """It is text for whatever Python an environment has, and finds nothing of this collection there."""
    source = Path(child.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__ import annotations" not in source  # 3.7
    assert "ansible_collections" not in source


has_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the real PyTorch is not installed beside pytest"
)


@has_torch
def test_real_torch_agrees_with_itself_on_the_cpu() -> None:
    learnt: dict[str, Any] = {}
    child.try_torch(lambda **known: learnt.update(known), device="cpu")
    assert 0 < learnt["ratio"] < 0.1


@has_torch
def test_real_torch_shows_that_the_bound_catches_what_it_has_to() -> None:
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    a, b = torch.rand(512, 512) - 0.5, torch.rand(512, 512) - 0.5
    wide_a, wide_b = a.double(), b.double()
    exact = wide_a @ wide_b + wide_a
    bound = child.BOUND * (wide_a.abs() @ wide_b.abs() + wide_a.abs())

    def ratio(found: Any) -> float:
        return float(((found.double() - exact).abs() / bound).max())

    def shorten(matrix: Any) -> Any:
        """Round float32 to the 10 bits of TF32."""
        return ((matrix.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)

    one_product_less = a @ b + a
    one_product_less[3, 4] -= a[3, 7] * b[7, 4]
    assert ratio(a @ b + a) < 0.1
    assert ratio(shorten(a) @ shorten(b) + a) > 1
    assert ratio((a.bfloat16() @ b.bfloat16()).float() + a) > 10
    assert ratio(one_product_less) > 10
