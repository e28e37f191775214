# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kit on a drive: signed once as its author put it there, never as it came back; and docs/guide/drive.md, typed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.kit import KEPT, NAMESPACE, SIGNATURE, SUMS
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key
from ansible_collections.airgap.conda.tests.unit.tiny_site import Site, damage, make_site

GUIDE = Path(__file__).parents[3] / "docs/guide/drive.md"
WHEEL, COLLECTION = "ansible/ansible_core-2.19.0-py3-none-any.whl", "airgap-conda-0.1.0.tar.gz"


pytestmark = pytest.mark.usefixtures("quick_drive")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    make_site(folder)
    shutil.rmtree(folder / "drive/photos")
    (folder / "drive/ansible").mkdir()
    (folder / "drive" / WHEEL).write_bytes(b"the wheel")
    (folder / "drive" / COLLECTION).write_bytes(b"the collection")
    shutil.copy(folder / "key.pub", folder / "drive/releases.pub")
    return folder


def export(site: Site, **options: Any) -> dict[str, Any]:
    key = options.pop("signing_key", site.path / "key")
    return site.export(envs=["demo"], signing_key=key, **options)


def files_of(drive: Path) -> list[str]:
    return sorted(str(path.relative_to(drive)) for path in drive.rglob("*") if path.is_file())


def test_an_export_signs_what_is_beside_the_depot_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert export(site, check=True)["kit"]["action"] == "signed"
    assert not (site.drive / SUMS).exists()
    assert not (site.bastion / KEPT).exists()
    result = export(site)
    assert result["kit"] == {"action": "signed", "files": 3, "bytes": 23 + (site.path / "key.pub").stat().st_size}
    text = (site.drive / SUMS).read_text(encoding="ascii")
    assert [line[66:] for line in text.splitlines()] == [f"./{name}" for name in (COLLECTION, WHEEL, "releases.pub")]
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=site.drive, check=True, capture_output=True)
    signed = (text.encode(), site.drive / SIGNATURE, site.path / "key.signers")
    assert signature.verify(*signed, NAMESPACE) == "key@bastion"
    with pytest.raises(AirgapError):  # it does not pass for a release
        signature.verify(*signed)
    monkeypatch.setattr(signature, "sign", lambda *_args: pytest.fail("signed again"))
    again = export(site)
    assert (again["changed"], again["kit"]["action"], again["warnings"]) == (False, "unchanged", [])
    (site.drive / SIGNATURE).unlink()
    assert export(site)["changed"]  # the depot has kept it
    assert (site.drive / SIGNATURE).read_bytes() == (site.bastion / KEPT / SIGNATURE).read_bytes()
    assert Depot(site.bastion).envs() == ["demo", "runtime"]


def test_what_came_back_changed_is_not_signed(site: Site) -> None:
    export(site)
    for name in (SUMS, SIGNATURE):  # as whoever changed the rest would do
        (site.drive / name).unlink()
    damage(site.drive / WHEEL)
    (site.drive / COLLECTION).rename(site.drive / "ansible/evil-99.whl")
    shutil.rmtree(site.drive / "depot")
    with pytest.raises(AirgapError, match="kit has other files than were signed") as caught:
        export(site)
    assert caught.value.found == f"new or changed ./{WHEEL} ./ansible/evil-99.whl; missing ./{COLLECTION}"
    assert str(site.bastion / KEPT) in caught.value.remedy
    assert not {SUMS, SIGNATURE} & set(files_of(site.drive))
    assert site.bring(envs=["demo"])["changed"]  # the releases are there nevertheless
    shutil.rmtree(site.bastion / KEPT)
    assert export(site)["kit"]["action"] == "signed"


def test_a_drive_without_a_kit_gets_no_sums(site: Site) -> None:
    export(site)
    shutil.rmtree(site.drive)
    site.drive.mkdir()
    assert export(site)["kit"] == {"action": "none", "files": 0, "bytes": 0}
    assert not (site.drive / SUMS).exists()


