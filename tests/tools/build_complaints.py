# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write docs/guide/build-complaints.md from the doctor's catalogue; with ``--check`` only report if it is stale."""

from __future__ import annotations

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs/guide/build-complaints.md"
sys.path.insert(0, str(CHECKOUT / ".cache/collections"))

from ansible_collections.airgap.conda.plugins.module_utils._contract.complaints import (  # noqa: E402
    CATALOGUE,
    ERROR,
    Complaint,
)

HEAD = """\
<!-- Written by tests/tools/build_complaints.py out of plugins/module_utils/_contract/complaints.py. Edit that. -->
# When the build complains

A build inspects an environment before it packs it (module `airgap.conda.doctor`), and the release before it signs it.
An **error** stops the build: otherwise a later step would fail, or hosts would not get what was built. A **warning** is
shown and recorded in the release's manifest. Both say what was found, in which packages, and which line to change.

All but two can be allowed by name in `release.yml`, with a reason that is recorded in the manifest:

```yaml
allow:
  defaults-terms: we have a licence
```

"""


def section(complaint: Complaint) -> str:
    """Return what the page says of one complaint."""
    lines = [
        f"## {complaint.name}",
        "",
        f"*{complaint.level.capitalize()}.* **{complaint.title}.** {complaint.why}",
        "",
    ]
    remedy = complaint.remedy + (
        " It cannot be allowed: every host would refuse the release." if complaint.final else ""
    )
    lines += [f"Wanted: {complaint.wanted}.", "", remedy, ""]
    if complaint.before:
        example = [f"# {complaint.file}, before", complaint.before, "# after", complaint.after]
        lines += ["```yaml", *example, "```", ""]
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    rows = ["| name | level | meaning |", "| --- | --- | --- |"]
    rows += [f"| [{item.name}](#{item.name}) | {item.level} | {item.title} |" for item in CATALOGUE]
    ordered = sorted(CATALOGUE, key=lambda item: item.level != ERROR)
    return HEAD + "\n".join([*rows, "", *map(section, ordered)])


def main(arguments: list[str]) -> int:
    """Write the page or compare it; return the exit status."""
    if "--check" not in arguments:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        print(f"{PAGE.relative_to(CHECKOUT)} is stale: run python tests/tools/build_complaints.py")
        return 1
    print(f"{PAGE.relative_to(CHECKOUT)} has all {len(CATALOGUE)} complaints")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
