# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shapes of secrets, in text of eight and sixteen bits, and what only looks like one."""

from __future__ import annotations

import codecs

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._secrets.shapes import (
    KINDS,
    SETTING,
    TOKEN,
    narrowed,
    shapes_in,
)

# Each is put together here, so that no scanner of this repository takes it for real.
KEY = "PRIVATE " + "KEY"
MIXED = "a1B2c3D4e5F6g7H8i9J0"
EXAMPLES = {
    "a password in a URL": [
        "https://me:" + "pa55word@host.example/simple",
        "http://:" + "pa55word@proxy.example:3128",
        "socks5h://me:" + "pa%2b55@proxy",
    ],
    "a token in a URL": [
        "https://" + MIXED + "@host.example/simple",
        "git+https://" + "tok3n-abc@git.example/a.git",
        "https://" + "abcdefghijklmnopqrstuvwxyz@host.example",
    ],
    "a token in the URL of a channel": ["https://host.example/t/" + "ab-1234/private"],
    "a private key": [
        f"-----BEGIN {KEY}-----",
        f"-----BEGIN OPENSSH {KEY}-----",
        f"-----BEGIN ENCRYPTED {KEY}-----",
        f"-----BEGIN PGP {KEY} BLOCK-----",
        "PuTTY-User-Key-" + "File-3: ssh-ed25519",
        "AGE-SECRET-" + "KEY-1" + "Q" * 58,
        f"---- BEGIN SSH2 ENCRYPTED {KEY} ----",
        "untrusted comment: minisign encrypted " + "secret key\nRWRTY0Iy",
        "(21:protected-private-" + "key(3:ecc(",
        "[Interface]\nPrivate" + "Key = " + MIXED * 2 + "abc=",
        '{"kty": "EC", "crv": "P-256", "d": "' + MIXED * 2 + 'abc"}',
    ],
    "an AWS access key": ["AKIA" + "Z2J4QK7MXTRVN3PD", "ASIA" + "Z2J4QK7MXTRVN3PD"],
    "an AWS secret key": [
        "aws_secret_access_key = " + MIXED * 2,
        '"SecretAccessKey": "' + MIXED * 2 + '"',
        "AWS_SESSION_TOKEN=" + MIXED * 9,
    ],
    "a GitHub token": ["ghp_" + "a1B2" * 9, "ghs_" + "a1B2" * 9, "github_pat_" + "a1B2_" * 16],
    "a GitLab token": ["glpat-" + MIXED, "gldt-" + MIXED, "glrt-" + MIXED, "GR1348941" + MIXED],
    "a PyPI token": ["pypi-Ag" + "EIcHlwaS5vcmcCJ" * 3],
    "an npm token": [
        "npm_" + "a1B2" * 9,
        "//registry.example/:_authToken=" + MIXED,
        "//registry.example/:_password=" + MIXED,
    ],
    "an Anaconda token": ["ab-" + "01234567-89ab-cdef-0123-456789abcdef"],
    "a Hugging Face token": ["hf_" + "aB" * 17, "api_org_" + "aB" * 17],
    "the authorization of a request": [
        "Authorization: Basic " + "bWU6cGE1NXdvcmQ=",
        'authorization = "Bearer ' + MIXED + '"',
        "extraheader = AUTHORIZATION: basic " + "eDpwYTU1d29yZA==",
        '{"auths": {"h": {"auth": "' + 'bWU6cGE1NXdvcmQ="}}}',
    ],
    "a URL with a signature": [
        "https://a.blob.example/c?sv=2022&sig=" + MIXED * 2 + "ab%2B%3D",
        "https://b.s3.example/k?X-Amz-Signature=" + "0a" * 32,
    ],
    "a hashed password": ["me:$6$" + "salt$" + MIXED * 4, "me:$apr1$" + "a1B2c3D4$" + MIXED + "ab"],
    "a password for netrc": [
        "machine host.example\n  login me\n  password " + "geheim",
        'default login me password "' + 'ge heim"',
        "machine host.example password " + "geheim",
    ],
    "a token of a service": [
        "xoxb-" + "1234567890-abcdef",
        "sk_live_" + MIXED,
        "AIza" + "aB" * 17 + "c",
        "dckr_pat_" + MIXED,
        "dapi" + "0a" * 16,
        "hvs." + MIXED * 2,
        "pfx_" + MIXED,
        "xapp-" + "1-A0B1C2D3E4F-1234567890123-" + MIXED,
        "https://hooks.slack.com/" + "workflows/T0/A0/1/" + MIXED,
        "sk-" + "or-v1-" + "0a" * 32,
        "sk-" + "admin-" + MIXED,
        "sk-" + "a1B2" * 12,
        "sk-" + "0a" * 16,
        "gsk_" + MIXED * 2,
        "nvapi-" + MIXED * 3,
        "lsv2_pt_" + "0a" * 16 + "_0123456789",
        "a1B2c3D4e5F6g7." + "atlasv1." + MIXED * 3,
        "shpat_" + "0a" * 16,
        "SharedAccess" + "Key=" + MIXED * 2 + "abc=",
        "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0In0." + MIXED,
    ],
}
# No service that is known; a word in front, and many characters at random.
FORMS = ["corp_" + MIXED * 2, "new-service-v1-" + MIXED * 2 + "a"]
ANYWHERE = [
    "export WANDB_API_KEY=" + "0a" * 20,
    "DB_PASSWORD='c0rrect-horse' psql",
    "setenv DB_PASSWORD c0rrect-horse",
    "set -gx DB_PASSWORD c0rrect-horse",
    "Environment=DB_PASSWORD=c0rrect-horse",
    'password = "c0rrect-horse"',
    "os.environ['DB_PASSWORD'] = 'c0rrect-horse'",
    'Sys.setenv(GITHUB_PAT="' + "0a" * 20 + '")',
    '{"source": ["api_key = \\"' + MIXED + '\\""]}',
    "tool --password c0rrect-horse --verbose",
    "tool --token=" + MIXED,
    "curl -u me:c0rrect-horse https://host.example",
    "sshpass -p c0rrect-horse ssh host",
    'curl -H "X-API-Key: ' + MIXED + '" https://host.example',
    "PRIVATE-TOKEN: " + MIXED,
    "jdbc:postgresql://host/db?user=me&password=c0rrect-horse",
]
FILES = {
    ".env.production": "DB_PASSWORD=geheim\n",
    ".Renviron": "DB_PASSWORD=geheim\n",
    ".pgpass": "host:5432:*:me:geheim\n",
    ".my.cnf": "[client]\npassword=geheim\n",
    "kubeconfig": "user:\n  token: geheim\n",
    "main.tf": 'password = "geheim"\n',
    "a.tfvars": 'db_password = "geheim"\n',
    "settings.xml": "<password>geheim</password>",
    "NuGet.config": '<add key="ClearTextPassword" value="geheim" />',
    "rclone.conf": "[r]\npass = geheim\n",
    "odbc.ini": "PWD=geheim\n",
    "a.yml": "password: >-\n  geheim\n",
    "b.yml": "secret-access-key: geheim\n",
    "c.yml": 'password: "a#b;c,d(e)"\n',
    "a.env": "PASSWORD=pa$$word\n",
    "a.json": '{"config": "{\\"password\\": \\"geheim\\"}"}',
}
SETTINGS = [
    "[pypi]\nusername = me\npassword = geheim\n",
    "export DB_PASSWORD='geheim'",
    '{"env_vars": {"API_TOKEN": "geheim"}}',
    "client_secret: geheim",
    "proxy-passwd=geheim;",
]
NONE = [
    "https://user:${PASSWORD}@host/simple",
    "https://user:<password>@host/simple",
    "https://user:***@host/simple",
    "https://host/t/<TOKEN>/channel",
    "https://host/t/{token}/channel",
    "https://forum.example.org/t/how-to-do-it/12",
    "https://forum.example.org/t/how-to-do-it/12/3",
    "https://host.example/simple/",
    "https://me@host.example/simple",
    "https://${TOKEN}@host.example/simple",
    "git+ssh://git@host/repository",
    "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "-----BEGIN PUBLIC KEY-----",
    "ghp_short",
    "a@b.example: c",
    "machine host login me password ${PASSWORD}",
    "the password is\n",
    '"eos_token": "</s>",',
    '"pad_token": "[PAD]",',
    "token: null",
    "- tiktoken=0.5.1",
    "- tiktoken==0.5.1",
    "- tiktoken>=0.5",
    "- tiktoken=0.5.1=py311h1234567_0",
    "tiktoken = '^0.5'",
    "max_token = 4096",
    "password = getpass.getpass()",
    "password: ''",
]


