# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The image for AWX and ansible-runner gets this collection, by the name that ansible-galaxy gives it."""

from __future__ import annotations

from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[3]


def test_the_image_takes_the_collection_as_it_is_built() -> None:
    wanted = yaml.safe_load((CHECKOUT / "execution-environment.yml").read_text())
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
    built = f"{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"
    (given,) = wanted["additional_build_files"]
    (taken,) = wanted["dependencies"]["galaxy"]["collections"]
    assert given["src"] == f"build/{built}"
    assert taken == {"name": f"{given['dest']}/{built}", "type": "file"}


def test_the_image_has_the_oldest_ansible_that_the_collection_takes() -> None:
    wanted = yaml.safe_load((CHECKOUT / "execution-environment.yml").read_text())
    runtime = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())
    oldest = ".".join(runtime["requires_ansible"].split(".")[:2])
    assert wanted["dependencies"]["ansible_core"]["package_pip"] == f"ansible-core{oldest}"
