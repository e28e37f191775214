# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every place in which the tools of a bastion keep secrets is known, and what is no secret is left alone."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._secrets import places as _secret_places
from ansible_collections.airgap.conda.plugins.module_utils._secrets.places import credentials_of, secrets_of
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

CANARY = "canary+7f3a9c"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with an empty home and no other variables, on a machine without configurations of its own."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    places = tuple(place for place in _secret_places.PLACES if not place.startswith("/"))
    monkeypatch.setattr(_secret_places, "PLACES", places)
    return tmp_path / "home"


VARIABLES = {
    "PIP_INDEX_URL": "https://me:canary%2B7f3a9c@host.example/simple",
    "PIP_EXTRA_INDEX_URL": "https://host.example/simple https://me:canary%2b7f3a9c@host.example/simple",
    "PIP_PROXY": "me:canary+7f3a9c@proxy.example:3128",
    "UV_INDEX_URL": "https://canary%2B7f3a9c@host.example/simple",
    "UV_DEFAULT_INDEX": "https://:canary+7f3a9c@host.example/simple",
    "UV_INDEX": "corp=https://me:canary+7f3a9c@host.example/simple",
    "UV_INDEX_CORP_PASSWORD": "canary+7f3a9c",
    "UV_PUBLISH_TOKEN": "canary+7f3a9c",
    "CONDA_CHANNELS": "https://host.example/t/canary+7f3a9c/main",
    "ANACONDA_API_TOKEN": "canary+7f3a9c",
    "http_proxy": "http://me:canary+7f3a9c@proxy.example:3128",
    "HTTPS_PROXY": "me:canary+7f3a9c@proxy.example:3128",
    "ALL_PROXY": "socks5h://me:canary+7f3a9c@proxy.example",
    "npm_config_proxy": "http://me:canary+7f3a9c@proxy.example:3128",
    "NPM_TOKEN": "canary+7f3a9c",
    "GIT_CONFIG_VALUE_0": f"AUTHORIZATION: basic {encoded('x-access-token:canary+7f3a9c')}",
    "TWINE_PASSWORD": "canary+7f3a9c",
    "AWS_SECRET_ACCESS_KEY": "canary+7f3a9c",
    "CI_JOB_TOKEN": "canary+7f3a9c",
    "GITHUB_PAT": "canary+7f3a9c",
    "ARTIFACTORY_KEY": "canary+7f3a9c",
    "SIGNING_KEY": "canary+7f3a9c",
    "DEPLOY_KEY": "canary+7f3a9c",
    "DBPASS": "canary+7f3a9c",
    "MYSQL_PWD": "canary+7f3a9c",
    "PROXY_CREDENTIALS": "canary+7f3a9c",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=canary+7f3a9c;",
    "AUTH_HEADER": "Bearer canary+7f3a9c",
    "GIT_CONFIG_PARAMETERS": "'http.extraheader=PRIVATE-TOKEN: canary+7f3a9c'",
    "DOCKER_AUTH_CONFIG": json.dumps({"auths": {"host": {"auth": encoded("me:canary+7f3a9c")}}}),
}
FILES = {
    ".config/pip/pip.conf": "[global]\nindex-url = https://me:canary%2B7f3a9c@host.example/simple\n",
    ".pip/pip.conf": "[global]\nproxy = me:canary+7f3a9c@proxy.example:3128\n",
    ".pypirc": "[pypi]\nusername = __token__\npassword = canary+7f3a9c\n",
    ".config/uv/uv.toml": '[[index]]\nurl = "https://canary%2B7f3a9c@host.example/simple"\n',
    ".local/share/uv/credentials/credentials.toml": '[[credential]]\nusername = "me"\npassword = "canary+7f3a9c"\n',
    ".condarc": "channels:\n  - https://host.example/t/canary+7f3a9c/main\n",
    ".conda/.condarc": "proxy_servers:\n  https: https://me:canary+7f3a9c@proxy.example\n",
    ".config/conda/condarc.d/corp.yml": "channel_alias: https://me:canary+7f3a9c@host.example\n",
    ".mamba/auth/authentication.json": json.dumps(
        {"host": {"type": "BasicHTTPAuthentication", "user": "me", "password": encoded("canary+7f3a9c")}}
    ),
    ".continuum/anaconda-client/tokens/https%3A%2F%2Fhost.token": "canary+7f3a9c",
    ".anaconda/keyring": json.dumps(
        {"Anaconda Cloud": {"host": encoded(json.dumps({"domain": "host", "api_key": CANARY}))}}
    ),
    ".rattler/credentials.json": '{"host.example": {"BearerToken": "canary+7f3a9c"}}',
    ".pixi/config.toml": '[proxy-config]\nhttps = "http://me:canary+7f3a9c@proxy.example"\n',
    ".git-credentials": "https://me:canary%2b7f3a9c@git.example\n",
    ".gitconfig": '[url "https://canary%2B7f3a9c@git.example/"]\n\tinsteadOf = https://git.example/\n',
    ".config/git/config": "[http]\n\textraHeader = Authorization: Bearer canary+7f3a9c\n",
    ".config/gh/hosts.yml": "github.com:\n    oauth_token: canary+7f3a9c\n",
    ".config/glab-cli/config.yml": "hosts:\n  gitlab.com:\n    token: canary+7f3a9c\n",
    ".npmrc": "//registry.example/:_authToken=canary+7f3a9c\n",
    ".yarnrc.yml": f'npmAuthIdent: "{encoded("me:canary+7f3a9c")}"\n',
    ".netrc": 'machine host.example\n  login me\n  password "canary+7f3a9c"\n',
    "_netrc": "default login me password canary+7f3a9c",
    ".docker/config.json": json.dumps({"auths": {"host": {"auth": encoded("me:canary+7f3a9c")}}}),
    ".config/containers/auth.json": json.dumps({"auths": {"host": {"identitytoken": "canary+7f3a9c"}}}),
    ".curlrc": 'proxy-user = "me:canary+7f3a9c"\n',
    ".wgetrc": "http_password = canary+7f3a9c\n",
    ".aws/credentials": "[default]\naws_access_key_id = AKIA\naws_secret_access_key = canary+7f3a9c\n",
    ".cache/huggingface/token": "canary+7f3a9c\n",
    ".kaggle/kaggle.json": '{"username": "me", "key": "canary+7f3a9c"}',
    ".kaggle/access_token": "canary+7f3a9c\n",
    ".config/pdm/config.toml": '[repository.corp]\nusername = "me"\npassword = "canary+7f3a9c"\n',
    ".config/hub": "github.com:\n- user: me\n  oauth_token: canary+7f3a9c\n",
    ".bunfig.toml": '[install.registry]\ntoken = "canary+7f3a9c"\n',
    ".pgpass": "host:5432:*:me:canary+7f3a9c\n",
    ".my.cnf": "[client]\npassword = canary+7f3a9c\n",
    ".Renviron": "CORP_PAT=canary+7f3a9c\n",
    ".kube/config": "users:\n- user:\n    token: canary+7f3a9c\n",
    ".vault-token": "canary+7f3a9c",
    ".m2/settings.xml": "<server><password>canary+7f3a9c</password></server>",
    ".databrickscfg": "[DEFAULT]\ntoken = canary+7f3a9c\n",
    ".aws/sso/cache/a.json": '{"accessToken": "canary+7f3a9c"}',
}


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", VARIABLES)
def test_what_a_variable_holds_is_known(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert credentials_of(None) == ()
    monkeypatch.setenv(name, VARIABLES[name])
    assert CANARY in credentials_of(None)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("name", "value"),
    [("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"), ("SSH_PUBLIC_KEY", "AAAAC3NzaC1lZDI1"),
     ("SORT_KEY", "name"),
     ("OLDPWD", "/nowhere/7f3a9c"), ("BYPASS", "true")],
)  # fmt: skip
def test_what_only_sounds_like_a_secret_is_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert credentials_of(None) == ()


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_holds_is_known(home: Path, name: str) -> None:
    write_tree(home, {name: FILES[name]})
    assert CANARY in credentials_of(None)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", [*_secret_places.NAMED, *_secret_places.FOLDERS])
