# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""For locks.yml: make channels and wheels of a few kilobytes in a folder, then serve the private ones until killed.

private_channel.py FOLDER; user, password and token come from the environment. FOLDER/port appears when it serves.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

UNIT = Path(__file__).resolve().parents[1] / "unit"
FOLDER = Path(sys.argv[1])
HELLO = "def main():\n    print(sorted({'some', 'words', 'in', 'a', 'set'}))\n"


def main() -> None:
    """Do both."""
    (FOLDER / "pid").write_text(str(os.getpid()))
    tiny = runpy.run_path(str(UNIT / "tiny_channel.py"))
    channel, make_wheel = tiny["TinyChannel"], tiny["make_wheel"]
    second = channel(FOLDER / "second")
    second.add("airgap-hello", "9.0", ["python"], files={"site-packages/nine.py": HELLO.encode()}, noarch="python")
    second.add("tqdm", "99.0")
    channel(FOLDER / "server/one").add("private-tool", "1.0", ["airgap-hello"])
    channel(FOLDER / "server/two").add("token-tool", "2.0")
    scripts = {"wheely-1.0.dist-info/entry_points.txt": "[console_scripts]\nwheely = wheely:main\n"}
    make_wheel(FOLDER / "wheels", "wheely", "1.0", {"wheely.py": HELLO, **scripts}, "Requires-Dist: dep\n")
    make_wheel(FOLDER / "wheels", "dep", "1.0", {"dep.py": HELLO})
    sys.argv[1:] = [str(FOLDER / "server"), str(FOLDER / "port")]
    runpy.run_path(str(UNIT / "tiny_server.py"), run_name="__main__")


if __name__ == "__main__":
    main()
