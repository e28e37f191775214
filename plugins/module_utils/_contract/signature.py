# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sign and verify a manifest with ssh-keygen -Y (OpenSSH 8.1 or newer), namespace fixed, default deny."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._contract.sshsig import has_more, key_in
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import Verify
from ansible_collections.airgap.conda.plugins.module_utils._run import process

# Where a program finds what it was handed open.
HANDLES = "/proc/self/fd/"
# A signature made for another purpose with the same key (git, a file) must not pass for a release.
NAMESPACE = "release@airgap.conda"
# The programs that verify: the first of them that can, each by its path or as PATH finds it.
KEYGENS = ("ssh-keygen",)
# What an ssh-keygen says that is too old for -Y, or for what -Y is asked.
UNFIT = re.compile(r"(?i)option -- '?Y|unsupported operation for -Y|error while loading shared libraries")
# What is refused here, because ssh-keygen passes over it.
MORE = "bytes after the signature"
# Seconds that ssh-keygen gets: with a hardware key it waits for a touch.
LIMIT = 300
# A line of a list of allowed signers that is a name and a key, without patterns, quotes and options.
PLAIN = re.compile(rb"([\w.@-]+) [\w.@-]+ ([\w+/=]+)(?: .*)?", re.ASCII)


def keygens_with(runtime: Path) -> tuple[str, ...]:
    """Return the programs that verify, and after them that of the runtime whose prefix is given."""
    return (*KEYGENS, str(runtime / "bin" / KEYGENS[0]))


def sign(manifest: Path, key: Path, namespace: str = NAMESPACE, keygens: Sequence[str] = KEYGENS) -> Path:
    """Sign ``manifest``, or another file for another purpose, and return <manifest>.sig.

    ``key`` is a private key without a passphrase, or a public one whose private half is in an ssh-agent or on a
    hardware key (types sk-*, for which ssh-keygen waits until the key is touched).
    """
    if not key.is_file():
        raise AirgapError(
            "The signing key is missing",
            code="key-missing",
            wanted="an ssh private key to sign releases with",
            found="no such file",
            where=str(key),
            remedy=f"make one with: ssh-keygen -t ed25519 -N '' -C releases -f {key}",
        )
    signature = manifest.with_name(manifest.name + ".sig")
    signature.unlink(missing_ok=True)
    result = _keygen(["-Y", "sign", "-q", "-f", str(key), "-n", namespace, str(manifest)], b"", keygens)
    if not result.ok or not signature.is_file():
        found, remedy = _explain(key, result)
        raise AirgapError(
            f"{'The release' if namespace == NAMESPACE else manifest.name} could not be signed",
            code="sign-failed",
            wanted="a signature by ssh-keygen -Y sign",
            found=found,
            where=str(key),
            remedy=remedy,
        )
    return signature


def _explain(key: Path, result: process.Outcome) -> tuple[str, str]:
    """Return why a key did not sign, and what to do; ssh-keygen itself says little more than that it did not."""
    said = _said(result)
    if re.match(rb"(ssh|ecdsa|sk)-\S+ AAAA", key.read_bytes()):
        return _explain_agent(key, said)
    read = _keygen(["-y", "-P", "", "-f", str(key)], b"")
    if "UNPROTECTED" in result.error:
        return "a private key that other users may read", f"chmod 600 {key}"
    if "passphrase" in read.error:
        remedy = f"load it with ssh-add {key} and name {key}.pub as the signing key, or use a key without a passphrase"
        return "a private key with a passphrase, and nobody to ask for it", remedy
    if not read.ok:
        return f"no private key that ssh-keygen can read: {_said(read)}", "name a key that ssh-keygen made"
    return said, "run the same ssh-keygen by hand; a hardware key must be plugged in, and touched when it blinks"


def _explain_agent(key: Path, said: str) -> tuple[str, str]:
    """Explain why a public key did not lead to a private one."""
    private = key.with_suffix("")
    if not os.environ.get("SSH_AUTH_SOCK"):
        found = "a public key, and no ssh-agent for the private half: SSH_AUTH_SOCK is not set"
        return found, f"start ssh-agent, run ssh-add {private}, and run the build from the same session"
    listed = _run("ssh-add", ["-l", "-E", "sha256"], b"")
    keys = {line.split()[1] for line in listed.output.splitlines() if " SHA256:" in line}
    if listed.returncode not in (0, 1):
        found = f"a public key, and no ssh-agent that answers at {os.environ['SSH_AUTH_SOCK']}"
        return found, f"start ssh-agent again, run ssh-add {private}, and run the build from the same session"
    shown = _keygen(["-l", "-E", "sha256", "-f", str(key)], b"").output.split()
    if keys.isdisjoint(shown):
        found = f"a public key, and an ssh-agent that is locked or lacks the private half (keys in it: {len(keys)})"
        return found, f"unlock the agent, or run ssh-add {private}, which for a hardware key is its file on disk"
    return (
        f"an agent that has the key and did not use it: {said}",
        "confirm the use of the key, or touch it, when it asks",
    )


