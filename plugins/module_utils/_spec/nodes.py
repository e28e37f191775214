# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a spec's YAML so that every value still knows its line, and every refusal can name it.

The tree that PyYAML composes is read lazily and never constructed into objects: no tag can run code,
and a value is taken as its author wrote it (``2.30`` never becomes ``2.3``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._spec.text import read_text

_KINDS = {
    "str": "text",
    "int": "number",
    "float": "number",
    "bool": "true/false value",
    "null": "nothing",
    "timestamp": "date",
    "seq": "list",
    "map": "mapping",
    "merge": "merge key",
}


class Node:
    """One value of a YAML file. ``where`` is ``path:line:column``, both counted from 1.

    What more than one fault can be in takes ``faults``, which gathers them; without, the first one is raised.
    """

    def __init__(self, node: Any, origin: str) -> None:
        self._node = node
        self._origin = origin
        self.line = node.start_mark.line + 1
        self.where = f"{origin}:{self.line}:{node.start_mark.column + 1}"
        self.kind = _kind(node)
        self.text: str = node.value if isinstance(node.value, str) else ""

    def error(self, problem: str, *, wanted: str, remedy: str, found: str = "", code: str = "") -> AirgapError:
        """Return (for the caller to raise) the refusal of this value, which is described unless ``found`` is given."""
        return AirgapError(
            problem, wanted=wanted, found=found or self.describe(), where=self.where, remedy=remedy, code=code
        )

    def describe(self) -> str:
        """Return the value in a user's words: ``the number 2.30``, ``a list``, ``nothing``."""
        if self.kind == "null":
            return "nothing"
        word = _KINDS.get(self.kind, f"value with the tag {self.kind}")
        return f"the {word} {self.text!r}" if self.text else f"an empty {word}" if self.is_empty else f"a {word}"

    @property
    def is_empty(self) -> bool:
        """Whether there is no value."""
        return self.kind == "null" or not self._node.value

    def mapping(self, known: Sequence[str] | None = None, faults: Faults | None = None) -> dict[str, Node]:
        """Return the entries of a mapping by key; refuses duplicate keys and keys that are not ``known``."""
        if self.kind != "map":
            raise self.error(
                "A mapping is missing here",
                wanted="'key: value' lines",
                remedy="write one 'key: value' per line, with the same indentation",
            )
        entries: dict[str, Node] = {}
        gathered = faults or Faults()
        for key_node, value_node in self._node.value:
            key = Node(key_node, self._origin)
            with gathered.gathered():
                if key.text in entries:
                    raise key.error(
                        f"The key {key.text!r} is there twice",
                        wanted="each key once",
                        found=f"{key.text!r} again, first near line {entries[key.text].line}",
                        remedy="keep one of them: YAML would silently use the last",
                    )
                if known is not None and key.text not in known:
                    raise unknown_key(key, known)
                entries[key.text] = Node(value_node, self._origin)
        if faults is None:
            gathered.tell(self._origin)
        return entries

    def key_nodes(self) -> list[Node]:
        """Return the keys of a mapping, unchecked."""
        return [Node(key_node, self._origin) for key_node, _value in self._node.value] if self.kind == "map" else []

    def items(self) -> list[Node]:
        """Return the entries of a list, which must not be empty."""
        if self.kind != "seq" or self.is_empty:
            raise self.error(
                "A list is missing here",
                wanted="one or more lines that start with '- '",
                remedy="write each entry on its own line after '- ', or remove the key",
            )
        return [Node(node, self._origin) for node in self._node.value]

    def string(self, *, multiline: bool = False) -> str:
        """Return a text that is not blank and, unless ``multiline``, has only one line."""
        if self.kind in ("int", "float", "bool", "timestamp"):
            raise self.error(
                "YAML does not read this value as text", wanted="a text", remedy=f'quote it: "{self.text}"'
            )
        if self.kind != "str" or not self.text.strip():
            raise self.error("A text is missing here", wanted="a text", remedy="write the value, quoted if in doubt")
        if "\0" in self.text or (not multiline and any(ord(char) < 32 or ord(char) == 127 for char in self.text)):
            raise self.error(
                "The text has a line break or another control character",
                wanted="one line of text",
                remedy="write it on one line",
            )
        return self.text

    def one_of(self, choices: Sequence[str]) -> str:
        """Return a text that is one of ``choices``."""
        if self.text not in choices:
            raise self.error(
                "This value is unknown",
                wanted="one of " + ", ".join(choices),
                remedy=_meant(self.text, choices) + "use one of these values",
            )
        return self.text

    def boolean(self) -> bool:
        """Return whether the value is true; refuses what is neither true nor false."""
        if self.kind != "bool" or self.text not in ("true", "false"):
            raise self.error("This value is not valid", wanted="true or false", remedy="write true or false, unquoted")
        return self.text == "true"

    def matching(self, pattern: str, wanted: str, remedy: str) -> str:
        """Return a text that ``pattern`` matches from end to end."""
        text = self.string()
        if not re.fullmatch(pattern, text):
            raise self.error("This value is not valid", wanted=wanted, remedy=remedy)
        return text


def _kind(node: Any) -> str:
    """Return the short name of a node's type, or its whole tag where that is not YAML's own for its shape."""
    kind: str = node.tag.removeprefix("tag:yaml.org,2002:")
    shape = {"mapping": "map", "sequence": "seq"}.get(node.id)
    return kind if kind == shape or (shape is None and kind not in ("map", "seq")) else node.tag


def read_yaml(path: Path) -> Node | None:
    """Return the top value of a YAML file, or None when it holds only comments."""
    return parse_yaml(read_text(path), str(path))


def parse_yaml(text: str, origin: str) -> Node | None:
    """Return the top value of one YAML document; ``origin`` names it in errors."""
    try:
        import yaml
    except ImportError as error:
        raise AirgapError(
            "The Python library PyYAML is missing",
            wanted="PyYAML, to read specs",
            found=str(error),
            where=origin,
            remedy="pip install pyyaml, for the Python that runs this module",
        ) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise _broken(f"{origin}:{place}", ", ".join(filter(None, [error.context, error.problem]))) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position].split("\n")
        place = f"{origin}:{len(before)}:{len(before[-1]) + 1}"
        raise _broken(place, f"the character #x{error.character:04x}") from error
    except RecursionError as error:
        raise _broken(origin, "values nested too deeply") from error
    return Node(node, origin) if node else None


def unknown_key(key: Node, known: Sequence[str], remedy: str = "") -> AirgapError:
    """Return the refusal of an unknown key, with the likely intended one."""
    return key.error(
        f"The key {key.text!r} is unknown",
        wanted="one of " + ", ".join(known),
        found=repr(key.text),
        remedy=remedy or _meant(key.text, known) + "correct or remove the key",
    )


def nearest(word: str, choices: Sequence[str]) -> str:
    """Return the one of ``choices`` that a word was likely meant to be; empty when it is like none of them."""
    return next(iter(difflib.get_close_matches(word, choices, n=1)), "")


def _meant(word: str, choices: Sequence[str]) -> str:
    close = nearest(word, choices)
    return f"did you mean {close!r}? If not, " if close else ""


def _broken(where: str, found: str) -> AirgapError:
    return AirgapError(
        "The file is not valid YAML",
        wanted="a valid YAML file",
        found=found,
        where=where,
        remedy="indent with spaces, never tabs, and close every quote and bracket, here or above",
    )
