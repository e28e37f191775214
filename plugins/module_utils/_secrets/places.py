# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the tools of a bastion keep passwords and tokens, and which are there: a release must carry none of them.

Whatever a tool reads by itself counts, used in this build or not. Variables and files are read as what they have in
common, not tool by tool: addresses with credentials, settings whose name says what they are, netrc, and headers.
"""

from __future__ import annotations

import base64
import binascii
import glob
import json
import os
import re
import stat
from collections.abc import Iterator
from urllib.parse import unquote

from ansible_collections.airgap.conda.plugins.module_utils._secrets.forms import is_weak
from ansible_collections.airgap.conda.plugins.module_utils._secrets.settings import NAME
from ansible_collections.airgap.conda.plugins.module_utils._solve.credentials import known_secrets

# Files, with what the XDG variables name in braces. Those of the machine begin with a slash.
PLACES = (
    # pip, twine, uv, Poetry, PDM, Hatch
    "{config}/pip/pip.conf", "~/.pip/pip.conf", "~/.pypirc", "{config}/uv/uv.toml", "{data}/uv/credentials/*",
    "{config}/pypoetry/*.toml", "{config}/pdm/config.toml", "{config}/hatch/config.toml", "/etc/pip.conf",
    "/etc/xdg/pip/pip.conf", "/etc/uv/uv.toml", "/etc/xdg/uv/uv.toml",
    # conda, mamba, anaconda-client
    "~/.condarc", "~/.conda/.condarc", "~/.conda/condarc", "~/.conda/condarc.d/*", "{config}/conda/.condarc",
    "{config}/conda/condarc", "{config}/conda/condarc.d/*", "/etc/conda/.condarc", "/etc/conda/condarc",
    "/etc/conda/condarc.d/*", "/var/lib/conda/.condarc", "/var/lib/conda/condarc", "/var/lib/conda/condarc.d/*",
    "~/.mambarc", "~/.mamba/.mambarc", "~/.mamba/auth/*.json", "{config}/mamba/.mambarc",
    "~/.continuum/anaconda-client/tokens/*", "{data}/binstar/*.token", "{data}/anaconda-client/tokens/*",
    "~/.anaconda/*",
    # rattler, pixi
    "~/.rattler/credentials.json", "{config}/rattler/config.toml", "~/.pixi/config.toml",
    "{config}/pixi/config.toml", "/etc/pixi/config.toml",
    # git and those who serve it
    "~/.git-credentials", "{config}/git/credentials", "~/.gitconfig", "{config}/git/config", "/etc/gitconfig",
    "{config}/gh/hosts.yml", "{config}/glab-cli/config.yml", "{config}/hub", "{config}/tea/config.yml",
    "~/.jfrog/*.conf*", "{config}/composer/auth.json",
    # npm, yarn, bun, pnpm
    "~/.bunfig.toml", "{config}/pnpm/rc", "~/.npmrc", "~/.yarnrc", "~/.yarnrc.yml", "/etc/npmrc", "/usr/etc/npmrc",
    "/usr/local/etc/npmrc",
    # netrc, apt
    "~/.netrc", "~/_netrc", "/etc/apt/auth.conf", "/etc/apt/auth.conf.d/*", "/etc/apt/apt.conf",
    "/etc/apt/apt.conf.d/*",
    # podman, docker
    "{runtime}/containers/auth.json", "{config}/containers/auth.json", "~/.docker/config.json", "~/.dockercfg",
    # databases, clusters, other languages' packages
    "~/.pgpass", "~/.my.cnf", "~/.kube/config", "~/.terraformrc", "~/.terraform.d/credentials.tfrc.json",
    "~/.vault-token", "~/.cargo/credentials", "~/.cargo/credentials.toml", "~/.m2/settings.xml",
    "~/.gradle/gradle.properties", "~/.Renviron",
    # proxies
    "~/.curlrc", "{config}/curlrc", "~/.wgetrc", "/etc/wgetrc", "~/.aria2/aria2.conf", "/etc/environment",
    "/etc/profile.d/*.sh", "{config}/environment.d/*.conf",
    # clouds, Hugging Face
    "~/.aws/credentials", "~/.aws/config", "~/.aws/sso/cache/*.json", "~/.azure/*.json", "~/.oci/config", "~/.boto",
    "~/.s3cfg", "{config}/rclone/rclone.conf", "~/.databrickscfg", "{config}/wandb/settings",
    "~/.kaggle/access_token", "{config}/gcloud/application_default_credentials.json", "{cache}/huggingface/token",
    "{cache}/huggingface/stored_tokens", "~/.huggingface/token", "~/.kaggle/kaggle.json",
)  # fmt: skip
# Variables that name such a file, and those that name a folder with one.
NAMED = (
    "PIP_CONFIG_FILE", "UV_CONFIG_FILE", "CONDARC", "MAMBARC", "NETRC", "RATTLER_AUTH_FILE", "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM", "NPM_CONFIG_USERCONFIG", "npm_config_userconfig", "NPM_CONFIG_GLOBALCONFIG",
    "REGISTRY_AUTH_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS",
    "HF_TOKEN_PATH", "WGETRC", "PGPASSFILE", "KUBECONFIG", "R_ENVIRON_USER", "BOTO_CONFIG", "DATABRICKS_CONFIG_FILE",
)  # fmt: skip
FOLDERS = {
    "CONDA_ROOT": (".condarc", "condarc", "condarc.d/*"), "CONDA_PREFIX": (".condarc", "condarc", "condarc.d/*"),
    "MAMBA_ROOT_PREFIX": (".condarc", "condarc", "condarc.d/*", ".mambarc"), "VIRTUAL_ENV": ("pip.conf",),
    "PIXI_HOME": ("config.toml",), "UV_CREDENTIALS_DIR": ("*",), "DOCKER_CONFIG": ("config.json",),
    "CURL_HOME": (".curlrc",), "HF_HOME": ("token", "stored_tokens"),
}  # fmt: skip
_XDG = {
    "config": ("XDG_CONFIG_HOME", "~/.config"),
    "data": ("XDG_DATA_HOME", "~/.local/share"),
    "cache": ("XDG_CACHE_HOME", "~/.cache"),
    "runtime": ("XDG_RUNTIME_DIR", "/run/user/{uid}"),
}
# Bytes of one such file. Larger ones are something else.
LIMIT = 4 << 20
# Characters that a credential has at least.
SHORTEST = 3
# Conventional placeholders of passwords, and values that mean no password.
NONE = frozenset(
    {"x-oauth-basic", "anonymous", "true", "false", "yes", "no", "none", "null", "always", "never", "auto"}
)

# A password may contain a / that was not written as %2F; text that looks like a port and a path is not a password.
_USERINFO = re.compile(r"://([^/@:\s'\"]*)(?::([^/\s'\"]*|(?!\d{1,5}/)[^@\s'\"]*))?@")
_CHANNEL = re.compile(r"://[^\s/'\"]+/t/([^/\s'\"]+)")
_PROXY = re.compile(r"(?i)proxy[\w-]*[\"']?[\s=:]+[\"']?(?!\w+://)([^\s:@/'\"]+):([^\s'\"]+)@")
_CURL = re.compile(r"(?im)^\s*-*(?:proxy-?)?(?:user\s*[=:\s]|u\s)\s*[\"']?([^\s:\"']+):([^\s\"']+)")
_HEADER = re.compile(r"(?i)(?:authorization|auth_header)[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token)\s+([^\s\"']+)")
_QUOTED = r"\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'"
_NETRC = re.compile(rf"(?:\blogin\s+({_QUOTED}|\S+)\s+)?\bpassword\s+({_QUOTED}|\S+)")
_SETTING = re.compile(rf"(?i)(?:{NAME}|bearer)[\"']?\s*[=:]\s*({_QUOTED}|[^\s,;'\"{{}}\[\]]+)")
_ELEMENT = re.compile(rf"(?i){NAME}>([^<\s]+)</")
_SECRET_VARIABLE = re.compile(rf"(?i)(?:{NAME}|pass|(?<!old)(?<=.)pwd|credentials?|cookie)$")
# A key may be many things; a long one with digits is meant to be kept, but for those that name who signs.
_KEY_VARIABLE = re.compile(r"(?i)(?<!gpg)(?<!public)[_.-]key$")
# A header of a request whose name says it.
_OTHER_HEADER = re.compile(
    r"(?i)header[\"']?\s*[=:]\s*[\"']?[\w-]*(?:key|token|auth|api|cookie|secret)[\w-]*:\s*([^\s\"']+)"
)
_ENCODED = re.compile(r"\"([A-Za-z0-9+/_-]{24,}={0,2})\"")
# host:port:database:user:password of .pgpass
_PGPASS = re.compile(r"(?m)^(?!#)(?:[^:\\\n]|\\.)*(?::(?:[^:\\\n]|\\.)*){3}:(\S+)$")
# What a git configuration takes in, and where its store of credentials is.
_GIT_FILES = re.compile(r"(?m)store\s+--file[=\s]+[\"']?([^\s\"']+)|^\s*path\s*=\s*[\"']?([^\s\"']+)")


def credentials_of(file: str | None) -> tuple[str, ...]:
    """Return the passwords and tokens that this build may have used: of the file of credentials, and of this machine.

    A short password that goes with a user is there a second time, as base64 of both: as it is sent.
    """
    found = known_secrets(file)
    for name, value in os.environ.items():
        found |= secrets_of(f"{name}={value}\n")
        if _SECRET_VARIABLE.search(name) or (_KEY_VARIABLE.search(name) and _is_token(value)):
            found |= _with_decoded(value)
    for name, text in _texts():
        found |= secrets_of(text)
        if re.search(r"netrc|auth\.conf", name.lower()) or name == os.environ.get("NETRC"):
            found |= {part for match in _NETRC.finditer(text) for part in _netrc(match[1], match[2])}
        if name.endswith("pgpass") or name == os.environ.get("PGPASSFILE"):
            found |= set(_PGPASS.findall(text))
        if name.endswith("/kaggle.json"):
            found |= set(re.findall(r"\"key\"\s*:\s*\"([^\"]+)\"", text))
        if name.endswith("token") or name == os.environ.get("HF_TOKEN_PATH"):
            found.add(text.strip())
    return tuple(sorted(text for text in found if _is_secret(text)))


def secrets_of(text: str) -> set[str]:
    """Return the passwords and tokens in a configuration, or in a variable written as one line of it."""
    found = set()
    for match in _USERINFO.finditer(text):
        user, password = unquote(match[1]), unquote(match[2] or "")
        found |= _pair(user, password) if password else {user} if _is_token(user) else set()
    found |= {unquote(match[1]) for match in _CHANNEL.finditer(text)}
    for pattern in (_PROXY, _CURL):
        for match in pattern.finditer(text):
            found |= _pair(unquote(match[1]), unquote(match[2]))
    for match in _HEADER.finditer(text):
        found |= _with_decoded(match[1])
    for match in _SETTING.finditer(text):
        for value in _unquoted(match[1]):
            found |= _with_decoded(value)
    found |= {match[1] for match in _OTHER_HEADER.finditer(text) if _is_token(match[1])}
    found |= {match[1] for match in _ELEMENT.finditer(text)}
    for match in _ENCODED.finditer(text):
        for inner in _with_decoded(match[1]) - {match[1]}:
            found |= secrets_of(inner) if inner.startswith("{") else set()
    return {value for value in found if not value.startswith(("${", "<", "{"))}


def _texts() -> Iterator[tuple[str, str]]:
    """Yield name and text of each place that is there and can be read, and of those that git's name."""
    folders = {
        key: os.environ.get(variable) or default.format(uid=os.getuid()) for key, (variable, default) in _XDG.items()
    }
    patterns = [place.format(**folders) for place in PLACES]
    patterns += [os.environ[name] for name in NAMED if os.environ.get(name)]
    patterns += [
        f"{os.environ[name]}/{place}" for name, places in FOLDERS.items() if os.environ.get(name) for place in places
    ]
    patterns += [
        f"{folder}/{place}"
        for folder in os.environ.get("XDG_CONFIG_DIRS", "").split(":") if folder
        for place in ("pip/pip.conf", "uv/uv.toml")
    ]  # fmt: skip
    seen: set[str] = set()
    for pattern in patterns:
        for name in sorted(glob.glob(os.path.expanduser(pattern))):
            more = [name]
            while more:
                file = more.pop()
                if file in seen:
                    continue
                seen.add(file)
                text = _text(file)
                yield file, os.path.expandvars(text)
                if "[include" in text or "[credential" in text:
                    named = [first or second for first, second in _GIT_FILES.findall(text)]
                    more += [os.path.join(os.path.dirname(file), os.path.expanduser(path)) for path in named]


