# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signatures, with the real ssh-keygen: everything but the right key over the right bytes is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature as _signature
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A manifest, its signature, and the list of allowed signers."""
    key, signers = make_key(tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"serial": 1}\n', encoding="ascii")
    return manifest, _signature.sign(manifest, key), signers


def refused(data: bytes, signature: Path, signers: Path) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        _signature.verify(data, signature, signers)
    assert all((caught.value.wanted, caught.value.found, caught.value.where, caught.value.remedy))
    return caught.value


def test_the_signer_is_named(signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    assert signature.name == "manifest.json.sig"
    assert _signature.verify(manifest.read_bytes(), signature, signers) == "key@bastion"


@pytest.mark.parametrize(
    ("before", "line", "programs"),
    [
        ("", "key@bastion KEY", 1),
        ("# a comment\nother@bastion ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n", "key@bastion KEY", 1),
        ("", 'key@bastion namespaces="release@airgap.conda" KEY', 2),
        ("", "key@bastion,other KEY", 2),
        ("", '"key@bastion" KEY', 2),
        ("", "key@* KEY", 2),
        # ssh-keygen takes the first line that has the key, whatever else is on it.
        ('first namespaces="release@airgap.conda" KEY\n', "key@bastion KEY", 2),
    ],
)
def test_one_program_verifies_where_the_list_is_plain(
    signed: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, before: str, line: str, programs: int
) -> None:
    manifest, signature, signers = signed
    key = signers.read_text(encoding="ascii").split(" ", 1)[1].strip()
    signers.write_text(f"{before}{line}\n".replace("KEY", key), encoding="ascii")
    command = ["ssh-keygen", "-Y", "find-principals", "-f", str(signers), "-s", str(signature)]
    first = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0].split(",")[0]
    run, asked = process.run, list[str]()

    def count(words: list[str], **options: Any) -> process.Outcome:
        asked.append(words[2])
        return run(words, **options)

    monkeypatch.setattr(process, "run", count)
    assert _signature.verify(manifest.read_bytes(), signature, signers) == first
    assert asked == ["find-principals", "verify"][-programs:]
    asked.clear()
    refused(manifest.read_bytes() + b" ", signature, signers)
    assert before or len(asked) == programs  # nor is a refusal looked into where there is one line


@pytest.mark.parametrize("more", [b"x", b"\0", b"\n", b" ", b"\r\n", b"twice"])
def test_bytes_after_a_signature_are_refused(signed: tuple[Path, Path, Path], more: bytes) -> None:
    manifest, signature, signers = signed
    content = signature.read_bytes()
    signature.write_bytes(content + (content if more == b"twice" else more))
    assert refused(manifest.read_bytes(), signature, signers).code == "signature-refused"
    key = " ".join(signers.read_text(encoding="ascii").split()[-3:-1])
    assert _signature.not_by(manifest.read_bytes(), signature.read_bytes(), key, _signature.NAMESPACE)
    signature.write_bytes(content.rstrip(b"\n"))
    assert _signature.verify(manifest.read_bytes(), signature, signers) == "key@bastion"


def test_one_changed_byte_is_refused(signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    error = refused(manifest.read_bytes().replace(b"1", b"2"), signature, signers)
    assert error.code == "signature-refused"
    assert error.where == str(signature)


def test_another_key_is_refused(tmp_path: Path, signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    other, _signers = make_key(tmp_path, "other")
    _signature.sign(manifest, other)
    assert str(signers) in refused(manifest.read_bytes(), signature, signers).wanted


def test_a_signature_for_another_purpose_is_refused(tmp_path: Path, signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    signature.unlink()
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-n", "git", "-f", str(tmp_path / "key"), str(manifest)], check=True
    )
    refused(manifest.read_bytes(), signature, signers)


def test_a_key_allowed_for_another_purpose_is_refused(signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    name, key = signers.read_text(encoding="ascii").split(" ", 1)
    signers.write_text(f'{name} namespaces="git" {key}', encoding="ascii")
    refused(manifest.read_bytes(), signature, signers)
    signers.write_text(f'{name} namespaces="{_signature.NAMESPACE}" {key}', encoding="ascii")
    assert _signature.verify(manifest.read_bytes(), signature, signers) == name


def test_a_key_that_is_listed_twice_counts_by_the_line_that_allows_it(signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    key = signers.read_text(encoding="ascii").split(" ", 1)[1].strip()
    lines = ["# keys", f'a namespaces="git" {key}', f'b valid-before="20200101" {key}']
    lines += [f'c namespaces="file" {key}', f'd,e namespaces="git,{_signature.NAMESPACE}" {key}']
    signers.write_text("\n".join([*lines, ""]), encoding="ascii")
    assert _signature.verify(manifest.read_bytes(), signature, signers) == "d"
    refused(manifest.read_bytes() + b" ", signature, signers)
    signers.write_text("\n".join([*lines[:-1], ""]), encoding="ascii")
    assert "not permitted for use in signature namespace" in refused(manifest.read_bytes(), signature, signers).found


def test_another_namespace_is_another_purpose(tmp_path: Path, signed: tuple[Path, Path, Path]) -> None:
    manifest, _signature_of_release, signers = signed
    kit = _signature.sign(manifest, tmp_path / "key", "kit@airgap.conda")
    assert _signature.verify(manifest.read_bytes(), kit, signers, "kit@airgap.conda") == "key@bastion"
    refused(manifest.read_bytes(), kit, signers)


@pytest.mark.parametrize("kind", ["pipe", "link", "sparse"])
def test_a_signature_is_a_small_file(tmp_path: Path, signed: tuple[Path, Path, Path], kind: str) -> None:
    manifest, signature, signers = signed
    os.rename(signature, tmp_path / "kept")
    if kind == "pipe":
        os.mkfifo(signature)
    elif kind == "link":
        signature.symlink_to("kept")
    else:
        with open(signature, "wb") as stream:
            stream.truncate(4 << 40)
    error = refused(manifest.read_bytes(), signature, signers)
    assert (error.code, error.where) == ("signature-missing", str(signature))


@pytest.mark.parametrize(
    "content", ["", "garbage", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"]
)
def test_a_broken_signature_is_refused(signed: tuple[Path, Path, Path], content: str) -> None:
    manifest, signature, signers = signed
    signature.write_text(content, encoding="ascii")
    refused(manifest.read_bytes(), signature, signers)


def test_an_empty_list_of_signers_allows_nobody(signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    signers.write_text("", encoding="ascii")
    refused(manifest.read_bytes(), signature, signers)


def test_missing_files_are_named(tmp_path: Path, signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    assert refused(manifest.read_bytes(), signature, tmp_path / "no").where == str(tmp_path / "no")
    signature.unlink()
    error = refused(manifest.read_bytes(), signature, signers)
    assert (error.code, error.where) == ("signature-missing", str(signature))


def test_a_missing_key_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    (tmp_path / "m").touch()
    with raised("key-missing") as caught:
        _signature.sign(tmp_path / "m", tmp_path / "no-key")
    assert str(tmp_path / "no-key") in caught.value.remedy


def make_encrypted(folder: Path) -> Path:
    key = folder / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(key)], check=True)
    return key


def test_a_key_with_a_passphrase_fails_instead_of_asking(tmp_path: Path) -> None:
    key = make_encrypted(tmp_path)
    (tmp_path / "m").touch()
    # Under a terminal ssh-keygen would ask there and wait for ever.
    process, terminal = os.forkpty()
    if process == 0:
        try:
            _signature.sign(tmp_path / "m", key)
        except AirgapError as error:
            os._exit(7 if "with a passphrase" in error.found else 1)
        os._exit(0)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7
    finally:
        os.close(terminal)
    assert not (tmp_path / "m.sig").exists()


def not_signed(manifest: Path, key: Path) -> AirgapError:
    with raised("sign-failed") as caught:
        _signature.sign(manifest, key)
    assert caught.value.where == str(key)
    assert not manifest.with_name(manifest.name + ".sig").exists()
    return caught.value


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real ssh-agent without keys."""
    with tempfile.TemporaryDirectory() as folder:  # a path of pytest's is too long for a socket
        socket = f"{folder}/agent"
        with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as process:
            while not os.path.exists(socket):
                time.sleep(0.01)
            monkeypatch.setenv("SSH_AUTH_SOCK", socket)
            yield
            process.terminate()


