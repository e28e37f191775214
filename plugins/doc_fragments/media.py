# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of export and import; ``_media.SPEC`` is the matching argument spec."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  depot:
    description: Folder of the depot. An import creates it if it is missing.
    type: path
    required: true
  drive:
    description: Mount point of the drive. Any file system is accepted.
    type: path
    required: true
  folder:
    description: Folder on the drive for the releases, relative to O(drive). Empty for the top of the drive.
    type: str
    default: depot
  envs:
    description: Environments to copy. An empty list means all.
    type: list
    elements: str
    default: []
  releases:
    description:
      - For each environment, by name, the id of a release, a list of ids, or the number of newest releases.
      - The default is the newest one.
    type: dict
    default: {}
  require_mount:
    description:
      - Whether O(drive) must be a mount point, so that the export cannot fill the disk below a missing drive.
      - Set it to V(false) for a folder of a network share.
    type: bool
    default: true
  progress:
    description: File for one line about the progress, which the task shows every five seconds.
    type: path
"""
