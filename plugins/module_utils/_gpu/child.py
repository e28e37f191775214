# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that runs in an environment's own Python: multiply two matrices on one GPU and on the CPU, and compare.

It is given to that Python as text, so it imports nothing of this collection and runs on Python 3.6 and newer. It takes
the framework, the CUDA_VISIBLE_DEVICES and a file; to that file it writes what it learns, a JSON object a line, as soon
as it knows: a framework that dies or hangs later leaves what came before.

What is computed, in float32 on the GPU, is ``a @ b + a`` for N x N matrices of uniform random numbers in [-0.5, 0.5).
The product comes from NVIDIA's library, the sum from a kernel that the framework itself was compiled with: where a
build has no code for a GPU, it is often only the second that fails. The CPU computes the same in float64. No order of
summing up makes a correct float32 result differ by more than g * (|a| @ |b| + |a|), where n = N + 1 roundings of at
most u = 2**-24 give g = n * u / (1 - n * u) (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). ``ratio``
is the largest difference as a part of that bound: at most 1 when the GPU computes correctly. That holds for real
float32 only, so the shortened format TF32 is switched off. For N = 512 the bound is about 0.001, where a typical
element is 1.9 and a typical one of the 512 products it sums up is 0.06.
"""

import importlib
import json
import os
import sys
from typing import Any, Callable

N = 512
ROUNDINGS = (N + 1) * 2.0**-24
BOUND = ROUNDINGS / (1 - ROUNDINGS)


def try_torch(say: Callable[..., None], device: str = "cuda") -> None:
    """Try PyTorch; ``say`` takes what is learnt by name, ``device`` is the one to compare with the CPU."""
    torch: Any = importlib.import_module("torch")  # comes without types, and not at all on the controller

    cuda = torch.version.cuda or ""
    say(version=torch.__version__, cuda=cuda)
    if device == "cuda":
        if not cuda:
            return
        torch.cuda.init()  # is_available() only says no; this says why
        say(architectures=list(torch.cuda.get_arch_list()))
        say(device=torch.cuda.get_device_name(0), capability=".".join(map(str, torch.cuda.get_device_capability(0))))
    if hasattr(torch, "set_float32_matmul_precision"):
        torch.set_float32_matmul_precision("highest")
    else:
        torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(0)
    a, b = torch.rand(N, N) - 0.5, torch.rand(N, N) - 0.5
    there = a.to(device)
    found = (there @ b.to(device) + there).to("cpu").double()
    a, b = a.double(), b.double()
    difference = (found - (a @ b + a)).abs()
    say(ratio=float((difference / (BOUND * (a.abs() @ b.abs() + a.abs()))).max()))


def try_tensorflow(say: Callable[..., None], device: str = "/GPU:0") -> None:
    """Try TensorFlow; as try_torch."""
    numpy: Any = importlib.import_module("numpy")
    tensorflow: Any = importlib.import_module("tensorflow")

    build = tensorflow.sysconfig.get_build_info()
    cuda = str(build.get("cuda_version", "") or "") if build.get("is_cuda_build") else ""
    say(version=tensorflow.__version__, cuda=cuda, architectures=list(build.get("cuda_compute_capabilities", [])))
    if device == "/GPU:0":
        if not cuda:
            return
        devices = tensorflow.config.list_physical_devices("GPU")
        if not devices:
            raise RuntimeError("TensorFlow finds no GPU, which it also says when a library of CUDA or cuDNN is missing")
        details = tensorflow.config.experimental.get_device_details(devices[0])
        capability = ".".join(str(number) for number in details.get("compute_capability", ()))
        say(device=details.get("device_name", ""), capability=capability)
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    tensorflow.config.set_soft_device_placement(False)
    random = numpy.random.RandomState(0)
    a = random.random_sample((N, N)).astype("float32") - numpy.float32(0.5)
    b = random.random_sample((N, N)).astype("float32") - numpy.float32(0.5)
    with tensorflow.device(device):
        there = tensorflow.constant(a)
        found = (tensorflow.linalg.matmul(there, tensorflow.constant(b)) + there).numpy().astype("float64")
    a, b = a.astype("float64"), b.astype("float64")
    difference = abs(found - (a @ b + a))
    say(ratio=float((difference / (BOUND * (abs(a) @ abs(b) + abs(a)))).max()))


def main(framework: str, visible: str, path: str) -> int:
    """Try one framework on one GPU and write what is learnt to ``path``."""
    # Set here, after the environment's own activation scripts, which may set them too.
    os.environ["CUDA_VISIBLE_DEVICES"] = visible
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    with open(path, "w", encoding="utf-8") as stream:

        def say(**learnt: Any) -> None:
            stream.write(json.dumps(learnt) + "\n")
            stream.flush()

        try:
            {"torch": try_torch, "tensorflow": try_tensorflow}[framework](say)
        except Exception as error:  # noqa: BLE001 - whatever a framework raises is what this is to find out
            say(error=f"{type(error).__name__}: {error}")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