def test_what_a_variable_names_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    inside = _secret_places.FOLDERS.get(name, ("named",))[-1].replace("*", "any")
    content = {"token": CANARY, "stored_tokens": f"hf_token = {CANARY}"}.get(inside, f"password = {CANARY}\n")
    content = {
        "NETRC": f"machine host password {CANARY}",
        "HF_TOKEN_PATH": CANARY,
        "PGPASSFILE": f"*:*:*:me:{CANARY}",
    }.get(name, content)
    if name == "RATTLER_AUTH_FILE":
        content = json.dumps({"host": {"CondaToken": CANARY}})
    write_tree(tmp_path / "elsewhere", {inside: content})
    (tmp_path / "elsewhere" / inside).chmod(0o600)
    named = tmp_path / "elsewhere" if name in _secret_places.FOLDERS else tmp_path / "elsewhere" / inside
    monkeypatch.setenv(name, str(named))
    assert CANARY in credentials_of(None)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("XDG_CONFIG_HOME", "pip/pip.conf"), ("XDG_DATA_HOME", "uv/credentials/credentials.toml"),
        ("XDG_CONFIG_DIRS", "pip/pip.conf"), ("XDG_RUNTIME_DIR", "containers/auth.json"),
    ],
)  # fmt: skip
def test_the_base_folders_of_a_desktop_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, place: str
) -> None:
    write_tree(tmp_path / "xdg", {place: f'password = "{CANARY}"'})
    monkeypatch.setenv(variable, str(tmp_path / "xdg"))
    assert CANARY in credentials_of(None)


