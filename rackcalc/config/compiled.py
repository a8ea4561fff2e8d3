"""Node trees of the files that come with the program, compiled when it is built: reading them needs no YAML parser.

A tree is found by the content of its text, so a file that was changed after the build is read as it is now. In a
checkout there is no compiled file, and every text is parsed.
"""

import marshal
import os
from functools import cache
from typing import TYPE_CHECKING, Any
from zlib import adler32, crc32

from rackcalc.config.document import Node, parse

PACKAGE = os.path.dirname(os.path.dirname(__file__))  # no module pathlib here: it takes 3 ms to import
FILE = f"{PACKAGE}/catalog/compiled.bin"

if TYPE_CHECKING:
    from pathlib import Path

Key = tuple[int, int, int]


def key_of(text: str) -> Key:
    """What tells a text from all others: its length and two checksums."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data), crc32(data), adler32(data)


@cache
def _trees() -> dict[Key, bytes]:
    try:
        with open(FILE, "rb") as stream:
            found: dict[Key, bytes] = marshal.load(stream)
    except (OSError, ValueError, EOFError, TypeError):
        return {}
    return found


def compiled(text: str, file: str) -> Node | None:
    """The nodes of a text that was compiled; None for any other. file: the name that they show."""
    tree = _trees().get(key_of(text))
    return None if tree is None else node_of_plain(marshal.loads(tree), file)


def tree_of(text: str, file: str) -> Node:
    """The nodes of a text without mistakes, compiled or not."""
    known = compiled(text, file)
    return parse(text, file) if known is None else known


def write(package: "Path") -> None:
    """Compile every YAML file of a package folder into it."""
    trees = {}
    for path in sorted(package.glob("**/*.yaml")):
        text = path.read_text(encoding="utf-8")
        trees[key_of(text)] = marshal.dumps(as_plain(parse(text, "")), 4)
    (package / "catalog" / os.path.basename(FILE)).write_bytes(marshal.dumps(trees, 4))


def as_plain(node: Node) -> tuple[Any, ...]:
    """A tree as tuples, dictionaries and words, but for the name of its file."""
    value: Any = node.value
    if isinstance(value, dict):
        value = {key: as_plain(child) for key, child in value.items()}
    elif isinstance(value, tuple):
        value = tuple(map(as_plain, value))
    return (value, node.line, node.column, node.quoted, node.key, node.path)


def node_of_plain(plain: tuple[Any, ...], file: str) -> Node:
    """The tree again. file: the name that it shows."""
    value, line, column, quoted, key, path = plain
    if isinstance(value, dict):
        value = {name: node_of_plain(child, file) for name, child in value.items()}
    elif isinstance(value, tuple):
        value = tuple([node_of_plain(child, file) for child in value])
    return Node(value, file, line, column, quoted, key, path)
