# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Solving: which packages are chosen for a target, from which channel, and what is said when it cannot be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Several
from ansible_collections.airgap.conda.plugins.module_utils._solve import rattler
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels, virtual_packages
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler_solve import solve
from ansible_collections.airgap.conda.plugins.module_utils._solve.why import looser
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target
from ansible_collections.airgap.conda.tests.unit.tiny_channel import TinyChannel

pytest.importorskip("rattler")

ALIAS = "https://channels.invalid"
WHERE = "envs/demo/environment.yml"
ANY = Target()


@pytest.fixture
def channel(tmp_path: Path) -> TinyChannel:
    channel = TinyChannel(tmp_path / "near")
    channel.add("tool", "1.0")
    channel.add("tool", "2.0", ["__glibc >=2.36"])
    channel.add("needs-new-tool", "1.0", ["tool >=2"])
    channel.add("gpu-tool", "1.0", ["__cuda >=11.8"])
    channel.add("fast-tool", "1.0", ["__archspec 1.* x86_64_v3"])
    return channel


@pytest.fixture
def far(tmp_path: Path) -> TinyChannel:
    channel = TinyChannel(tmp_path / "far")
    channel.add("tool", "9.0")
    channel.add("other", "1.0")
    return channel


def found(
    specs: list[str],
    channels: list[object],
    target: Target = ANY,
    only: bool = False,
    alias: str = ALIAS,
    cache: Path | None = None,
) -> dict[str, str]:
    names = tuple(str(channel) for channel in channels)
    folder = cache or Path(names[0].removeprefix("file://")).parent / "cache"
    return {
        record.name.normalized: str(record.version)
        for record in solve(specs, Channels(names, alias, "channels", only), target, folder, WHERE)
    }


def refusal(
    specs: list[str], channels: list[object], cache: Path, only: bool = False, target: Target = ANY
) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        found(specs, channels, target, only=only, cache=cache)
    assert caught.value.wanted
    assert caught.value.found
    assert caught.value.where
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(("glibc", "version"), [("2.31", "1.0"), ("2.36", "2.0"), ("2.41", "2.0")])
def test_a_package_for_a_newer_glibc_is_not_chosen(channel: TinyChannel, glibc: str, version: str) -> None:
    assert found(["tool"], [channel], Target(glibc=glibc)) == {"tool": version}


def test_cuda_and_cpu_come_from_the_target(channel: TinyChannel) -> None:
    target = Target(cuda="12.2", cpu="x86-64-v3")
    assert found(["gpu-tool", "fast-tool"], [channel], target) == {"gpu-tool": "1.0", "fast-tool": "1.0"}


@pytest.mark.parametrize("spec", ["gpu-tool", "fast-tool"])
def test_what_the_target_does_not_have_is_not_there(channel: TinyChannel, tmp_path: Path, spec: str) -> None:
    assert "__" in refusal([spec], [channel], tmp_path).found


def test_virtual_packages() -> None:
    assert virtual_packages(Target(glibc="2.31", cuda="11.8", cpu="x86-64-v2")) == {
        "__unix": ("0", "0"),
        "__linux": ("3.10", "0"),
        "__glibc": ("2.31", "0"),
        "__archspec": ("1", "x86_64_v2"),
        "__cuda": ("11.8", "0"),
    }


def test_virtual_packages_without_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "12.9")
    monkeypatch.setattr("os.confstr", lambda _: "glibc 2.99")
    known = virtual_packages(Target(platform="linux-aarch64"))
    assert known["__glibc"][0] == "2.99"  # the one thing that is taken from the bastion
    assert known["__archspec"] == ("1", "aarch64")
    assert "__cuda" not in known


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("conda-forge", f"{ALIAS}/conda-forge/"),
        ("conda-forge/label/dev", f"{ALIAS}/conda-forge/label/dev/"),
        ("https://h/c", "https://h/c/"),
        ("/srv/channel", "file:///srv/channel/"),
        ("/srv/my channel", "file:///srv/my%20channel/"),
        ("file:///srv/channel/", "file:///srv/channel/"),
    ],
)
def test_address_of_a_channel(name: str, address: str) -> None:
    assert Channels((name,), ALIAS, WHERE).address(name) == address


def test_channels_by_path_url_and_name(channel: TinyChannel) -> None:
    target = Target(glibc="2.36")
    alias = channel.folder.parent.as_uri()
    cache = channel.folder.parent / "cache"
    assert found(["tool"], [channel.folder.as_uri()], target, cache=cache) == {"tool": "2.0"}
    assert found(["tool"], ["near"], target, alias=alias, cache=cache) == {"tool": "2.0"}


def test_the_first_channel_that_has_a_package_wins(channel: TinyChannel, far: TinyChannel) -> None:
    assert found(["tool", "other"], [channel, far], Target(glibc="2.36")) == {"tool": "2.0", "other": "1.0"}


