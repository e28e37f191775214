# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that runs in an environment's own Python: what was PyTorch compiled for? It needs no GPU.

It is given to that Python as text, so it imports nothing of this collection and runs on Python 3.6 and newer.
torch.cuda.get_arch_list() answers only where there is a GPU; the function behind it always does.
"""

import importlib
import json
import sys

# Precedes the answer: a framework may print what it likes when it is imported.
MARK = "airgap.conda architectures "


def main() -> None:
    """Write the list as JSON."""
    torch = importlib.import_module("torch")
    flags = torch._C._cuda_getArchFlags()  # noqa: SLF001 - there is no public name for it
    sys.stdout.write(f"{MARK}{json.dumps(flags.split())}\n")


if __name__ == "__main__":
    main()
