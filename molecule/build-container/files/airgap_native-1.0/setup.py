# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compile the one extension."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("airgap_native", ["airgap_native.c"], extra_link_args=["-lpthread"])])