def test_without_a_key_it_is_told_and_not_read(site: Site) -> None:
    (site.drive / "ansible").rename(site.path / "ansible")
    (site.drive / COLLECTION).unlink()
    (site.drive / "releases.pub").unlink()
    os.mkfifo(site.drive / "photos.pipe")
    result = export(site, signing_key=None)
    assert result["kit"]["action"] == "unsigned"
    told = "is not signed. Wanted: .*Found: ./photos.pipe without them.*Remedy: set media_signing_key"
    assert re.search(told, *result["warnings"])
    assert not (site.drive / SUMS).exists()
    (site.drive / "photos.pipe").unlink()
    assert export(site, signing_key=None)["kit"]["action"] == "none"
    (site.path / "ansible").rename(site.drive / "ansible")
    export(site)
    again = export(site, signing_key=None)
    assert (again["kit"]["action"], again["warnings"], again["changed"]) == ("unchanged", [], False)


def test_another_key_signs_anew(site: Site) -> None:
    export(site)
    key, signers = make_key(site.path, "other")
    assert export(site, signing_key=key, allowed_signers=site.path / "key.signers")["kit"]["action"] == "unchanged"
    with pytest.raises(AirgapError, match="not accepted"):  # the releases need a key of the list
        export(site, signing_key=key, allowed_signers=signers)
    shutil.copy(signers, site.path / "both")
    signer = (
        (site.path / "key.signers").read_text(encoding="ascii").replace(" ", ' namespaces="release@airgap.conda" ', 1)
    )
    with open(site.path / "both", "a", encoding="ascii") as stream:
        stream.write(signer)
    assert export(site, signing_key=key, allowed_signers=site.path / "both")["kit"]["action"] == "signed"
    data = (site.drive / SUMS).read_bytes()
    assert signature.verify(data, site.drive / SIGNATURE, signers, NAMESPACE) == "other@bastion"


def test_a_key_that_does_not_sign_leaves_nothing(site: Site) -> None:
    (site.path / "key").unlink()
    with pytest.raises(AirgapError, match="signing key is missing"):
        export(site)
    assert os.listdir(site.bastion / KEPT) == []
    assert not (site.drive / SUMS).exists()


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda drive: os.mkfifo(drive / "pipe"), "./pipe: unreadable"),
        (lambda drive: (drive / "link").symlink_to("/etc/passwd"), "./link: unreadable"),
        (lambda drive: (drive / "a\nb").touch(), "the name './a"),
        (lambda drive: (drive / "a\\b").touch(), "the name './a"),
        (lambda drive: (drive / os.fsdecode(b"\xff")).touch(), "the name './"),
        (lambda drive: os.truncate(drive / COLLECTION, 4 << 40), f"./{COLLECTION}: 4398046511104 bytes, more than"),
        (lambda drive: [(drive / f"{number}").mkdir() for number in range(20)], "more than 20 files and folders"),
    ],
)
def test_what_cannot_be_signed_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], found: str
) -> None:
    monkeypatch.setattr(limits, "KIT_FILES", 20)
    make(site.drive)
    with pytest.raises(AirgapError, match="cannot be signed") as caught:
        export(site)
    assert caught.value.found.startswith(found)


@pytest.mark.parametrize(("folder", "names"), [("", 3), ("a/depot", 3), ("depot", 3)])
def test_the_depot_is_no_kit_wherever_it_lies(site: Site, folder: str, names: int) -> None:
    drive = Drive(site.drive, folder)
    (site.drive / "lost+found").mkdir(mode=0)
    assert export(site, drive=drive)["kit"]["files"] == names
    assert export(site, drive=drive)["kit"]["action"] == "unchanged"


# --- the guide, typed on a controller --------------------------------------------------------------------------------

INSTALLER = """#!/bin/sh
mkdir -p ansible/bin
for name in pip ansible-galaxy; do
  printf '#!/bin/sh\\necho "%s $*" >>installed\\n' $name >ansible/bin/$name
  chmod +x ansible/bin/$name
done
"""


