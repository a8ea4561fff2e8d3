"""YAML text -> a tree of nodes that know their file, line and column. No value is interpreted here.

Scalars stay text until their field reads them, so YAML 1.1 cannot change values such as on, 12:30, 1e3 or 08.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rackcalc.quantities.problems import InputError, Problem, failure, shortened

MAX_NODES = 100_000  # after expanding aliases
MAX_DEPTH = 60


class Node(NamedTuple):
    """One YAML node. value: dict of name -> Node, tuple of Nodes, text, or None for an empty or null scalar.

    key: line and column of the key whose value this is; (0, 0) without a key. path: dotted, within the file.
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
        """What sort of node it is, in the words of an error message."""
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
        """A Problem at the key of this node: about the key itself, or about something that the node lacks."""
        place = self.key if self.key[0] else (self.line, self.column)
        return Problem(self.file, *place, path, message)


def parse(
    text: str, file: str, problems: list[Problem] | None = None, line_offset: int = 0, root_path: str = ""
) -> Node:
    """Parse the one YAML document in the text into a Node tree. InputError with the place of anything malformed.

    problems: a list that collects mistakes after which parsing can go on (a key written twice, say), so that the caller
    reports them with its own; without it they are raised. line_offset: lines of the file before the text.
    root_path: dotted path of the root.
    """
    import yaml

    found: list[Problem] = []
    try:
        root = _Composer(file, found, line_offset, root_path).document(
            yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        )
    except yaml.MarkedYAMLError as error:
        raise _malformed(error, text, file, line_offset) from None
    except yaml.reader.ReaderError as error:
        line = line_offset + text.encode().count(b"\n", 0, error.position) + 1
        raise failure(f"holds a control character (0x{int(error.character):02x})", file, line, 1) from None
    except UnicodeEncodeError:
        raise failure("is not UTF-8 text; save it as UTF-8", file) from None
    if root is None:
        raise failure("is empty; `rackcalc init` writes a first rack file", file, line_offset and line_offset + 1, 1)
    if problems is not None:
        problems += found
    elif found:
        raise InputError(found)
    return root


def _malformed(error: Any, text: str, file: str, line_offset: int) -> InputError:
    """What is wrong with the YAML and how to fix it, at the place where it should be fixed."""
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
        message = 'a second ": " in one value: put text that holds it in quotes, or fix the indentation'
    elif "sequence entries" in message:
        message = "a list in block form begins on a line of its own"
    elif "expected key" in message:
        message = "this does not continue the mapping above it: fix the indentation, or put text in quotes"
    elif "expected ':'" in message:
        mark, message = opened, 'a line without "key: value"'
    elif opened and opened.line != mark.line and re.search("flow|quoted", error.context or ""):
        mark, message = opened, f"what is opened here is not closed: {message} up to line {line_offset + mark.line + 1}"
    elif error.context:
        message = f"{error.context}: {message}"
    written = text.rstrip().split("\n")
    if mark.line >= len(written):  # the text ends too early: report the end of its last line
        return failure(f"not valid YAML: {message}", file, line_offset + len(written), len(written[-1]) + 1)
    return failure(f"not valid YAML: {message}", file, *_position(mark, line_offset))


_TAGS = ("str", "int", "float", "bool", "map", "seq")  # allowed, and ignored: a field knows the type of its value
_NULLS = ("", "~", "null", "Null", "NULL")


class _Composer:
    """Builds Nodes from YAML events, without recursion, so that deep nesting cannot exhaust the stack of a C library.

    The path of a node follows from the collections that are open around it. An alias is the Node of its anchor itself;
    its size is counted at every use, so that aliases of aliases cannot grow without limit.
    """

    def __init__(self, file: str, problems: list[Problem], line_offset: int, root_path: str) -> None:
        self.file = file
        self.root_path = root_path
        self.line_offset = line_offset
        self.problems = problems
        self.open: list[tuple[Any, list[Node]]] = []  # collections that are not closed: start event, nodes so far
        self.anchors: dict[str, Node | None] = {}  # None: the node is not complete yet
        self.sizes: dict[int, int] = {}  # id of a node -> nodes in it

    def document(self, events: Iterable[Any]) -> Node | None:
        """The root of the only document; None for an empty text."""
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
                Problem(
                    self.file, *_position(mark, self.line_offset), "", f"the tag {shown} means nothing here; remove it"
                )
            )
        if name == "ScalarEvent":
            empty = event.implicit[0] and not event.style and event.value in _NULLS
            value: Any = None if empty else event.value
        else:
            value = self.mapping(children) if name == "MappingEndEvent" else tuple(children)
        node = Node(value, self.file, *_position(mark, self.line_offset), quoted, path=self.path())
        self.sizes[id(node)] = 1 + sum(self.sizes[id(child)] for child in children)
        if max(self.sizes[id(node)], len(self.sizes)) > MAX_NODES:
            raise self.failure(start, f"holds more than {MAX_NODES} values (each use of an alias counts)")
        if start.anchor:
            self.anchors[start.anchor] = node
        return node

    def path(self) -> str:
        """The dotted path of the node that is being completed."""
        path = self.root_path
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
        return failure(message, self.file, *_position(event.start_mark, self.line_offset))


def _position(mark: Any, line_offset: int) -> tuple[int, int]:
    return line_offset + mark.line + 1, mark.column + 1


def node_of_data(value: Any, like: Node) -> Node:
    """Plain Python data (from JSON, say) as a Node tree; every node has the place of `like`."""
    if isinstance(value, Mapping):
        return like._replace(value={str(key): node_of_data(item, like) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return like._replace(value=tuple(node_of_data(item, like) for item in value))
    if value is None:
        return like._replace(value=None)
    if isinstance(value, bool):
        return like._replace(value="true" if value else "false")
    return like._replace(value=str(value), quoted=isinstance(value, str))


def assign(root: Node, path: str, value: Node) -> Node:
    """A copy of the tree with the node at the dotted path replaced or added. InputError for a path into a list.

    A scalar on the path (the name of a part) becomes {from: name}, so that `model.layers` can be set in a file with
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
    """This node and every node below it, each with its dotted path."""
    yield path, node
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from walk(child, f"{path}.{key}" if path else key)
    elif isinstance(node.value, tuple):
        for index, child in enumerate(node.value):
            yield from walk(child, f"{path}[{index}]")
