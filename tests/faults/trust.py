# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that lie to their controller, drives that nobody signed, and ordinary users of a host.

FAULTS_TRUST=hosts (or answers, drives, receipts, user) in the environment tries one of the five kinds only.
"""

from __future__ import annotations

import os
from dataclasses import replace

import trust_answers
import trust_drives
import trust_hosts
import trust_kit
import trust_receipts
import trust_user
import trust_web
from scenes import Share, World
from tally import Tally

PROMISE = "hostile hosts, drives and users of a host: they cannot read, write, run or block anything"


def run(world: World, share: Share) -> Tally:
    """Let hosts answer, drives hold and users do what they should not."""
    tally = Tally("trust", PROMISE)
    if os.geteuid() != 0:
        tally.notes.append("hostile hosts, drives and users of a host: other users and devices need root")
        return tally
    only = os.environ.get("FAULTS_TRUST", "")
    if share.number == 0 and only in ("", "hosts"):
        # Ansible keeps several processors busy by itself.
        trust_hosts.run(tally, share.long)
    if share.workers > 1:
        if share.number == 0:
            return tally
        share = replace(share, number=share.number - 1, workers=share.workers - 1)
    if only in ("", "answers"):
        trust_answers.run(tally, world.base, share)
    if only in ("", "drives"):
        trust_drives.run(tally, world.base, share)
        trust_kit.run(tally, world.base, share)
    if only in ("", "receipts"):
        trust_receipts.run(tally, world.base, share)
    if only in ("", "web"):
        trust_web.run(tally, world.base, share)
    if only in ("", "user"):
        trust_user.run(tally, world, share)
    return tally
