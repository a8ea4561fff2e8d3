"""YAML text -> a tree of nodes that know their file, line and column. No value is interpreted here.

Scalars stay text, so none of YAML 1.1's traps (on, 12:30, 1e3, 08) can change a value before its field has seen it.
"""

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rackcalc.quantities.problems import InputError, Problem, failure, shortened

MAX_BYTES = 4 * 1024 * 1024  # a rack file is a few kB; anything this large is the wrong file
MAX_NODES = 100_000  # after expanding aliases
MAX_DEPTH = 60


class Node(NamedTuple):
    """One YAML node. value: dict of name -> Node, tuple of Nodes, text, or None for an empty or null scalar.

    key: line and column of the key it stands under; (0, 0) where there is none. path: dotted, within the file.
    """

    value: "dict[str, Node] | tuple[Node, ...] | str | None"
    file: str = ""
    line: int = 0
    column: int = 0
    quoted: bool = False
    key: tuple[int, int] = (0, 0)
    path: str = ""

    @property
    def kind(self) -> str:
        """What it is, in the words of an error message."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, tuple):
            return "a list"
        return "nothing" if self.value is None else f'"{shortened(self.value)}"'

    @property
    def written(self) -> bool:
        """Whether the user wrote it: in the rack file or an option; not in the catalog or a model's own file."""
        return bool(self.path) and not self.file.startswith("catalog/")

    def problem(self, path: str, message: str) -> Problem:
        """A Problem at this node's place."""
        return Problem(self.file, self.line, self.column, path, message)

    def key_problem(self, path: str, message: str) -> Problem:
        """A Problem at the key this node stands under: about the key itself, or about what is not in the node."""
        place = self.key if self.key[0] else (self.line, self.column)
        return Problem(self.file, *place, path, message)


