# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the scripts that set an environment's variables when it is activated and give the old values back after."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Paths inside an environment; conda, mamba, micromamba and conda-pack source every *.sh there.
ACTIVATE = "etc/conda/activate.d/airgap-conda.sh"
DEACTIVATE = "etc/conda/deactivate.d/airgap-conda.sh"
# An empty file. With it the activation of a host lets Python take the packages of its user (~/.local) as well.
USER_SITE = "etc/conda/airgap-conda.user-site"

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_OLD = "_AIRGAP_CONDA_OLD_"
_ACTIVE = "_AIRGAP_CONDA_PREFIX"
# A user's functions may have the names of the shell's own commands, which take this before them.
_OWN = '"$_airgap_conda_own"'
_FIND_OWN = "if \\builtin : 2>/dev/null; then _airgap_conda_own=builtin; else _airgap_conda_own=command; fi\n"
_FORGET_OWN = f"{_OWN} unset _airgap_conda_own\n"


def activation_scripts(variables: Mapping[str, str], user_site: bool = False) -> dict[str, str]:
    """Return path in the environment -> POSIX shell script; empty without variables.

    In a value ``$NAME`` and ``${NAME}`` are expanded on activation, in the order of the variables; all else is literal.
    In a list such as ``$CONDA_PREFIX/lib:$LD_LIBRARY_PATH`` a variable that is unset or empty leaves no empty item
    behind: the dynamic linker and the shell would read one as the current directory. With ``user_site`` comes the file
    that says so.
    """
    files = {USER_SITE: ""} if user_site else {}
    if not variables:
        return files
    undo = f'if {_OWN} [ -r "${{{_ACTIVE}-}}/{DEACTIVATE}" ]; then\n    {_OWN} . "${_ACTIVE}/{DEACTIVATE}"\nfi\n'
    begin = f'# Made by airgap.conda from the spec.\n{_FIND_OWN}if {_OWN} [ -n "${{{_ACTIVE}-}}" ]; then\n'
    begin += f'{_indent(undo)}    {_FIND_OWN}fi\n{_OWN} export {_ACTIVE}="$CONDA_PREFIX"\n'
    sets = "".join(_set(name, value) for name, value in variables.items())
    restores = "".join(_restore(name) for name in reversed(list(variables)))
    end = f"# Made by airgap.conda from the spec.\n{_FIND_OWN}{restores}{_OWN} unset {_ACTIVE}\n{_FORGET_OWN}"
    return {ACTIVATE: begin + sets + _FORGET_OWN, DEACTIVATE: end, **files}


def _save(name: str) -> str:
    return (
        f'if {_OWN} [ -n "${{{name}+set}}" ]; then\n    {_OWN} export {_OLD}{name}="${name}"\n'
        f"else\n    {_OWN} unset {_OLD}{name}\nfi\n"
    )


def _set(name: str, value: str) -> str:
    save = _save(name)
    items = value.split(":")
    if len(items) == 1 or not any(_REFERENCE.fullmatch(item) for item in items):
        return f"{save}{_OWN} export {name}={_quote(value)}\n"
    words = " ".join(_quote(item) for item in items)
    return (
        f"{save}_airgap_conda_list=\n"
        f"for _airgap_conda_item in {words}; do\n"
        f'    if {_OWN} [ -n "$_airgap_conda_item" ]; then\n'
        '        _airgap_conda_list="${_airgap_conda_list:+$_airgap_conda_list:}$_airgap_conda_item"\n'
        "    fi\n"
        "done\n"
        f'{_OWN} export {name}="$_airgap_conda_list"\n'
        f"{_OWN} unset _airgap_conda_list _airgap_conda_item\n"
    )


def _restore(name: str) -> str:
    return (
        f'if {_OWN} [ -n "${{{_OLD}{name}+set}}" ]; then\n    {_OWN} export {name}="${_OLD}{name}"\n'
        f"else\n    {_OWN} unset {name}\nfi\n"
        f"{_OWN} unset {_OLD}{name}\n"
    )


def _quote(value: str) -> str:
    """Return ``value`` as one double-quoted shell word in which only references are expanded."""
    word, end = [], 0
    for match in _REFERENCE.finditer(value):
        word.append(_literal(value[end : match.start()]))
        # ${NAME-} rather than $NAME: activation must not fail under 'set -u'.
        word.append(f"${{{match.group(1) or match.group(2)}-}}")
        end = match.end()
    word.append(_literal(value[end:]))
    return '"' + "".join(word) + '"'


def _literal(text: str) -> str:
    return re.sub(r'([\\"$`])', r"\\\1", text)


def _indent(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
