# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paths that people give: what they mean, on the controller and on hosts.

A module on the controller runs in the folder of the playbook, which is inside the installed collection. People mean the
folder in which they called Ansible, so what they give is made absolute before any module has it.
"""

from __future__ import annotations

import os
import posixpath
import re

_UNFIT = re.compile(r"[\0-\x1f\x7f]")


def of_caller(path: str) -> str:
    """Return a path on the controller as an absolute one; relative ones and ``~`` are the caller's."""
    return os.path.abspath(os.path.expanduser(os.path.expandvars(path)))


def path_fault(path: str) -> str:
    """Tell why a text is no path of anything; empty when it can be one."""
    if not path.strip():
        return "nothing"
    return "a path with a control character" if _UNFIT.search(path) else ""


def host_path_fault(path: str) -> str:
    """Tell why a text is no path for a host, where nobody knows what a relative one or ``~`` means; empty if it is."""
    if path_fault(path):
        return path_fault(path)
    if not path.startswith("/"):
        return "a path that is not absolute"
    if ".." in path.split("/"):
        return "a path with '..'"
    return "the root of the file system" if of_host(path) == "/" else ""


def of_host(path: str) -> str:
    """Return a path for a host in the one way that manifests have it: without doubled slashes or one at its end."""
    return posixpath.normpath("/" + path.lstrip("/"))
