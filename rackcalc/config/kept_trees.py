"""Node trees of rack files read before, kept in the user's cache directory: reading one again needs no YAML parser.

A tree is kept with its whole text and found by it, so a file that changed in any way is read anew; and it is good for
one version of the program and of its parser. A file with mistakes is not kept. Where nothing can be written, or Python
is told to write no bytecode, nothing is kept.
"""

import marshal
import os
import sys
from contextlib import suppress

from rackcalc.config import document
from rackcalc.config.compiled import as_plain, key_of, node_of_plain
from rackcalc.config.document import Node
from rackcalc.version import __version__

MOST = 64  # files


def folder() -> str:
    """Where trees are kept."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # as the XDG base directory specification says
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "rackcalc", "trees")


def _reader() -> tuple[str, str, int, int]:
    """What read a text: the version of the program, of Python, and of the parser's file."""
    stat = os.stat(document.__file__)
    return __version__, sys.version, stat.st_size, stat.st_mtime_ns


def _file(text: str) -> str:
    return os.path.join(folder(), "{}-{:08x}-{:08x}".format(*key_of(text)))


def kept(text: str, file: str) -> Node | None:
    """The nodes of a text that was read before; None for any other. file: the name that they show."""
    try:
        with open(_file(text), "rb") as stream:
            reader, known, tree = marshal.load(stream)
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return node_of_plain(tree, file) if (reader, known) == (_reader(), text) else None


def keep(text: str, tree: Node) -> None:
    """Keep the nodes of a text without mistakes. Nobody sees half a file: it gets its name when it is whole."""
    if sys.dont_write_bytecode:
        return
    path = _file(text)
    half = f"{path}.{os.getpid()}"
    with suppress(OSError, ValueError):
        os.makedirs(folder(), mode=0o700, exist_ok=True)  # a file that others may not read has its text here
        with open(half, "wb") as stream:
            marshal.dump((_reader(), text, as_plain(tree)), stream, 4)
        os.replace(half, path)
        _leave_newest()


def _leave_newest() -> None:
    """Remove the files written longest ago, beyond so many."""
    found = sorted(os.scandir(folder()), key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    for entry in found[MOST:]:
        os.remove(entry.path)
