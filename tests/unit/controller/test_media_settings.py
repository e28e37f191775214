# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of an encrypted drive: what does not go together, and that no message has the passphrase."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.plugin_utils._setting_faults import run_faults
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_media import media_faults
from ansible_collections.airgap.conda.tests.unit.tiny_luks import PASSPHRASE


def test_settings_of_an_encrypted_drive_that_do_not_go_together() -> None:
    def names(lacking: tuple[str, ...] = (), **values: Any) -> list[str]:
        return [fault.name for fault in media_faults({f"media_{key}": value for key, value in values.items()}, lacking)]

    assert names() == []
    assert names(luks_device="/dev/sdb", luks_passphrase=PASSPHRASE) == []
    assert names(luks_create=True, luks_erase="x") == ["media_luks_device"]
    assert names(luks_device="sdb") == ["media_luks_device"]
    assert names(luks_device="/dev/sdb", luks_passphrase=PASSPHRASE, luks_keyfile="/k") == ["media_luks_keyfile"]
    assert names(lacking=("ansible.posix.mount",), luks_device="/dev/sdb") == ["media_luks_device"]
    assert names(lacking=("ansible.posix.mount",)) == []
    assert names(span_drive=2) == ["media_span"]
    found = media_faults({"media_luks_device": "/dev/sdb"}, ("community.crypto.luks_device", "ansible.posix.mount"))
    assert "no ansible.posix and no community.crypto" in found[0].found


@pytest.mark.parametrize("name", ["media_luks_passphrse", "media_luks_passphrase"])
def test_a_passphrase_is_in_no_message_about_settings(name: str) -> None:
    value = {"media_luks_passphrse": PASSPHRASE, "media_luks_passphrase": [PASSPHRASE]}[name]
    (fault,) = run_faults("refresh", {name: value}, lambda _name: value)
    assert fault.name == name
    assert PASSPHRASE not in fault.found + fault.wanted
