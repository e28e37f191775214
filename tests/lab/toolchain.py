# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make an image to build in: ``python tests/lab/toolchain.py SUITE``, a Debian release with a C compiler, no Python.

The last line of the output is the image's name. A second run with the same inputs does nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import _debian
from _common import DEFAULT_CACHE, digest, locked, main_guard, say
from _images import SLIM
from _podman import LABEL, OWNER, Podman

PACKAGES = ("gcc", "libc6-dev")


def ensure(podman: Podman, suite: str) -> str:
    """Build the image unless it is there; return its name."""
    name = f"localhost/{OWNER}/toolchain-{suite}:{digest(suite, *PACKAGES, *SLIM)}"
    with locked(podman.cache / ".images.lock"):
        if not podman.says("image", "exists", name):
            with tempfile.TemporaryDirectory(prefix=".image-", dir=podman.cache) as folder:
                tar = Path(folder) / "root.tar"
                _debian.bootstrap(suite, tar, variant="minbase", packages=PACKAGES, extra=SLIM)
                podman("import", "--change", f"LABEL {LABEL}", tar, name)
            say(f"image {name} built")
    return name


def main() -> int:
    parser = argparse.ArgumentParser(description="Make an image of a Debian release with a C compiler.")
    parser.add_argument("suite", help="such as bullseye")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="the lab's folder (%(default)s)")
    arguments = parser.parse_args()
    print(ensure(Podman(arguments.cache.resolve()), arguments.suite))
    return 0


if __name__ == "__main__":
    main_guard(main)
