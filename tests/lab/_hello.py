# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tiny package ``airgap-hello``, in two versions: a second release of an environment for next to nothing.

It also carries one of each thing that must be right after a move: an entry point, a script with a shebang, a text
file and a binary file that hold the prefix. ``airgap-hello --check`` tells whether they are.
"""

from __future__ import annotations

from pathlib import Path

from _conda import PLACEHOLDER, Package

VERSIONS = ("1.0", "2.0")

MODULE = '''"""A package of the lab: says its version, and whether the prefix in its files is the one it runs in."""

import sys
from pathlib import Path

__version__ = "{version}"


def recorded():
    """Return the prefixes that a text file and a binary file of this package hold."""
    data = Path(sys.prefix, "share", "airgap-hello")
    text = (data / "prefix.txt").read_text().strip()
    binary = (data / "prefix.bin").read_bytes().split(b"\\0")[1].decode()
    return {{"text": text, "binary": binary}}


def main():
    print("airgap-hello", __version__, "in", sys.prefix)
    if "--check" in sys.argv[1:]:
        wrong = {{kind: found for kind, found in recorded().items() if found != sys.prefix}}
        if wrong:
            sys.exit("prefix is %s, but these hold another: %s" % (sys.prefix, wrong))
'''

METADATA = """Metadata-Version: 2.1
Name: airgap-hello
Version: {version}
Summary: A package of the lab: says its version.
Requires-Python: >=3.9
"""


def stage(version: str, prefix: Path) -> Package:
    """Write version ``version`` of the package's files under ``prefix`` and return its record."""
    site, data, scripts = prefix / "site-packages", prefix / "share/airgap-hello", prefix / "python-scripts"
    info = site / f"airgap_hello-{version}.dist-info"
    for folder in (site / "airgap_hello", info, data, scripts):
        folder.mkdir(parents=True)
    (site / "airgap_hello/__init__.py").write_text(MODULE.format(version=version))
    (info / "METADATA").write_text(METADATA.format(version=version))
    (info / "INSTALLER").write_text("conda\n")
    (data / "prefix.txt").write_text(PLACEHOLDER + "\n")
    (data / "prefix.bin").write_bytes(b"airgap\0" + PLACEHOLDER.encode() + b"\0end\0")
    script = scripts / "airgap-hello-script"
    script.write_text(f"#!{PLACEHOLDER}/bin/python\nfrom airgap_hello import main\n\nmain()\n")
    script.chmod(0o755)
    return Package(
        "airgap-hello", version, "pyh_0", ("python >=3.9",), "A package of the lab: says its version.",
        "GPL-3.0-or-later", noarch_python=True, entry_points=("airgap-hello = airgap_hello:main",),
    )  # fmt: skip


def stage_all(scratch: Path) -> list[tuple[Package, Path]]:
    """Stage every version below ``scratch``; return each record with its prefix."""
    prefixes = {version: scratch / f"hello-{version}" for version in VERSIONS}
    return [(stage(version, prefix), prefix) for version, prefix in prefixes.items()]
