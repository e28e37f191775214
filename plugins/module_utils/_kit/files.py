# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that a drive has for a workstation without a controller, besides the releases: install.sh and the folder kit."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import command_file
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._first.install import FORMATS_OF_SHELL, programs
from ansible_collections.airgap.conda.plugins.module_utils._kit.script import install_sh, keys_of
from ansible_collections.airgap.conda.plugins.module_utils._source.signers import signers_text
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

INSTALL_SH, FOLDER = "install.sh", "kit"
# What a page is called: a name that every file system keeps.
PAGE = re.compile(r"[a-z0-9-]{1,60}")
# A link to another page, as Markdown has it; what follows # stays out, since a page has no anchors.
_LINK = re.compile(r"\[([^\]]+)\]\(([a-z0-9-]+)\.md(?:#[^)\n]*)?\)")
_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><pre>
{text}</pre></body></html>
"""


def kit_files(releases: Sequence[Release], signers: str, folder: str, pages: Mapping[str, str]) -> dict[str, bytes]:
    """Return path on the drive -> content, for the drive whose ``folder`` has these releases.

    ``signers`` is the text of an ``allowed_signers``, ``pages`` the guides in Markdown, by name without suffix. Raises
    AirgapError when a workstation could not start from this.
    """
    runtimes = [release for release in releases if release.env == RUNTIME]
    if not runtimes:
        raise _unfit(
            "a release of runtime among them, which is what install.sh brings first",
            ", ".join(map(str, releases)) or "no release",
            "build runtime, or add it to media_envs",
            "kit-no-runtime",
        )
    runtime = max(runtimes, key=lambda release: release.serial)
    if runtime.payload(FORMATS_OF_SHELL) is None:
        raise _unfit(
            f"{runtime} as {' or '.join(FORMATS_OF_SHELL)}, which sh can unpack",
            ", ".join(payload.format for payload in runtime.payloads) or "no payload",
            f"add {FORMATS_OF_SHELL[-1]} to formats in release.yml of runtime and build again",
            "kit-no-payload",
        )
    others = [f"{release} for {release.root}" for release in releases if release.root != runtime.root]
    if others:
        raise _unfit(
            f"releases for {runtime.root} only, as {runtime} is",
            ", ".join(others),
            "build them all with one build_root, or leave these out: media_envs, media_releases",
            "kit-two-roots",
        )
    if not keys_of(signers):
        raise _unfit(
            "the public keys that a workstation is to trust",
            "none in the allowed signers, or no list of them",
            "set deploy_allowed_signers (media_allowed_signers) to the list of trusted keys",
            "kit-no-keys",
        )
    ours: dict[str, bytes] = {"airgap-envs": command_file(Store(Path(runtime.root))), **programs(runtime.root)}
    text = install_sh(runtime, [runtime, *(one for one in releases if one is not runtime)], signers, folder, ours)
    ours["allowed_signers"] = signers_text(signers).encode()
    for name, page in pages.items():
        if not PAGE.fullmatch(name):
            raise _unfit("pages with plain names", repr(name), "give the page another name", "kit-page-name")
        ours[f"docs/{name}.txt"] = page.encode()
        ours[f"docs/{name}.html"] = _page(page, pages).encode()
    return {INSTALL_SH: text.encode(), **{f"{FOLDER}/{name}": content for name, content in ours.items()}}


def _page(text: str, pages: Mapping[str, str]) -> str:
    """Return a page of HTML that shows Markdown as it is written, with links between the pages."""

    def link(match: re.Match[str]) -> str:
        return f'<a href="{match[2]}.html">{match[1]}</a>' if match[2] in pages else match[0]

    title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), "airgap.conda")
    return _PAGE.format(title=html.escape(title), text=_LINK.sub(link, html.escape(text, quote=False)))


def _unfit(wanted: str, found: str, remedy: str, code: str) -> AirgapError:
    return AirgapError(
        "No kit for a workstation can be made of these releases",
        wanted=wanted,
        found=found,
        where="the releases that are exported (media_kit)",
        remedy=remedy,
        code=code,
    )
