"""YAML text -> a tree of nodes that know their file, line and column. No value is interpreted here.

Scalars stay text, so none of YAML 1.1's traps (on, 12:30, 1e3, 08) can change a value before its field has seen it.
"""

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from rackcalc.errors import InputError, Problem, failure
from rackcalc.record import record

MAX_BYTES = 4 * 1024 * 1024  # a rack file is a few kB; anything this large is the wrong file
MAX_NODES = 100_000  # after expanding aliases
MAX_DEPTH = 60


@record
class Node:
    """One YAML node. value: dict of name -> Node, tuple of Nodes, text, or None for an empty or null scalar."""

    value: "dict[str, Node] | tuple[Node, ...] | str | None"
    file: str = ""
    line: int = 0
    column: int = 0
    quoted: bool = False

    @property
    def kind(self) -> str:
        """What it is, in the words of an error message."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, tuple):
            return "a list"
        return "nothing" if self.value is None else f'"{self.value}"'

    def problem(self, path: str, message: str) -> Problem:
        """A Problem at this node's place."""
        return Problem(self.file, self.line, self.column, path, message)


def read_text(path: str) -> str:
    """The text of a file, or of standard input for "-". InputError for anything that is not readable text."""
    name = "<stdin>" if path == "-" else path
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            info = os.stat(path)
            if stat.S_ISDIR(info.st_mode):
                raise failure("is a directory; name a YAML file in it", name)
            if stat.S_ISREG(info.st_mode) and info.st_size > MAX_BYTES:
                raise failure(f"is {info.st_size / 1e6:.0f} MB; a rack file has at most {MAX_BYTES / 1e6:.0f} MB", name)
            with open(path, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise failure("no such file", name) from None
    except OSError as error:
        raise failure(f"cannot be read: {(error.strerror or str(error)).lower()}", name) from None
    if len(data) > MAX_BYTES:
        raise failure(f"is over {MAX_BYTES / 1e6:.0f} MB; a rack file is a few kB", name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise failure(f"is not UTF-8 text (byte 0x{data[error.start]:02x})", name, line, 1) from None
    if "\0" in text:
        raise failure("is a binary file, not YAML", name)
    return text


def parse(text: str, file: str) -> Node:
    """The one YAML document in the text, as a Node tree. InputError with place for anything malformed."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = list(yaml.compose_all(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(filter(None, (error.context, error.problem)))
        if "\t" in message or "\\t" in message:
            message = "a tab: YAML indents with spaces only"
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise failure(f"not valid YAML: {message}", file, *place) from None
    except yaml.YAMLError as error:
        raise failure(f"not valid YAML: {str(error).splitlines()[0]}", file) from None
    except RecursionError:
        raise failure("is nested too deeply", file) from None
    documents = [document for document in documents if document is not None]
    if not documents:
        raise failure("is empty; `rackcalc init` writes a first rack file", file)
    if len(documents) > 1:
        mark = documents[1].start_mark
        raise failure("holds more than one document; split it at the ---", file, mark.line + 1, mark.column + 1)
    return _Converter(file).convert(documents[0], 0)


class _Converter:
    """PyYAML nodes -> Nodes, with duplicate keys, cycles and alias bombs refused."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.count = 0
        self.open: set[int] = set()

    def convert(self, node: Any, depth: int) -> Node:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.count += 1
        if self.count > MAX_NODES:
            raise failure(f"aliases expand to more than {MAX_NODES} values", self.file, line, column)
        if id(node) in self.open:
            raise failure("an alias refers to a value that contains it", self.file, line, column)
        if depth > MAX_DEPTH:
            raise failure(f"is nested more than {MAX_DEPTH} levels deep", self.file, line, column)
        if node.id == "scalar":
            empty = node.tag == "tag:yaml.org,2002:null"
            return Node(None if empty else node.value, self.file, line, column, node.style in ("'", '"'))
        self.open.add(id(node))
        if node.id == "sequence":
            value: Any = tuple(self.convert(child, depth + 1) for child in node.value)
        else:
            value = self.mapping(node, depth)
        self.open.discard(id(node))
        return Node(value, self.file, line, column)

    def mapping(self, node: Any, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        problems = []
        for key_node, value_node in node.value:
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            if key_node.id != "scalar":
                problems.append(Problem(self.file, line, column, "", "a key must be a word"))
                continue
            value = self.convert(value_node, depth + 1)
            key = key_node.value
            if key == "<<" and key_node.style is None:
                for part in value.value if isinstance(value.value, tuple) else (value,):
                    if not isinstance(part.value, dict):
                        problems.append(Problem(self.file, line, column, "<<", "merges mappings only"))
                    else:
                        merged = part.value | merged
                continue
            if key in own:
                first = own[key].line
                problems.append(Problem(self.file, line, column, key, f"written twice; the first is on line {first}"))
            own[key] = value
        if problems:
            raise InputError(problems)
        return merged | own


def plain(value: Any, like: Node) -> Node:
    """Plain Python data (from JSON, say) as a Node tree placed where `like` stands."""
    if isinstance(value, Mapping):
        return replace(like, value={str(key): plain(item, like) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return replace(like, value=tuple(plain(item, like) for item in value))
    if value is None:
        return replace(like, value=None)
    if isinstance(value, bool):
        return replace(like, value="true" if value else "false")
    return replace(like, value=str(value), quoted=isinstance(value, str))


def assign(root: Node, path: str, value: Node) -> Node:
    """A copy of the tree with the node at the dotted path replaced or added. InputError when a list is in the way.

    A scalar on the way (a part's name) becomes {from: name}, so that `model.layers` can be set where the file says
    `model: bert-large`.
    """
    name, _, rest = path.partition(".")
    inner = root.value
    if inner is None:
        inner = {}
    elif isinstance(inner, str):
        inner = {"from": root}
    elif isinstance(inner, tuple):
        raise InputError([value.problem(path, "is inside a list; only mappings can be set by path")])
    child = inner.get(name, Node(None, value.file, value.line, value.column))
    return replace(root, value=inner | {name: assign(child, rest, value) if rest else value})


def walk(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node below (and including) this one with its dotted path."""
    yield path, node
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from walk(child, f"{path}.{key}" if path else key)
    elif isinstance(node.value, tuple):
        for index, child in enumerate(node.value):
            yield from walk(child, f"{path}[{index}]")
