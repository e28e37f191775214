# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""install.sh of one kit: what it carries, then what is the same in all.

Equal kits give equal bytes: the line that a person wrote down holds until something changes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._first.install import (
    INSTALL,
    INSTALL_LIMIT,
    payload_of,
    settings,
)
from ansible_collections.airgap.conda.plugins.module_utils._first.look import LOOK, START_LIMIT
from ansible_collections.airgap.conda.plugins.module_utils._first.take import TAKE
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import MARGIN, PLATFORMS, New
from ansible_collections.airgap.conda.plugins.module_utils._kit import sh
from ansible_collections.airgap.conda.plugins.module_utils._media.kit import NAMESPACE, SUMS_LIMIT
from ansible_collections.airgap.conda.plugins.module_utils._source.signers import SYSTEM, signers_text

# The type and the content of a key, in a line of allowed_signers.
_BASE64 = r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_KEY = re.compile(rf"(?:^|\s)((?:ssh|ecdsa|sk)-[\w@.-]+)\s+({_BASE64})(?:\s|$)")


@dataclass(frozen=True)
class Key:
    """A public key, as ``allowed_signers`` has it."""

    kind: str
    content: str

    @property
    def fingerprint(self) -> str:
        """What ``ssh-keygen -lf`` says of it."""
        digest = hashlib.sha256(base64.b64decode(self.content)).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def keys_of(signers: str) -> list[Key]:
    """Return the keys in the text of an ``allowed_signers``, each once; an authority that signs keys is none."""
    lines = [line for line in signers.splitlines() if not line.lstrip().startswith("#")]
    found = [_KEY.search(line) for line in lines if "cert-authority" not in line]
    return list(dict.fromkeys(Key(match[1], match[2]) for match in found if match))


def install_sh(
    runtime: Release, releases: Sequence[Release], signers: str, folder: str, files: Mapping[str, bytes]
) -> str:
    """Return the text of install.sh.

    ``folder`` on the drive has the releases; ``files`` has the content of ``kit/``, by name. Raises LookupError for a
    runtime without a payload for sh.
    """
    keys = keys_of(signers)
    need = New(runtime, installs=True, to_send=payload_of(runtime).size).bytes + MARGIN
    envs = [release.env for release in releases if release.env != runtime.env]
    command = files["airgap-envs"]
    values = {
        "depot": folder.strip("/"),
        "machine": next((name for name, known in PLATFORMS.items() if known == runtime.platform), runtime.platform),
        "glibc": runtime.requirements.glibc,
        "need_kib": str(-(-need >> 10)),
        "listed": ", ".join(str(release) for release in releases),
        "envs": " ".join(dict.fromkeys(envs)),
        "first": envs[0] if envs else "",
        "signers": signers_text(signers).rstrip("\n"),
        "keys": "\n".join(f"kit {key.kind} {key.content}" for key in keys),
        "fingerprints": ", ".join(key.fingerprint for key in keys),
        "pins_of_root": str(SYSTEM),
        "namespace": NAMESPACE,
        "sums_limit": str(SUMS_LIMIT),
        "signature_limit": str(limits.SIGNATURE),
        "command_size": str(len(command)),
        "command_hash": hashlib.sha256(command).hexdigest(),
    }
    return "".join(
        (
            sh.HEAD,
            settings(runtime.root, runtime),
            TAKE,
            *(f"{name}={shlex.quote(value)}\n" for name, value in values.items()),
            sh.SAY,
            sh.OPTIONS,
            sh.JUDGE,
            f"  limit={START_LIMIT}\n{LOOK}",
            sh.JUDGED,
            sh.PINS,
            sh.DRIVE,
            f"run_install() (\nlimit={INSTALL_LIMIT}\n{INSTALL})\n",
            sh.INSTALL_ALL,
            sh.REMOVE,
            sh.MAIN,
        )
    )