def test_what_git_takes_in_is_read_too(home: Path) -> None:
    tree = {
        ".gitconfig": "[include]\n  path = more\n[credential]\n  helper = store --file ~/stored\n",
        "more": "[include]\n path = .gitconfig\n[http]\n extraheader = Authorization: token from-inc1ude\n",
        "stored": "https://me:from-st0red@git.example\n",
    }
    write_tree(home, tree)
    assert {"from-inc1ude", "from-st0red"} <= set(credentials_of(None))


@pytest.mark.usefixtures("home")
def test_credentials_come_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VALUE", "from-environment")
    data = {
        "a.example": {"BasicHTTP": {"username": "somebody-special", "password": "from/file"}},
        "b.example": {"BearerToken": "${VALUE}"},
        "c.example": {"CondaToken": "short"},
    }
    (tmp_path / "auth.json").write_text(json.dumps(data), encoding="ascii")
    (tmp_path / "auth.json").chmod(0o600)
    found = set(credentials_of(str(tmp_path / "auth.json")))
    assert {"from/file", "from-environment", "short", encoded("somebody-special:from/file")} == found
    (tmp_path / "auth.json").write_text("{", encoding="ascii")
    with raised("credentials-unusable"):
        credentials_of(str(tmp_path / "auth.json"))


def test_a_short_password_is_known_as_it_is_sent_too(home: Path) -> None:
    write_tree(home, {".netrc": "machine host login me password geh3m\n"})
    assert credentials_of(None) == (encoded("me:geh3m"), "geh3m")


def test_what_is_quoted_is_known_without_quotes_and_with_them(home: Path) -> None:
    write_tree(home, {".netrc": 'machine host password "ge\\"heim wort 1"\n'})
    assert {'ge"heim wort 1', 'ge\\"heim wort 1'} <= set(credentials_of(None))


@pytest.mark.parametrize(
    "text",
    [
        "https://host.example/simple", "git@git.example:me/a.git", "ssh://git@git.example/a", "https://me@host.example/",
        "https://x-oauth-basic@git.example/", "keyring-provider = import", "add_anaconda_token: true",
        "always-auth=true", "https://me:${PASSWORD}@host.example/", "https://host.example:8080/a/b@c",
        "token_uri: https://host.example/token", "TOKENIZERS_PARALLELISM=false", "credsStore: desktop",
        "aws_access_key_id = AKIA", "author = me",
    ],
)  # fmt: skip
def test_what_is_no_secret_is_left_alone(home: Path, text: str) -> None:
    write_tree(home, {".condarc": text, ".config/uv/uv.toml": text})
    assert credentials_of(None) == ()


def test_what_cannot_be_read_is_passed_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(home, {".condarc": b"\xff\xfe\x00", ".netrc": None})
    os.mkfifo(home / ".npmrc")
    (home / ".pypirc").symlink_to("nowhere")
    (home / ".gitconfig").symlink_to(".gitconfig")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/zero")
    monkeypatch.setenv("SESSION_TOKEN", str(home))
    monkeypatch.setenv("PWD", "/not/there")
    assert credentials_of(None) == ()


def test_several_secrets_of_one_text_are_all_found() -> None:
    text = "a = https://me:first%201@a\nb: https://you:second@b/t/third/c\npassword: 'four th'\n"
    assert {"first 1", "second", "third", "four th"} <= secrets_of(text)
