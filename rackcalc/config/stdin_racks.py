"""Many racks on standard input, read one at a time, so that memory does not grow with their number.

Either lines, each a file's path, the name of a bundled rack, or a rack as a JSON object; or YAML documents with a line
`---` between them. The first line that is neither blank nor a comment tells which.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from rackcalc.config.document import MAX_BYTES, decoded
from rackcalc.config.racks import find_rack
from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.quantities.record import record

# what a rack is called, and how to read it: text, name of the file, lines of the file before the text
Source = tuple[str, Callable[[], tuple[str, str, int]]]
STDIN = "<stdin>"
_BOM = b"\xef\xbb\xbf"
_MARKER = re.compile(rb"(---|\.\.\.)(\s|$)")
_YAML = re.compile(rb"---(\s|$)|[%\[!&]|[\"']?[\w.-]+[\"']?\s*:(\s|$)|\{(.*[^}\s])?\s*$")


@record
class Entry:
    """One rack of the stream. named: its path or name, not the rack itself. above: lines of the stream before it."""

    data: bytes
    above: int
    named: bool = False

    @property
    def shown(self) -> str:
        """What to call it: the path or name, or its place in the stream."""
        return self.data.decode("utf-8", "backslashreplace").strip() if self.named else f"{STDIN}:{self.above + 1}"

    def read(self) -> tuple[str, str, int]:
        """Text, name of the file, lines of the file before the text. InputError, with place, when there is none."""
        if not self.named:
            return decoded(self.data, STDIN, self.above), STDIN, self.above
        name = decoded(self.data, STDIN, self.above).strip()
        if name == "-":
            raise failure("standard input is being read already", STDIN, self.above + 1, 1, name)
        try:
            return *find_rack(name), 0
        except InputError as error:
            raise InputError([self._placed(problem) for problem in error.problems]) from None

    def _placed(self, problem: Problem) -> Problem:
        """A file that cannot be read is a problem of the line that names it."""
        return problem if problem.line else Problem(STDIN, self.above + 1, 1, self.shown, problem.message)


def from_file(rack: str) -> Source:
    """A rack of the command line: a file, a bundled rack, or standard input as a whole."""
    return rack, lambda: (*find_rack(rack), 0)


def many(racks: Iterable[str]) -> Iterator[Source]:
    """The racks of the command line, with those on standard input in the place of -."""
    for rack in racks:
        if rack != "-":
            yield from_file(rack)
        elif sys.stdin is not None:
            yield from ((entry.shown, entry.read) for entry in entries(sys.stdin.buffer))


def entries(stream: BinaryIO) -> Iterator[Entry]:
    """The racks of a stream, in order."""
    before: list[bytes] = []
    for line in _lines(stream):
        if not _significant(line):
            before.append(line)
        elif _YAML.match(line.removeprefix(_BOM).lstrip()):
            yield from _documents(stream, [*before, line])
        else:
            yield from _each_line(stream, line, len(before))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream; of one that is far too long only the beginning."""
    while line := stream.readline(MAX_BYTES + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_BYTES + 1)
        yield line


def _significant(line: bytes) -> bool:
    content = line.removeprefix(_BOM).strip()
    return bool(content) and not content.startswith(b"#")


def _each_line(stream: BinaryIO, line: bytes, above: int) -> Iterator[Entry]:
    for number, found in enumerate(chain([line], _lines(stream)), above):
        if _significant(found) and not _MARKER.match(found):
            yield Entry(found.rstrip(), number, named=not found.removeprefix(_BOM).lstrip().startswith(b"{"))


def _documents(stream: BinaryIO, begun: list[bytes]) -> Iterator[Entry]:
    """begun: the lines read already, the last of which is the first of a document."""
    above, size, parts = 0, 0, begun
    for number, line in enumerate(_lines(stream), len(begun)):
        if _MARKER.match(line):
            if _holds_something(parts):
                yield Entry(b"".join(parts), above)
            above, size, parts = number, 0, []
        if size <= MAX_BYTES:  # one that is larger is refused, and need not be kept whole for that
            parts.append(b"\n" if line.startswith(b"...") else line)
            size += len(line)
    if _holds_something(parts):
        yield Entry(b"".join(parts), above)


def _holds_something(lines: list[bytes]) -> bool:
    return any(_significant(line.removeprefix(b"---")) for line in lines)