def test_without_priority_the_newest_of_all_channels_wins(channel: TinyChannel, far: TinyChannel) -> None:
    channels = Channels((str(channel), str(far)), ALIAS, "channels", priority="disabled")
    records = solve(["tool", "other"], channels, Target(glibc="2.36"), channel.folder.parent / "cache", WHERE)
    assert {record.name.normalized: str(record.version) for record in records} == {"tool": "9.0", "other": "1.0"}


@pytest.mark.parametrize("only", [False, True])
def test_a_pinned_channel_beats_the_order(channel: TinyChannel, far: TinyChannel, only: bool) -> None:
    assert found(["far::tool"], [channel, far], only=only) == {"tool": "9.0"}
    assert found([f"{far}::tool >=2"], [channel, far], only=only) == {"tool": "9.0"}


def test_a_pin_may_name_a_folder_of_the_channel(channel: TinyChannel, far: TinyChannel) -> None:
    assert found(["far/noarch::tool"], [channel, far]) == {"tool": "9.0"}


def test_a_channel_that_only_a_pin_names_is_read_too(channel: TinyChannel, far: TinyChannel) -> None:
    assert found([f"{far}::tool"], [channel]) == {"tool": "9.0"}


def test_given_channels_shut_out_the_pinned_one(channel: TinyChannel, far: TinyChannel, tmp_path: Path) -> None:
    error = refusal([f"{far}::tool"], [channel], tmp_path, only=True)
    assert error.code == "channel-not-listed"
    assert "tool" in error.problem
    assert str(far) in error.wanted
    assert str(channel) in error.found


def test_defaults_is_one_group_below_the_alias(tmp_path: Path) -> None:
    TinyChannel(tmp_path / "main").add("tool", "1.0")
    TinyChannel(tmp_path / "r").add("tool", "2.0")
    cache, alias = tmp_path / "cache", tmp_path.as_uri()
    assert found(["tool"], ["defaults"], alias=alias, cache=cache) == {"tool": "2.0"}
    assert found(["defaults::tool"], ["defaults"], alias=alias, cache=cache) == {"tool": "2.0"}


def test_a_package_added_to_the_channel_is_seen(channel: TinyChannel) -> None:
    assert found(["tool"], [channel], Target(glibc="2.31")) == {"tool": "1.0"}
    channel.add("tool", "1.5")
    assert found(["tool"], [channel], Target(glibc="2.31")) == {"tool": "1.5"}


def test_no_such_package(channel: TinyChannel, tmp_path: Path) -> None:
    error = refusal(["tool", "nosuch >=3"], [channel], tmp_path)
    assert error.code == "package-unknown"
    assert "nosuch" in error.problem
    assert (error.wanted, error.where) == ("nosuch >=3", WHERE)
    assert str(channel) in error.found


def test_no_such_version(channel: TinyChannel, tmp_path: Path) -> None:
    error = refusal(["tool 7.*"], [channel], tmp_path)
    assert error.wanted == "tool 7.*"
    assert "versions 1.0, 2.0" in error.found


def test_all_dependencies_that_cannot_be_met_are_told_at_once(channel: TinyChannel, tmp_path: Path) -> None:
    error = refusal(["tool", "nosuch >=3", "tool2", "fast-tool 7.*"], [channel], tmp_path)
    assert isinstance(error, Several)
    assert [one.code for one in error.errors] == ["package-unknown", "package-unknown", "version-unknown"]
    assert [line[:2] for line in str(error).splitlines()[1:]] == ["1.", "2.", "3."]
    assert error.wanted == "(1) nosuch >=3; (2) tool2; (3) fast-tool 7.*"
    assert "(3) versions 1.0 in" in error.found


@pytest.mark.parametrize("form", ["{}={}=h1234_0", "{} {} h1234_0", "{}[version='{}',build=h1234_0]", "{}=={}=h12*"])
def test_builds_that_the_channel_does_not_have(channel: TinyChannel, tmp_path: Path, form: str) -> None:
    channel.add("libx", "3.1", build="habc_0")
    channel.add("libx", "3.1", build="hdef_1")
    written = [form.format("tool", "1.0"), form.format("libx", "3.1")]
    error = refusal([*written, "fast-tool"], [channel], tmp_path)
    assert error.code == "build-unknown"
    assert error.wanted == f"{written[0]}, {written[1]}"
    assert error.found == "tool 1.0 in the builds 0; libx 3.1 in the builds habc_0, hdef_1"
    assert error.remedy.startswith("drop the build strings")


def test_lines_of_the_spec_are_told(channel: TinyChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "envs/demo").mkdir(parents=True)
    text = "dependencies:\n  - nosuch  >=3\n  - tool=1.0=h1\n  - tool\n  - fast-tool=1.0=h2\n"
    (tmp_path / WHERE).write_text(text, encoding="utf-8")
    error = refusal(["nosuch >=3", "tool=1.0=h1", "tool", "fast-tool=1.0=h2"], [channel], tmp_path)
    assert error.where == f"(1) {WHERE}:2:5; (2) {WHERE}:3:5, :5:5"