def read_text(path: str) -> str:
    """The text of a file, or of standard input for "-". InputError for anything that is not readable text."""
    name = "<stdin>" if path == "-" else path
    try:
        if path == "-":
            data = b"" if sys.stdin is None else sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            info = os.stat(path)
            if stat.S_ISDIR(info.st_mode):
                raise failure("is a directory; name a YAML file in it", name)
            if stat.S_ISREG(info.st_mode) and info.st_size > MAX_BYTES:
                raise failure(f"is {info.st_size / 1e6:.0f} MB; a rack file has at most {MAX_BYTES / 1e6:.0f} MB", name)
            with open(path, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise failure("no such file", name or '""') from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise failure(f"cannot be read: {reason.lower()}", name) from None
    return decoded(data, name)


def decoded(data: bytes, name: str, above: int = 0) -> str:
    """Bytes as text. InputError where they are none. above: lines before them in the file of that name."""
    if len(data) > MAX_BYTES:
        raise failure(f"is over {MAX_BYTES / 1e6:.0f} MB; a rack file is a few kB", name, above and above + 1, 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = above + data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 text (byte 0x{data[error.start]:02x}); save it as UTF-8"
        raise failure(message, name, line, 1) from None
    if "\0" in text:
        raise failure("is a binary file or UTF-16, not YAML in UTF-8", name, above and above + 1, 1)
    return text


def parse(text: str, file: str, problems: list[Problem] | None = None, above: int = 0, under: str = "") -> Node:
    """The one YAML document in the text, as a Node tree. InputError with place for anything malformed.

    problems: where what does not hide the rest of the document (a key written twice, say) is added, for the caller to
    report with its own findings; None raises it. above: lines of the file before the text. under: path of the root.
    """
    import yaml

    found: list[Problem] = []
    try:
        root = _Composer(file, found, above, under).document(
            yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        )
    except yaml.MarkedYAMLError as error:
        raise _malformed(error, text, file, above) from None
    except yaml.reader.ReaderError as error:
        line = above + text.encode().count(b"\n", 0, error.position) + 1
        raise failure(f"holds a control character (0x{int(error.character):02x})", file, line, 1) from None
    except UnicodeEncodeError:
        raise failure("is not UTF-8 text; save it as UTF-8", file) from None
    if root is None:
        raise failure("is empty; `rackcalc init` writes a first rack file", file, above and above + 1, 1)
    if problems is not None:
        problems += found
    elif found:
        raise InputError(found)
    return root


def _malformed(error: Any, text: str, file: str, above: int) -> InputError:
    """What is wrong with the YAML, in words that say the mend, where it should be mended."""
    mark, opened, message = error.problem_mark, error.context_mark, error.problem or "malformed"
    mark = mark or opened
    here = text[mark.index : mark.index + 1] if len(text) == len(text.encode()) else ""
    if "tab character" in message or here == "\t":
        message = "a tab: YAML indents with spaces only"
    elif "nesting depth" in message:  # a limit of newer libyaml, far above ours
        message = f"is nested more than {MAX_DEPTH} levels deep"
    elif "cannot start any token" in message:
        message = f"{here or 'this character'} cannot begin a value: put the text in quotes"
    elif "mapping values" in message:
        message = 'a second ": " in one value: put text that holds it in quotes, or mend the indentation'
    elif "sequence entries" in message:
        message = "a list in block form begins on a line of its own"
    elif "expected key" in message:
        message = "this does not continue the mapping above it: mend the indentation, or put text in quotes"
    elif "expected ':'" in message:
        mark, message = opened, 'a line without "key: value"'
    elif opened and opened.line != mark.line and re.search("flow|quoted", error.context or ""):
        mark, message = opened, f"what is opened here is not closed: {message} up to line {above + mark.line + 1}"
    elif error.context:
        message = f"{error.context}: {message}"
    written = text.rstrip().split("\n")
    if mark.line >= len(written):  # after the end: where something was still to come
        return failure(f"not valid YAML: {message}", file, above + len(written), len(written[-1]) + 1)
    return failure(f"not valid YAML: {message}", file, *_place(mark, above))


_TAGS = ("str", "int", "float", "bool", "map", "seq")  # they say what a value is, which its field knows anyway
_NULLS = ("", "~", "null", "Null", "NULL")


class _Composer:
    """YAML events -> Nodes, one after the other, so that no depth of nesting can exhaust the stack of a C library.

    The path of a node is known from what is open around it. An alias is the very Node of its anchor; sizes count it
    each time it is used, so that a bomb of aliases is refused.
    """

    def __init__(self, file: str, problems: list[Problem], above: int, under: str) -> None:
        self.file = file
        self.under = under
        self.above = above
        self.problems = problems
        self.open: list[tuple[Any, list[Node]]] = []  # collections that have begun: the event, and the nodes in it
        self.anchors: dict[str, Node | None] = {}  # None: not complete yet
        self.sizes: dict[int, int] = {}

    def document(self, events: Iterable[Any]) -> Node | None:
        """The root of the only document; None when there is none."""
        root, documents = None, 0
        for event in events:
            name = type(event).__name__
            if name == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise self.failure(event, "holds more than one document; split it at the ---")
            elif name in ("MappingStartEvent", "SequenceStartEvent"):
                if len(self.open) >= MAX_DEPTH:
                    raise self.failure(event, f"is nested more than {MAX_DEPTH} levels deep")
                if event.anchor:
                    self.anchors[event.anchor] = None
                self.open.append((event, []))
            elif name in ("MappingEndEvent", "SequenceEndEvent", "ScalarEvent", "AliasEvent"):
                node = self.complete(event, name)
                if self.open:
                    self.open[-1][1].append(node)
                else:
                    root = node
        return root

    def complete(self, event: Any, name: str) -> Node:
        """The node that this event completes."""
        if name == "AliasEvent":
            return self.alias(event)
        start, children = self.open.pop() if name.endswith("EndEvent") else (event, [])
        quoted = getattr(event, "style", None) in ("'", '"')
        mark, tag = start.start_mark, start.tag
        if tag is not None and tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.append(
                Problem(self.file, *_place(mark, self.above), "", f"the tag {shown} means nothing here; remove it")
            )
        if name == "ScalarEvent":
            empty = event.implicit[0] and not event.style and event.value in _NULLS
            value: Any = None if empty else event.value
        else:
            value = self.mapping(children) if name == "MappingEndEvent" else tuple(children)
        node = Node(value, self.file, *_place(mark, self.above), quoted, path=self.path())
        self.sizes[id(node)] = 1 + sum(self.sizes[id(child)] for child in children)
        if max(self.sizes[id(node)], len(self.sizes)) > MAX_NODES:
            raise self.failure(start, f"holds more than {MAX_NODES} values (each use of an alias counts)")
        if start.anchor:
            self.anchors[start.anchor] = node
        return node

    def path(self) -> str:
        """Where the node that is completed now stands in the document."""
        path = self.under
        for start, children in self.open:
            if type(start).__name__ == "SequenceStartEvent":
                path += f"[{len(children)}]"
            elif len(children) % 2:
                step = shortened(children[-1].value) if isinstance(children[-1].value, str) else "?"
                path += f".{step}" if path else step
        return path

    def alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            near = ", ".join(self.anchors)
            raise self.failure(event, f"no anchor &{event.anchor}" + (f"; known: {near}" if near else " in this file"))
        node = self.anchors[event.anchor]
        if node is None:
            raise self.failure(event, f"*{event.anchor} refers to a value that contains it")
        return node

    def mapping(self, children: Sequence[Node]) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key.value, str):
                self.problems.append(key.problem("", f"a key must be a word, not {key.kind}"))
            elif key.value == "<<" and not key.quoted:
                for part in value.value if isinstance(value.value, tuple) else (value,):
                    if isinstance(part.value, dict):
                        merged = part.value | merged
                    else:
                        self.problems.append(key.problem("<<", f"merges mappings only, got {part.kind}"))
            elif key.value in own:
                self.problems.append(key.problem(key.value, f"written twice; first on line {own[key.value].key[0]}"))
            else:
                own[key.value] = value._replace(key=(key.line, key.column))
        return merged | own

    def failure(self, event: Any, message: str) -> InputError:
        return failure(message, self.file, *_place(event.start_mark, self.above))


def _place(mark: Any, above: int) -> tuple[int, int]:
    return above + mark.line + 1, mark.column + 1


def plain(value: Any, like: Node) -> Node:
    """Plain Python data (from JSON, say) as a Node tree placed where `like` stands."""
    if isinstance(value, Mapping):
        return like._replace(value={str(key): plain(item, like) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return like._replace(value=tuple(plain(item, like) for item in value))
    if value is None:
        return like._replace(value=None)
    if isinstance(value, bool):
        return like._replace(value="true" if value else "false")
    return like._replace(value=str(value), quoted=isinstance(value, str))


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
    return root._replace(value=inner | {name: assign(child, rest, value) if rest else value})


def walk(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node below (and including) this one with its dotted path."""
    yield path, node
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from walk(child, f"{path}.{key}" if path else key)
    elif isinstance(node.value, tuple):
        for index, child in enumerate(node.value):
            yield from walk(child, f"{path}[{index}]")
