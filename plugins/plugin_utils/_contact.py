# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One way of sending shell to a host, and one way of reading what it says, whatever the user's login shell is.

What is sent is one line without quotes: base64 of a packed script, which ``/bin/sh`` gets. It means the same to sh, csh
and fish, and to sudo, su or doas around it; packed, as the csh of BSD takes some 8,000 characters. The script starts in
an environment of its own, so what an rc file set (a PATH, a locale, TMPDIR, CDPATH, options and functions of a shell)
does not reach it.

A script that is given input (a part of a release) gets it as that: the line is one word then, quoted for ``/bin/sh``,
in which the script comes by another way than its input.

What is read are the lines that begin with a mark, a random word that was made for this one call. So whatever an rc
file, a banner, sudo or a terminal prints, before, after or in between, is never taken for an answer.
"""

from __future__ import annotations

import base64
import gzip
import re
import secrets
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, TEXT, VALUE, clean, plain
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

# Bytes of one command. Linux takes 128 KiB in one argument; become and Ansible put some around it.
SENT = 120_000
# Lines with a value that are taken of one answer, and bytes that a host with a limit sends at most.
VALUES, HEARD = 1_000, 1 << 20
# Seconds after its limit that a host gives up a process that cannot even be killed.
LATER = 5

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
_CLEAN = f'exec env -i PATH="{_PATH}" HOME="${{{{HOME:-/}}}}" LC_ALL=C{{keep}} {{shell}} {{input}}\n'
_PACKED = "printf %s {packed} | base64 -d | gzip -dc | /bin/sh"
# What follows may be any shell: no input but that of a command is named in the same way by all of them.
_FED = f"/bin/sh -c 'exec 3<&0; {_PACKED}'"
_MARKED = """\
mark={mark}
exec 2>&1
say() {{ printf '%s %s=%s\\n' "$mark" "$1" "$2"; }}
printf '\\n%s begin\\n' "$mark"
(
{script}
)
printf '\\n%s end=%s\\n' "$mark" "$?"
"""
# Nothing of what may hang (stat on a mount whose server is gone) holds the connection: neither its output nor its end
# is waited for longer than the reader lives.
_LIMITED = """\
exec 2>/dev/null  # where this shell would say that it was killed
timeout -s KILL {limit} /bin/sh -c "$1" </dev/null 2>&1 | timeout -s KILL {later} head -c {heard} 2>&1 &
wait $!
printf '\\n%s over\\n' {mark}
"""


@dataclass(frozen=True)
class Heard:
    """What a host said: its values, what else was printed meanwhile, and how it ended.

    ``status`` is -1 where the script never ended, ``begun`` tells whether it began. ``at`` is the last value of that
    name: what the script was about to do.
    """

    values: tuple[tuple[str, str], ...]
    text: str
    begun: bool
    status: int
    at: str = ""

    def first(self) -> dict[str, str]:
        """Return the values by name; of a name that was said twice, the first."""
        return dict(reversed(self.values))

    def of(self, name: str) -> Iterator[str]:
        """Yield every value of a name."""
        return (value for said, value in self.values if said == name)


def new_mark() -> str:
    """Return a word for one call, which nobody can know before."""
    return f"airgap-{secrets.token_hex(12)}"


def marked(script: str, mark: str) -> str:
    """Return ``script`` as a host runs it: with ``say``, between a beginning and an end that bear the mark."""
    return _MARKED.format(mark=mark, script=script)


def command(script: str, mark: str, limit: int = 0, keep: Iterable[str] = (), fed: bool = False) -> str:
    """Return the line that runs a POSIX shell ``script``, for ``limit`` seconds at most if there is one.

    The script prints its answer with ``say NAME VALUE``. Of the user's environment it has PATH, HOME and what ``keep``
    names. It gets no input unless it is ``fed``, and then has no limit. Raises AirgapError when it is longer than a
    command can be.
    """
    words = ["/bin/sh", "-c"]
    if limit and not fed:
        words += [_LIMITED.format(limit=limit, later=limit + LATER, heard=HEARD, mark=mark), "sh"]
    kept = "".join(f' {name}="${name}"' for name in keep)
    given = "<&3 3<&-" if fed else "</dev/null"
    whole = _CLEAN.format(keep=kept, shell=shlex.join([*words, marked(script, mark)]), input=given)
    line = (_FED if fed else _PACKED).format(packed=_packed(whole))
    if len(line) > SENT:
        raise AirgapError(
            "A command is longer than a host takes",
            code="command-too-long",
            wanted=f"{SENT} characters at most",
            found=f"{len(line)}",
            where="the list of the runtime's parts, most of all",
            remedy="build the runtime with a larger build_part_size, so that it has fewer parts",
        )
    return line


def _packed(script: str) -> str:
    return base64.b64encode(gzip.compress(script.encode("utf-8", "surrogateescape"), mtime=0)).decode()


def listen(output: str, mark: str, names: str) -> Heard:
    """Return what the script that got ``mark`` said in ``output``: values whose names match ``names``, a pattern."""
    # A terminal ends lines with both.
    lines = plain(output.replace("\r\n", "\n"), 2 * TEXT).split("\n")
    begin = f"{mark} begin"
    if begin not in lines:
        return Heard((), clean(output, MESSAGE), begun=False, status=-1)
    known = re.compile(names)
    values: list[tuple[str, str]] = []
    text: list[str] = []
    status, at = -1, ""
    for line in lines[lines.index(begin) + 1 :]:
        name, found, value = line.removeprefix(f"{mark} ").partition("=")
        if not line.startswith(f"{mark} "):
            text.append(line)
        elif name == "end" and found:
            status = int(value) if re.fullmatch(r"[0-9]{1,3}", value) else -1
            break
        elif name == "at" and found:
            at = plain(value, VALUE)
        elif found and known.fullmatch(name) and len(values) < VALUES:
            values.append((name, plain(value, VALUE)))
    return Heard(tuple(values), clean("\n".join(text), MESSAGE), begun=True, status=status, at=at)
