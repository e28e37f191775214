# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with the settings of an encrypted drive, or of several, when each of them alone is right."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible.plugins.loader import module_loader

from ansible_collections.airgap.conda.plugins.plugin_utils._setting_faults import Fault

# What opens and mounts an encrypted drive.
MODULES = ("community.crypto.luks_device", "ansible.posix.mount")


def collections() -> list[str]:
    """Return those of ``MODULES`` that are not installed on the controller."""
    return [name for name in MODULES if not module_loader.find_plugin_with_context(name).resolved]


def media_faults(values: Mapping[str, Any], lacking: Collection[str]) -> list[Fault]:
    """Return what is wrong; ``lacking`` are the modules that are not installed."""
    faults = []
    device = values.get("media_luks_device") or ""
    given = [
        name
        for name in ("media_luks_keyfile", "media_luks_passphrase", "media_luks_create", "media_luks_erase")
        if values.get(name)
    ]
    if given and not device:
        faults.append(Fault("media_luks_device", f"a device, since there is {', '.join(given)}", "nothing"))
    if device and not device.startswith("/dev/"):
        faults.append(Fault("media_luks_device", "the path of a device below /dev", repr(device)))
    if "media_luks_keyfile" in given and "media_luks_passphrase" in given:
        faults.append(Fault("media_luks_keyfile", "this or media_luks_passphrase", "both"))
    if device and lacking:
        names = sorted({name.rpartition(".")[0] for name in lacking})
        wanted = "the collections community.crypto and ansible.posix, which the Python package ansible brings too"
        faults.append(Fault("media_luks_device", wanted, f"no {' and no '.join(names)} on the controller"))
    if values.get("media_span_drive") and not values.get("media_span"):
        faults.append(Fault("media_span", "true, since there is media_span_drive", "false"))
    return faults