def type_in(site: Site) -> subprocess.CompletedProcess[str]:
    """Type what the guide says is done once on the controller; only the installers are no real ones."""
    programs = site.path / "programs"
    if not programs.exists():
        programs.mkdir()
        (programs / "python3").write_text(INSTALLER, encoding="ascii")
        (programs / "python3").chmod(0o755)
    text = "".join(re.findall(r"(?ms)^```sh controller-once$(.*?)^```", GUIDE.read_text(encoding="utf-8")))
    (site.path / "conda").mkdir(exist_ok=True)
    script = text.replace("/srv/conda", str(site.path / "conda")).replace("/media/usb", str(site.drive))
    return subprocess.run(
        ["bash", "-euc", script],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(site.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def installed(site: Site) -> str:
    path = site.path / "conda/installed"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_the_guide_installs_what_was_signed(site: Site) -> None:
    export(site)
    for _again in range(2):
        done = type_in(site)
        assert done.returncode == 0, done.stdout + done.stderr
        assert 'Good "kit@airgap.conda" signature for bastion' in done.stdout
    wanted = "pip install --no-index --find-links kit/ansible ansible-core\n"
    wanted += f"ansible-galaxy collection install kit/{COLLECTION}\n"
    assert installed(site) == wanted * 2
    kit = site.path / "conda/kit"
    assert (kit / WHEEL).read_bytes() == b"the wheel"
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", site.path / "key.pub"], capture_output=True, text=True, check=True
    )
    assert fingerprint.stdout in done.stdout


def _foreign(drive: Path) -> None:
    key, _signers = make_key(drive.parent, "foreign")
    (drive / SIGNATURE).unlink()
    signature.sign(drive / SUMS, key, NAMESPACE)


def _for_a_release(drive: Path) -> None:
    (drive / SIGNATURE).unlink()
    signature.sign(drive / SUMS, drive.parent / "key")


def _sums_anew(drive: Path) -> None:
    damage(drive / COLLECTION)
    command = f"sha256sum ./{COLLECTION} ./{WHEEL} ./releases.pub >{SUMS}"
    subprocess.run(["sh", "-c", command], cwd=drive, check=True)


def _link(drive: Path) -> None:
    (drive / WHEEL).rename(drive.parent / "elsewhere")
    (drive / WHEEL).symlink_to(drive.parent / "elsewhere")


def _pipe(drive: Path) -> None:
    (drive / WHEEL).unlink()
    os.mkfifo(drive / WHEEL)


def _pipe_of_sums(drive: Path) -> None:
    (drive / SUMS).unlink()
    os.mkfifo(drive / SUMS)


def _two_keys(drive: Path) -> None:
    """A line that ssh-keygen -l does not show, and -Y verify believes."""
    key, _signers = make_key(drive.parent, "foreign")
    line = key.with_suffix(".pub").read_text(encoding="ascii")
    with open(drive / "releases.pub", "a", encoding="ascii") as stream:
        stream.write(f'bastion namespaces="kit@airgap.conda" {line}')
    _sums_anew(drive)
    (drive / SIGNATURE).unlink()
    signature.sign(drive / SUMS, key, NAMESPACE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda drive: damage(drive / WHEEL), f"./{WHEEL}: FAILED"),
        (lambda drive: damage(drive / COLLECTION), f"./{COLLECTION}: FAILED"),
        (lambda drive: damage(drive / SUMS), "incorrect signature"),
        (lambda drive: (drive / SIGNATURE).unlink(), "SHA256SUMS.sig"),
        (lambda drive: (drive / SUMS).unlink(), "SHA256SUMS"),
        (lambda drive: (drive / "releases.pub").unlink(), "releases.pub"),
        (lambda drive: (drive / "ansible/evil-99.whl").touch(), "> ./ansible/evil-99.whl"),
        (lambda drive: (drive / "airgap-conda-9.0.0.tar.gz").touch(), "> ./airgap-conda-9.0.0.tar.gz"),
        (lambda drive: (drive / WHEEL).unlink(), f"< ./{WHEEL}"),
        (lambda drive: os.truncate(drive / WHEEL, 4 << 40), f"< ./{WHEEL}"),
        (_link, f"< ./{WHEEL}"),
        (_pipe, f"< ./{WHEEL}"),
        (_pipe_of_sums, "SHA256SUMS"),
        (_foreign, "Could not verify signature"),
        (_for_a_release, "Could not verify signature"),
        (_sums_anew, "Could not verify signature"),
        (_two_keys, "Could not verify signature"),
    ],
)
def test_the_guide_installs_nothing_else(site: Site, change: Callable[[Path], None], says: str) -> None:
    export(site)
    change(site.drive)
    done = type_in(site)
    assert done.returncode != 0
    assert says in done.stdout + done.stderr
    assert installed(site) == ""
    assert not (site.path / "conda/ansible").exists()
