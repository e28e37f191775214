# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""First lines of scripts that are longer than a kernel reads: sh starts the interpreter instead."""

from __future__ import annotations

import re
import shlex

# Bytes of a first line that every Linux reads, its #! included; since 5.1 it is 255.
LONGEST = 127
_LINE = re.compile(rb"#![ \t]*(/[^ \t\r\n]*)[ \t]*([^\r\n]*?)[ \t]*(?=\r?\n|\Z)")
_ENV = re.compile(rb"(?:-S[ \t]*)?(/[^ \t]+)[ \t]*(.*)", re.DOTALL)
# What sh passes over as well. Python looks for its encoding there (PEP 263).
_COMMENTS = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\r?\n)*")
# A docstring before these imports must be the only one: it is joined to the string that pip's form is.
_FUTURE = re.compile(rb"[rRuU]?[\"'].*?^from[ \t]+__future__[ \t]+import", re.MULTILINE | re.DOTALL)
# The second run of a script by its requested shell; a child with another $0 starts over.
_ONCE = (
    'case ${{_AIRGAP_SCRIPT-}} in "$0") unset _AIRGAP_SCRIPT ;; '
    '*) _AIRGAP_SCRIPT=$0; export _AIRGAP_SCRIPT; exec {exec} "$0" "$@" ;; esac\n'
)
# Lines that sh takes for a command and the interpreter for nothing, by the name of the interpreter. The first is pip's
# and conda's; perl and ruby skip to the line that names them.
_FORMS = (
    (r"i?(python|pypy|jython|graalpy)[\w.]*", "'''exec' {exec} \"$0\" \"$@\"\n' '''\n"),
    (r"(ba|da|k|mk|z|a|)sh", _ONCE),
    (r"(perl|ruby|truffleruby|jruby)[\d.]*", 'exec {exec} -x "$0" "$@"\n{line}\n'),
    (r"node(js)?", '":" //# ; exec {exec} "$0" "$@"\n'),
    (r"julia[\d.]*", '#=\nexec {exec} "$0" "$@"\n=#\n'),
    (r"(tclsh|wish)[\d.]*", '# \\\nexec {exec} "$0" "$@"\n'),
)


def fitted(data: bytes, prefix: str) -> bytes:
    """Return the content of a file with a first line that every kernel understands, if that names ``prefix``.

    Of interpreters for which nothing better is known, the line asks for the one on PATH, as conda does: that works
    where the environment is activated.
    """
    match = _LINE.match(data)
    if not match or len(match[0]) <= LONGEST or prefix.encode() not in match[0]:
        return data
    interpreter, options = match[1], match[2]
    if interpreter.endswith(b"/env"):
        inner = _ENV.fullmatch(options)
        if not inner:
            return data
        interpreter, options = inner[1], inner[2]
    rest = data[match.end() :]
    name = interpreter.decode("utf-8", "surrogateescape").rpartition("/")[2]
    form = next((form for pattern, form in _FORMS if re.fullmatch(pattern, name)), "")
    if not form:
        return b"#!/usr/bin/env " + name.encode("utf-8", "surrogateescape") + rest
    command = f"{shlex.quote(interpreter.decode('utf-8', 'surrogateescape'))} {options.decode('utf-8', 'replace')}"
    line = match[0].decode("utf-8", "surrogateescape")
    head = form.format(exec=command.rstrip(), line=line).encode("utf-8", "surrogateescape")
    rest = rest.partition(b"\n")[2]
    comments = _COMMENTS.match(rest)
    kept = comments[0] if comments else b""
    rest = rest[len(kept) :]
    if head.startswith(b"'''") and _FUTURE.match(rest):
        head = head.rstrip() + b" \\\n"
    return b"#!/bin/sh\n" + kept + head + rest