def add_to_agent(key: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(key)], check=True)


def public_only(folder: Path, key: Path) -> Path:
    """Return a public key that lies alone: beside a private one, ssh-keygen takes that."""
    (folder / "public").mkdir()
    return Path(shutil.copy(key.with_suffix(".pub"), folder / "public/key.pub"))


@pytest.mark.usefixtures("agent")
def test_an_agent_signs_for_a_public_key(tmp_path: Path, signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    public = public_only(tmp_path, tmp_path / "key")
    signature.unlink()
    add_to_agent(tmp_path / "key")
    _signature.sign(manifest, public)
    assert _signature.verify(manifest.read_bytes(), signature, signers) == "key@bastion"


@pytest.mark.usefixtures("agent")
def test_an_agent_without_the_key_is_told(tmp_path: Path) -> None:
    key, other = make_key(tmp_path)[0], make_key(tmp_path, "other")[0]
    (tmp_path / "m").touch()
    public = public_only(tmp_path, key)
    assert "(keys in it: 0)" in not_signed(tmp_path / "m", public).found
    add_to_agent(other)
    error = not_signed(tmp_path / "m", public)
    assert "(keys in it: 1)" in error.found
    assert f"ssh-add {public.with_suffix('')}" in error.remedy


def test_a_public_key_without_an_agent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = public_only(tmp_path, make_key(tmp_path)[0])
    (tmp_path / "m").touch()
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert "SSH_AUTH_SOCK is not set" in not_signed(tmp_path / "m", public).found
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    assert f"no ssh-agent that answers at {tmp_path / 'gone'}" in not_signed(tmp_path / "m", public).found


def test_a_hardware_key_without_its_device_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = tmp_path / "sk.pub"
    blob = "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIIeIoYWW0VZrp1zUSwl4BMVHxH4BZ9Yt1yJRjDgiVMmXAAAABHNzaDo="
    key.write_text(f"sk-ssh-ed25519@openssh.com {blob} x\n", encoding="ascii")
    (tmp_path / "m").touch()
    assert "no ssh-agent" in not_signed(tmp_path / "m", key).found


def test_what_is_no_key_of_ones_own_is_told(tmp_path: Path) -> None:
    (tmp_path / "m").touch()
    key = make_key(tmp_path)[0]
    key.chmod(0o644)
    error = not_signed(tmp_path / "m", key)
    assert (error.found, error.remedy) == ("a private key that other users may read", f"chmod 600 {key}")
    for content in ("", "junk\n"):
        (tmp_path / "junk").write_text(content, encoding="ascii")
        (tmp_path / "junk").chmod(0o600)
        assert "no private key that ssh-keygen can read" in not_signed(tmp_path / "m", tmp_path / "junk").found
    locked = make_encrypted(tmp_path)
    assert f"ssh-add {locked}" in not_signed(tmp_path / "m", locked).remedy


def test_a_missing_ssh_keygen_is_named(signed: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, signature, signers = signed
    monkeypatch.setenv("PATH", "/nowhere")
    assert "openssh-client" in refused(manifest.read_bytes(), signature, signers).remedy


# What OpenSSH 7.6 of Ubuntu 18.04 says to -Y, what 8.1 says to find-principals, and what the loader says of a library.
OLD = ("unknown option -- Y\nusage: ssh-keygen [-q] [-b bits] [-t dsa | ecdsa]", "ssh-keygen: invalid option -- 'Y'")
UNFIT = {
    "7.6": (OLD[0], 1),
    "getopt": (OLD[1], 1),
    "8.1": ('Unsupported operation for -Y: "find-principals"', 255),
    "library": ("error while loading shared libraries: libcrypto.so.1.1: cannot open shared object file", 127),
}


def keygen(path: Path, said: str = "", status: int = 0) -> str:
    """Write an ssh-keygen that says this, or that is the one of this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    real = shutil.which("ssh-keygen")
    path.write_text(
        f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit {status}\n" if said else f'#!/bin/sh\nexec {real} "$@"\n'
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("version", UNFIT)
def test_another_ssh_keygen_takes_the_place_of_one_that_cannot(
    version: str, tmp_path: Path, signed: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, signature, signers = signed
    other = keygen(tmp_path / "runtime/bin/ssh-keygen")
    keygen(tmp_path / "bin/ssh-keygen", *UNFIT[version])
    data = manifest.read_bytes(), signature.read_bytes(), signature, signers
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    assert _signature.check(*data, keygens=("ssh-keygen", other)) == "key@bastion"
    with pytest.raises(AirgapError) as caught:
        _signature.check(*data, keygens=("ssh-keygen", str(tmp_path / "nowhere/ssh-keygen")))
    assert caught.value.code == "no-ssh-keygen"
    assert UNFIT[version][0].splitlines()[0] in caught.value.found
    assert "nowhere" in caught.value.found


def test_another_ssh_keygen_takes_the_place_of_none(
    tmp_path: Path, signed: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, signature, signers = signed
    other = keygen(tmp_path / "runtime/bin/ssh-keygen")
    monkeypatch.setenv("PATH", "/nowhere")
    data = manifest.read_bytes(), signature.read_bytes(), signature, signers
    assert _signature.check(*data, keygens=("ssh-keygen", other)) == "key@bastion"


def test_a_refusal_is_not_asked_of_another_ssh_keygen(tmp_path: Path, signed: tuple[Path, Path, Path]) -> None:
    manifest, signature, signers = signed
    liar = tmp_path / "liar"
    liar.write_text("#!/bin/sh\necho anybody\n", encoding="ascii")
    liar.chmod(0o755)
    with pytest.raises(AirgapError, match="not accepted"):
        _signature.check(
            manifest.read_bytes() + b" ", signature.read_bytes(), signature, signers, keygens=("ssh-keygen", str(liar))
        )
