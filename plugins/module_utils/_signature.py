# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sign and verify a manifest with ssh-keygen -Y (OpenSSH 8.1 or newer), namespace fixed, default deny."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError

# A signature made for another purpose with the same key (git, a file) must not pass for a release.
NAMESPACE = "release@airgap.conda"


def sign(manifest: Path, key: Path) -> Path:
    """Sign ``manifest`` with the private (or, through an agent, public) ``key``; returns <manifest>.sig."""
    if not key.is_file():
        raise AirgapError(
            "The signing key is missing",
            wanted="an ssh private key to sign releases with",
            found="no such file",
            where=str(key),
            remedy=f"make one with: ssh-keygen -t ed25519 -N '' -C releases -f {key}",
        )
    signature = manifest.with_name(manifest.name + ".sig")
    signature.unlink(missing_ok=True)
    result = _keygen(["-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE, str(manifest)], b"")
    if result.returncode != 0 or not signature.is_file():
        raise AirgapError(
            "The release could not be signed",
            wanted="a signature by ssh-keygen -Y sign",
            found=_last_line(result.stderr),
            where=str(key),
            remedy="use a key of mode 0600 without a passphrase, or name its .pub file and load the key into ssh-agent",
        )
    return signature


def verify(data: bytes, signature: Path, allowed_signers: Path) -> str:
    """Verify that ``signature`` is over ``data`` by a key of ``allowed_signers``; returns who signed, else raises."""
    for path, what, remedy in (
        (
            allowed_signers,
            "The list of allowed signers is missing",
            "write one line per trusted key: a name, a space, and the content of the bastion's key.pub",
        ),
        (signature, "The release is not signed", "copy the release again from the depot that built it"),
    ):
        if not path.is_file():
            raise AirgapError(what, wanted="a readable file", found="no such file", where=str(path), remedy=remedy)
    signer = _find_signer(signature, allowed_signers)
    arguments = ["-Y", "verify", "-f", str(allowed_signers), "-I", signer, "-n", NAMESPACE, "-s", str(signature)]
    result = _keygen(arguments, data)
    if result.returncode != 0:
        raise _refused(signature, allowed_signers, _last_line(result.stderr or result.stdout))
    return signer


def _find_signer(signature: Path, allowed_signers: Path) -> str:
    """Return the first name in ``allowed_signers`` whose key made ``signature``."""
    result = _keygen(["-Y", "find-principals", "-f", str(allowed_signers), "-s", str(signature)], b"")
    names = result.stdout.decode(errors="replace").split("\n")
    if result.returncode != 0 or not names[0]:
        raise _refused(signature, allowed_signers, _last_line(result.stderr))
    return names[0].split(",")[0]


def _refused(signature: Path, allowed_signers: Path, found: str) -> AirgapError:
    return AirgapError(
        "The signature of this release is not accepted",
        wanted=f"a signature by a key of {allowed_signers} over the manifest as it is",
        found=found,
        where=str(signature),
        remedy="do not use this release unless you know who made it; if its signer is right, "
        "add the signer's public key to the allowed signers",
    )


def _keygen(arguments: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise AirgapError(
            "ssh-keygen is missing",
            wanted="ssh-keygen of OpenSSH 8.1 or newer",
            found="no such program on PATH",
            where="this machine",
            remedy="apt-get install openssh-client",
        )
    # A session of its own has no terminal: ssh-keygen fails where it would ask for a passphrase and wait.
    # pylint: disable-next=ansible-bad-function  # this library knows no module
    return subprocess.run([program, *arguments], input=data, capture_output=True, check=False, start_new_session=True)


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").strip().splitlines() if line]
    return lines[-1] if lines else "no explanation by ssh-keygen"
