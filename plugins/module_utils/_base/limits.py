# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Maximum sizes of everything that is read before, or without, a verified signature.

docs/guide/limits.md lists the same figures for people. A bastion also enforces them before it signs.
"""

from __future__ import annotations

# Bytes of manifest.json: some 400 for a package and 150 for a part. 2,000 packages and 10,000 parts are 2.3 MB.
MANIFEST = 16 << 20
# Bytes of manifest.json.sig. The longest that ssh-keygen makes, of RSA with 16,384 bits, has 6 KB.
SIGNATURE = 64 << 10
# Bytes of a list of allowed signers: some 100 for a key. Each task that brings it to a host carries it.
SIGNERS = 64 << 10
# Bytes of files.json, unpacked: some 250 for a file, so a million files. A few kilobytes can be packed gigabytes.
FILES = 256 << 20
# Bytes of files.json.zst. Of each file 32 cannot be packed, its hash: a million files have 50 MB.
FILES_PACKED = 128 << 20
# Bytes of a document, and how many a release may have. The largest is sbom.cdx.json: some 1,500 bytes a package.
DOCUMENT = 64 << 20
DOCUMENTS = 100
# Parts of all payloads of a release. With the default of 32 MiB a part, 312 GiB.
PARTS = 10_000
# Bytes of a part: more than any file system for a drive holds in one file and a release has in all.
PART = 1 << 40
# Characters of a single value of a manifest: env, id, prefix, platform, times. A prefix of conda has at most 255.
TEXT = 1_000
# Digits of a number: what a 64-bit integer holds, a sign included.
DIGITS = 20
# Names in a depot, and in the folder of an environment: a release a week for 77 years. To list all takes their product.
NAMES = 4_000
# Releases in a depot or on a drive, of all environments: a diff lists them.
RELEASES = 20_000
# Bytes of index.json: some 20 for a release, 150 for an environment, 80 for what a ring says of a release.
INDEX = 4 << 20
# Files on a drive outside its depot, and bytes of each: ansible-core and its wheels are 10 files with 10 MB.
KIT_FILES = 10_000
KIT_FILE = 1 << 30
# Bytes of plan.json, of a set of drives: some 40 for a file, so 400,000 files.
PLAN = 16 << 20
# Bytes of a receipt of a host: 100 environments with ten releases each have 40 KB, 100 findings at most 200 KB.
RECEIPT = 512 << 10
# Receipts that are kept of a host, there and in a depot.
RECEIPTS = 50
# Bytes of a line of an audit chain, and of a whole chain: some 150,000 lines.
AUDIT_LINE = 8 << 10
AUDIT = 64 << 20
# Characters of each of the four fields of an error: some 100 lines.
MESSAGE = 8_000
# Errors in one message: a file with more is probably of another type.
ERRORS = 100
# Rings in which a fleet takes releases, one after another.
RINGS = 100
