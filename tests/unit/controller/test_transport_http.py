# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transport http: the host fetches what the controller tells it, and auto sends what does not arrive by that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.action import fetch
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._source import told
from ansible_collections.airgap.conda.plugins.plugin_utils import _transport_auto
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Key, Missing
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_push import Push
from ansible_collections.airgap.conda.tests.unit.tiny_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, skip_flushes
from ansible_collections.airgap.conda.tests.unit.tiny_web import Handler, Web, served


class Fetch(fetch.ActionModule):
    """The action, on a host that is this process."""

    def __init__(self, **args: Any) -> None:
        self._task = SimpleNamespace(args=args, check_mode=False)
        self.warned: list[str] = []
        self._display = SimpleNamespace(warning=self.warned.append)

    def on_host(self, args: Any) -> dict[str, Any]:
        """Do what the module does."""
        return told.fetch(args["url"], args["ca"], args["missing"])


class Site:
    """A host that is missing a release of the controller's depot, which a web server has as well."""

    def __init__(self, host: Host, web: Web) -> None:
        self.host, self.web = host, web
        self.made: Made = host.make(1)
        self.parts = [part.name for part in self.made.manifest.payloads[0].parts]
        self.pushed: list[Missing] = []

    @property
    def incoming(self) -> Path:
        return self.host.store.incoming("demo", self.made.manifest.id)

    def there(self) -> set[str]:
        return {path.name for path in self.incoming.iterdir()} if self.incoming.is_dir() else set()

    @property
    def args(self) -> dict[str, Any]:
        step = {**self.made.step().to_dict(), "current": "", "missing": self.parts}
        return {"releases": [self.made.result], "steps": [step], "root": str(self.host.store.root)}

    def fetch(self, transport: str, url: str | None = None) -> Fetch:
        action = Fetch(**self.args, transport=transport, url=self.web.url if url is None else url)
        assert action.work({"inventory_hostname": "ws1"})["parts"] == self.parts
        return action


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    skip_flushes(monkeypatch)
    with served(tmp_path / "depot") as web:
        made = Site(Host(tmp_path), web)

        def push(_self: Push, missing: Sequence[Missing], _action: HostAction, _host: str) -> dict[Key, str]:
            made.pushed += missing
            return {key: Push.name for one in missing for key in one.sizes}

        monkeypatch.setattr(Push, "bring", push)
        yield made


def test_the_host_fetches_and_the_controller_sends_nothing(site: Site) -> None:
    for transport in ("http", "auto"):
        assert site.fetch(transport).warned == []
        assert site.there() == {MANIFEST, SIGNATURE, FILES, *site.parts}
    assert site.pushed == []
    assert site.incoming.stat().st_mode & 0o777 == 0o700


def test_without_a_url_auto_is_push_and_http_an_error(site: Site) -> None:
    site.fetch("auto", "")
    assert ([one.parts for one in site.pushed], site.web.asked) == ([site.pushed[0].parts], [])
    with pytest.raises(AirgapError) as caught:
        site.fetch("http", "")
    assert caught.value.code == "no-url"
    with pytest.raises(AirgapError) as caught:
        site.fetch("auto", "http://me:secret@h/d")
    assert caught.value.code == "url-unusable"


def test_what_is_damaged_on_the_server_is_told_and_by_auto_sent(site: Site) -> None:
    other = site.parts[1]

    def answer(handler: Handler) -> bool:
        if handler.path.endswith(other):
            handler.say(200, b"x" * 150)
        return handler.path.endswith(other)

    site.web.answers = answer
    with pytest.raises(AirgapError) as caught:
        site.fetch("http")
    assert (caught.value.code, caught.value.where.rpartition("/")[2]) == ("file-damaged", other)
    assert other not in site.there()  # the others may have been on their way
    action = site.fetch("auto")
    assert next(file.name for one in site.pushed for file in one.parts) == other
    assert len(action.warned) == 1
    assert "damaged" in action.warned[0]


def test_a_host_cannot_say_that_more_arrived_than_it_was_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"arrived": [["demo", "9-00000009", "x"], "y", [1]], "failure": {}}
    monkeypatch.setattr(Fetch, "on_host", lambda _self, _args: answer)
    with pytest.raises(AirgapError) as caught:
        site.fetch("http")
    assert caught.value.code == "send-failed"
    assert _transport_auto.Auto.name == "auto"
