# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of both ways over a drive; ``_media.SPEC`` is their other half."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  depot:
    description: Folder of the depot. An import makes it if it is not there.
    type: path
    required: true
  drive:
    description: Folder at which the drive is mounted. Anything that can be mounted will do.
    type: path
    required: true
  folder:
    description: Folder on the drive for the releases, a path relative to O(drive). The top of the drive when empty.
    type: str
    default: depot
  envs:
    description: Environments to copy. All that are there when empty.
    type: list
    elements: str
    default: []
  releases:
    description:
      - For an environment, by its name, the id of a release, a list of ids, or how many of the newest.
      - The newest one where none is given.
    type: dict
    default: {}
  require_mount:
    description:
      - Whether O(drive) must be a mount point, so that a drive that is not there does not fill the disk below it.
      - Set it to V(false) for a folder of a network share.
    type: bool
    default: true
"""