def test_a_build_of_a_version_that_is_not_there(channel: TinyChannel, tmp_path: Path) -> None:
    assert refusal(["tool=7.0=h1"], [channel], tmp_path).code == "version-unknown"


def test_one_package_in_two_lines(channel: TinyChannel, tmp_path: Path) -> None:
    target = Target(glibc="2.36")
    assert found(["tool", "tool>=1,<2", "Tool"], [channel], target) == {"tool": "1.0"}
    error = refusal(["tool<2", "fast-tool", "tool>=2"], [channel], tmp_path, target=target)
    assert (error.code, error.wanted) == (
        "versions-conflict",
        "tool<2 and tool>=2",
    )


def test_what_strict_priority_hides(channel: TinyChannel, far: TinyChannel, tmp_path: Path) -> None:
    far.add("needs-tool-9", "1.0", ["tool >=9"])
    error = refusal(["needs-tool-9", "fast-tool"], [channel, far], tmp_path, target=Target(cpu="x86-64-v3"))
    assert error.code == "channel-order"
    assert f"tool 9.0 is in {far}; " in error.found
    assert f"add '{far}::tool' to the dependencies, or set build_channel_priority: disabled" in error.remedy
    assert found(["needs-tool-9", f"{far}::tool"], [channel, far]) == {"needs-tool-9": "1.0", "tool": "9.0"}


def test_a_pin_keeps_what_the_line_says(channel: TinyChannel, far: TinyChannel, tmp_path: Path) -> None:
    far.add("needs-tool-9", "1.0", ["tool >=9"])
    error = refusal(["needs-tool-9", "tool >=2"], [channel, far], tmp_path, target=Target(glibc="2.36"))
    assert f"add '{far}::tool >=2' to the dependencies" in error.remedy


def test_no_pin_is_asked_for_that_is_not_needed(channel: TinyChannel, far: TinyChannel, tmp_path: Path) -> None:
    """Without priority, fast-tool would come from far too."""
    far.add("fast-tool", "5.0")
    far.add("needs-tool-9", "1.0", ["tool >=9"])
    error = refusal(["needs-tool-9", "fast-tool"], [channel, far], tmp_path, target=Target(cpu="x86-64-v3"))
    assert "fast-tool" not in error.remedy


def test_priority_is_not_to_blame_for_what_no_channel_has(
    channel: TinyChannel, far: TinyChannel, tmp_path: Path
) -> None:
    far.add("needs-tool-10", "1.0", ["tool >=10"])
    error = refusal(["needs-tool-10"], [channel, far], tmp_path)
    assert error.code == "unsolvable"


def test_unsolvable_shows_the_solvers_explanation(channel: TinyChannel, tmp_path: Path) -> None:
    error = refusal(["needs-new-tool"], [channel], tmp_path, target=Target(glibc="2.31"))
    assert error.code == "unsolvable"
    assert "needs-new-tool 1.0 would require" in error.found
    assert "__glibc >=2.36" in error.found
    assert "__glibc 2.31" in error.remedy


def test_a_channel_that_is_not_there(channel: TinyChannel, tmp_path: Path) -> None:
    error = refusal(["tool"], [channel, "file:///nonexistent"], tmp_path)
    assert error.code == "channel-unreadable"
    assert "file:///nonexistent" in error.problem
    assert "No such file" in error.found


def test_an_unreachable_channel_is_named_without_its_credentials(
    channel: TinyChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rattler, "RETRIES", 0)
    error = refusal(["tool"], [channel, "http://me:secret@127.0.0.1:9/t/tk-123/chan"], tmp_path)
    assert error.code == "channel-unreadable"
    assert "http://***@127.0.0.1:9/t/***/chan" in error.problem
    assert "refused" in error.found
    assert "secret" not in str(error)
    assert "tk-123" not in str(error)


@pytest.mark.parametrize("spec", ["tool ==", "tool[", "::tool::"])
def test_a_spec_that_nobody_understands(channel: TinyChannel, tmp_path: Path, spec: str) -> None:
    assert spec in refusal([spec], [channel], tmp_path).found


@pytest.mark.parametrize("name", ["./here", "http://", "ht!tp://x"])
def test_a_channel_that_nobody_understands(tmp_path: Path, name: str) -> None:
    error = refusal(["tool"], [name], tmp_path)
    assert error.code == "channel-invalid"
    assert name in error.found


def test_a_cache_that_cannot_be_written(channel: TinyChannel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refusal(["tool"], [channel], tmp_path / "file/cache").code == "cache-unwritable"


def test_what_is_likely_where_only_another_program_knows() -> None:
    plain = looser("__glibc 2.31")
    assert plain.endswith("or correct the target (it means __glibc 2.31)")
    assert looser("__glibc 2.31", ["python>=3.9,<4", "a==1.2", "b=1"], ["c"], "strict") == plain
    assert "drop the build strings" in looser("", ["a", "numpy=1.26.4=py311_0"])
    assert "build_channel_priority: disabled" in looser("", [], ["c", "d"], "strict")
    assert "build_channel_priority" not in looser("", [], ["c", "d"], "disabled")