PROGRAMS = [
    "password = getpass.getpass(prompt1)",
    "token = self.tokens[0]",
    'token: "access_token"',
    '"password": "password1"',
    "api_key=os.environ['API_KEY_2']",
    "parser.add_argument('--token', default='bearer2')",
    "secret_key = 'your-secret-key-123'",
    "tool --password PASSWORD2 --verbose",
    "('private_key', 'openssl_x509_check')",
    "lib_aB3xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sha256_" + "0a" * 32,
]


def test_every_kind_has_an_example() -> None:
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in EXAMPLES.items() for text in texts])
def test_the_shape_of_a_secret_is_found(kind: str, text: str) -> None:
    assert kind in shapes_in(f"setting {text}\n".encode(), "share/doc")


@pytest.mark.parametrize("text", SETTINGS)
@pytest.mark.parametrize("name", ["etc/own.cfg", "home/.pypirc", "conda-meta/state", "a.yml", ".aws/credentials"])
def test_a_password_in_a_configuration_is_found(name: str, text: str) -> None:
    assert shapes_in(text.encode(), name) == [SETTING]
    assert shapes_in(text.encode(), "lib/program.py") == []


@pytest.mark.parametrize("text", ANYWHERE)
def test_a_password_is_found_in_programs_and_notes_too(text: str) -> None:
    assert shapes_in(b"x = 1\n" * 300 + text.encode() + b"\n" + b"x = 2\n" * 300, "share/notes") == [SETTING]


@pytest.mark.parametrize("name", FILES)
def test_a_password_is_found_in_the_files_of_many_programs(name: str) -> None:
    assert shapes_in(FILES[name].encode(), f"home/{name}") == [SETTING]


@pytest.mark.parametrize("text", FORMS)
def test_what_has_the_form_of_a_token_is_found(text: str) -> None:
    assert shapes_in(f"login {text}\n".encode(), "share/notes") == [TOKEN]


@pytest.mark.parametrize("text", PROGRAMS)
def test_what_programs_say_of_passwords_is_none(text: str) -> None:
    assert shapes_in(text.encode(), "share/notes") == []


@pytest.mark.parametrize("text", NONE)
def test_a_place_for_a_secret_is_none(text: str) -> None:
    assert shapes_in(text.encode(), "etc/own.cfg") == []


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be"])
def test_text_of_more_bits_is_narrowed(encoding: str) -> None:
    token = "ghp_" + "a1B2" * 9
    for before in (b"", codecs.BOM_UTF16_LE, b"\x7fELF\0\0\0x"):
        text = narrowed(before + f"key={token}\r\n".encode(encoding))
        assert shapes_in(text, "share/doc") == ["a GitHub token"]
    assert narrowed(b"plain text") == narrowed(b"\0\0short\0") == b""