def _text(name: str) -> str:
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            return ""
        with open(name, encoding="utf-8", errors="replace") as stream:
            return stream.read(LIMIT)
    except OSError:
        return ""


def _pair(user: str, password: str) -> set[str]:
    both = {base64.b64encode(f"{user}:{password}".encode()).decode()} if is_weak(password) else set()
    return {password} | both


def _netrc(user: str | None, password: str) -> set[str]:
    # Whether quotes belong to the value is told differently by curl, and by Python before and since 3.11.
    users = _unquoted(user) if user else [""]
    return {part for value in _unquoted(password) for name in users for part in _pair(name, value)}


def _unquoted(value: str) -> list[str]:
    """Return what a value may mean: without its quotes and escapes, and for one without escapes as it is there too."""
    if value[:1] not in "\"'" or len(value) < 2:
        return [value]
    inner = value[1:-1]
    try:
        plain = json.loads(value) if value[0] == '"' else inner
    except ValueError:
        plain = re.sub(r"\\(.)", r"\1", inner)
    return [plain, inner] if plain != inner else [inner]


def _with_decoded(value: str) -> set[str]:
    """Return a value, and what it is the base64 of: docker and npm write user:password or a password like that."""
    found = {value}
    try:
        text = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return found
    if len(text) >= SHORTEST and text.isprintable():
        found |= {text, text.partition(":")[2]}
    return found


def _is_secret(text: str) -> bool:
    is_path = text.startswith(("/", "~")) and os.path.exists(os.path.expanduser(text))
    return len(text) >= SHORTEST and text.lower() not in NONE and not is_path


def _is_token(user: str) -> bool:
    """Return whether a user without a password is a token. A name is not: it occurs in paths and URLs."""
    has_digit = any(char.isdigit() for char in user)
    return "@" not in user and (len(user) >= 20 or (len(user) >= 8 and has_digit and any(map(str.isalpha, user))))