def verify(data: bytes, signature: Path, allowed_signers: Path, namespace: str = NAMESPACE) -> str:
    """Verify that a file ``signature`` is over ``data`` by a key of ``allowed_signers``; returns who signed."""
    return check(data, read_signature(signature), signature, allowed_signers, namespace)


def verifier(where: Path | str, allowed_signers: Path, keygens: Sequence[str] = KEYGENS) -> Verify:
    """Return what tells the trusted core who signed a release; ``where`` its signature was read is for messages."""
    return lambda data, signature: check(data, signature, where, allowed_signers, keygens=keygens)


def read_signature(path: Path) -> bytes:
    """Return the content of a signature, which is a small file; raises AirgapError where there is none."""
    return read_by(lambda: read_small(path, limits.SIGNATURE), str(path))


def read_by(read: Callable[[], bytes], where: str) -> bytes:
    """Return the signature that ``read`` gives, from wherever it is; raises AirgapError for a FileFault."""
    try:
        return read()
    except FileFault as fault:
        raise AirgapError(
            "The release is not signed",
            code="signature-missing",
            wanted="a readable file",
            found=str(fault),
            where=where,
            remedy="copy the release again from the depot that built it",
        ) from fault


def check(
    data: bytes,
    signature: bytes,
    where: Path | str,
    allowed_signers: Path,
    namespace: str = NAMESPACE,
    keygens: Sequence[str] = KEYGENS,
) -> str:
    """Verify that ``signature`` is over ``data`` by a key of ``allowed_signers``; returns who signed, else raises.

    ``keygens`` are programs as ``KEYGENS`` has them: on a host whose own one is too old, the runtime's comes after it.
    """
    if not allowed_signers.is_file():
        raise AirgapError(
            "The list of allowed signers is missing",
            code="signers-missing",
            wanted="a readable file",
            found="no such file",
            where=str(allowed_signers),
            remedy="write one line per trusted key: a name, a space, and the content of the bastion's key.pub",
        )
    if has_more(signature):
        raise _refused(where, allowed_signers, MORE)
    # What was read is what is verified: ssh-keygen gets a copy, which lies in memory.
    with _in_memory(signature) as copy:
        named = _named(signature, allowed_signers)
        listed, signers = str(allowed_signers), allowed_signers.read_bytes().splitlines()
        if named:
            signer, refusal = named, _refusal(named, data, copy, listed, namespace, keygens)
        else:
            signer, refusal = _try(data, copy, listed, namespace, keygens)
        if signer and refusal and len(signers) > 1:
            # ssh-keygen names the first line that has the key. A key may be listed for git first, then for releases.
            for line in signers:
                with _in_memory(line + b"\n") as alone:
                    another, said = _try(data, copy, alone, namespace, keygens)
                if another and not said:
                    return another
        if refusal:
            raise _refused(where, allowed_signers, refusal)
    return signer


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Give the name of a file with this content, for programs that this one starts; it is on no disk."""
    with os.fdopen(process.in_memory(content), "rb") as stream:
        yield f"{HANDLES}{stream.fileno()}"


def _named(signature: bytes, allowed_signers: Path) -> str:
    """Return the name that a list of plain lines has for the key of a signature, as ssh-keygen would find it.

    Nothing is judged by that: it spares ssh-keygen the search, after which it judges.
    """
    with suppress(ValueError, OSError):
        key = key_in(signature).split()[1].encode()
        line = next((line for line in allowed_signers.read_bytes().splitlines() if key in line), b"")
        plain = PLAIN.fullmatch(line)
        if plain and plain.group(2) == key:
            return plain.group(1).decode("ascii")
    return ""


def _refusal(
    signer: str, data: bytes, signature: str, allowed_signers: str, namespace: str, keygens: Sequence[str]
) -> str:
    """Return why it is refused that ``signature`` is by ``signer`` over ``data``; empty if it is accepted."""
    words = ["-Y", "verify", "-f", allowed_signers, "-I", signer, "-n", namespace, "-s", signature]
    result = _keygen(words, data, keygens)
    return _said(result) if not result.ok else ""


def _try(data: bytes, signature: str, allowed_signers: str, namespace: str, keygens: Sequence[str]) -> tuple[str, str]:
    """Return the first name whose key made ``signature``, empty if there is none, and why it is refused, if it is."""
    result = _keygen(["-Y", "find-principals", "-f", allowed_signers, "-s", signature], b"", keygens)
    signer = result.output.split("\n")[0].split(",")[0]
    if not result.ok or not signer:
        return "", _said(result)
    return signer, _refusal(signer, data, signature, allowed_signers, namespace, keygens)


def not_by(data: bytes, signature: bytes, key: str, namespace: str) -> str:
    """Return why ``signature`` is none over ``data`` by ``key``, a public key as in key.pub; empty when it is one."""
    if has_more(signature):
        return MORE
    with _in_memory(signature) as copy, _in_memory(f"signer {key}\n".encode()) as signers:
        return _refusal("signer", data, copy, signers, namespace, KEYGENS)


def make_key(key: Path, keygens: Sequence[str] = KEYGENS) -> None:
    """Make a private key without a passphrase that only this user can read, and its <key>.pub."""
    result = _keygen(["-q", "-t", "ed25519", "-N", "", "-C", key.parent.name, "-f", str(key)], b"", keygens)
    if not result.ok:
        raise AirgapError(
            "A key could not be made",
            wanted="an ssh key in a folder that this user may write",
            found=_said(result),
            where=str(key),
            remedy="see that the folder can be written and that ssh-keygen starts",
            code="no-key",
        )


def require_accepted(manifest: Path, signature: Path, key: Path, allowed_signers: Path) -> None:
    """Refuse a ``key`` that signed what everyone who has the list ``allowed_signers`` would refuse."""
    try:
        verify(manifest.read_bytes(), signature, allowed_signers)
    except AirgapError as error:
        if not allowed_signers.is_file():
            raise
        public = key if key.suffix == ".pub" else f"{key}.pub"
        raise AirgapError(
            "The controller does not trust this signing key",
            code="key-untrusted",
            wanted=f"a key of {allowed_signers}",
            found=f"{key}: {error.found}",
            where=str(allowed_signers),
            remedy=f"sign with a key of this list, or add a line to it there too: a name, a space, what is in {public}",
        ) from error


def _refused(where: Path | str, allowed_signers: Path, found: str) -> AirgapError:
    return AirgapError(
        "The signature of this release is not accepted",
        code="signature-refused",
        wanted=f"a signature by a key of {allowed_signers} over the manifest as it is",
        found=found,
        where=str(where),
        remedy="do not use this release unless you know who made it; if its signer is right, "
        "add the signer's public key to the allowed signers",
    )


def _keygen(arguments: list[str], data: bytes, keygens: Sequence[str] = KEYGENS) -> process.Outcome:
    """Run the first of ``keygens`` that is there and can do it; raises AirgapError when none is."""
    unfit = []
    for name in keygens:
        if shutil.which(name) is None:
            unfit.append(f"{name}: no such program{'' if '/' in name else ' on PATH'}")
            continue
        result = _run(name, arguments, data)
        said = f"{result.error}\n{result.output}"
        if result.ok or result.returncode is None or not (result.returncode in (126, 127) or UNFIT.search(said)):
            return result
        unfit.append(f"{name}: {next((line for line in said.splitlines() if line.strip()), result.how)}")
    raise AirgapError(
        "ssh-keygen is missing or too old",
        wanted="ssh-keygen of OpenSSH 8.1 or newer, which signs and verifies (-Y)",
        found="; ".join(unfit),
        where="this machine",
        remedy="apt-get install openssh-client; on a host, a runtime release with the package openssh serves as well",
        code="no-ssh-keygen",
    )


def _run(name: str, arguments: list[str], data: bytes) -> process.Outcome:
    program = shutil.which(name)
    if program is None:
        raise AirgapError(
            f"{name} is missing",
            code="program-missing",
            wanted=f"{name} of OpenSSH 8.1 or newer",
            found="no such program on PATH",
            where="this machine",
            remedy="apt-get install openssh-client",
        )
    # It has no terminal, and no askpass is allowed: it fails where it would ask and wait.
    return process.run(
        [program, *arguments],
        deadline=LIMIT,
        cwd=os.getcwd(),
        data=data,
        apart=True,
        handles=[int(word[len(HANDLES) :]) for word in arguments if word.startswith(HANDLES)],
        env={**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
    )


def _said(result: process.Outcome) -> str:
    if result.returncode is None:
        return result.explain()
    lines = [line for line in (result.error or result.output).strip().splitlines() if line]
    return lines[-1] if lines else "no explanation by ssh-keygen"
