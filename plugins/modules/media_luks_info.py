#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: media_luks_info
short_description: Look at the device of an encrypted drive
version_added: 0.1.0
description:
  - Tells what has to be done with a LUKS device before it can be used as a drive, and what has to be undone afterwards.
    Role C(airgap.conda.media) does it. Changes nothing.
  - Fails for a device that cannot be used, or that must not be overwritten. A device without LUKS is only accepted with
    O(create), if O(erase) is exactly the text that this module returns as RV(content) and shows in its error, and
    if nothing on it is mounted or in use.
requirements:
  - lsblk and blkid of util-linux
  - root, to read the device
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  device:
    description: The device, best by its path below C(/dev/disk/by-id).
    type: str
    required: true
  drive:
    description: Folder at which the drive is to be mounted.
    type: path
    required: true
  create:
    description: Whether the device may be overwritten.
    type: bool
    default: false
  erase:
    description: The device and its present content, as RV(content) has it.
    type: str
    default: ""
  created:
    description: Whether the LUKS device has just been created.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It only reads.
"""

EXAMPLES = r"""
- name: Look at the drive
  airgap.conda.media_luks_info:
    device: /dev/disk/by-id/usb-SanDisk_Ultra_4C530001-0:0
    drive: /media/usb
  become: true
"""

RETURN = r"""
path:
  description: The device itself, without links.
  returned: success
  type: str
content:
  description: Model, serial number, size, and what is on the device.
  returned: success
  type: str
  sample: Ultra 4C530001, 30752636928 bytes, dos, vfat PHOTOS 1234-ABCD
create:
  description: Whether the LUKS device has to be created.
  returned: success
  type: bool
format:
  description: Whether the opened device needs a file system.
  returned: success
  type: bool
filesystem:
  description: The file system of the opened device. Empty if it is closed or has none.
  returned: success
  type: str
mapper:
  description: Path of the opened device.
  returned: success
  type: str
name:
  description: Name of the opened device.
  returned: success
  type: str
open:
  description: Whether it is open.
  returned: success
  type: bool
mounted:
  description: Whether it is mounted at O(drive).
  returned: success
  type: bool
close:
  description: Whether it has to be closed at the end. V(false) if a person opened it.
  returned: success
  type: bool
unmount:
  description: Whether it has to be unmounted at the end. V(false) if a person mounted it.
  returned: success
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._media.device import Request


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "str", "required": True},
            "drive": {"type": "path", "required": True},
            "create": {"type": "bool", "default": False},
            "erase": {"type": "str", "default": ""},
            "created": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )

    def step() -> dict[str, Any]:
        return {"changed": False, **Request(**module.params).look()}

    run_module(module, step)


if __name__ == "__main__":
    main()
