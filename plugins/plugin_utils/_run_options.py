# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the caller of ansible-playbook asked for, on the command line, in ansible.cfg or in the environment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible import context

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
NAMESPACE = "airgap.conda."
# What names no tag of a person.
_ANY = {"all", "tagged", "untagged", "always", "never"}


@dataclass(frozen=True)
class RunOptions:
    """The options that make a run do less than its playbooks say; ``listing`` is one that only shows what they say."""

    check: bool = False
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    start_at: str = ""
    step: bool = False
    playbooks: tuple[str, ...] = ()
    listing: bool = False

    @classmethod
    def of_this_run(cls) -> RunOptions:
        """Return the options of the process that runs the playbook."""
        args = context.CLIARGS
        return cls(
            bool(args.get("check")),
            _texts(args.get("tags")),
            _texts(args.get("skip_tags")),
            str(args.get("start_at_task") or ""),
            bool(args.get("step")),
            _texts(args.get("args")),
            any(args.get(name) for name in ("syntax", "listhosts", "listtasks", "listtags")),
        )

    @property
    def partial(self) -> str:
        """The options that can leave steps out, as a person wrote them; empty when there are none."""
        tags = ",".join(tag for tag in self.tags if tag != "all")
        named = {"--tags": tags, "--skip-tags": ",".join(self.skip_tags), "--start-at-task": self.start_at}
        texts = [f"{name} {value}" for name, value in named.items() if value]
        return " and ".join([*texts, *(["--step"] if self.step else [])])

    @property
    def direct(self) -> bool:
        """Whether a playbook of the collection was started by itself, and none that imports it."""
        return any(name.startswith(NAMESPACE) or Path(name).resolve().parent == PLAYBOOKS for name in self.playbooks)

    def leave_out(self, tags: Iterable[str]) -> bool:
        """Tell whether the tags that a person gave to an import leave it out of this run."""
        own = {str(tag) for tag in tags} - _ANY
        return bool(own) and not own & {*self.tags} and not {"all", "tagged"} & {*self.tags}


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value or ())
