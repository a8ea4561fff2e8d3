"""Many racks from standard input, read one at a time, so that memory does not grow with their number.

The stream consists of lines, each with the path of a file, the name of a bundled rack, or a rack as a JSON object; or
of YAML documents with a line `---` between them. The first line that is neither blank nor a comment shows which.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from rackcalc.config.racks import find_rack
from rackcalc.config.text_files import MAX_BYTES, decode
from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.quantities.record import record

# The name to show for a rack, and a function that reads it: text, name of the file, lines of the file before the text.
RackSource = tuple[str, Callable[[], tuple[str, str, int]]]
STDIN = "<stdin>"
_BOM = b"\xef\xbb\xbf"
_MARKER = rb"(---|\.\.\.)(\s|$)"
_YAML = rb"---(\s|$)|[%\[!&]|[\"']?[\w.-]+[\"']?\s*:(\s|$)|\{(.*[^}\s])?\s*$"


@record
class Entry:
    """One rack of the stream. named: data is its path or name, not the rack. line_offset: lines before it."""

    data: bytes
    line_offset: int
    named: bool = False

    @property
    def shown(self) -> str:
        """The name to show: the path or name, or the place in the stream."""
        return (
            self.data.decode("utf-8", "backslashreplace").strip() if self.named else f"{STDIN}:{self.line_offset + 1}"
        )

    def read(self) -> tuple[str, str, int]:
        """Text, name of the file, lines of the file before the text. InputError, with its place, without a text."""
        if not self.named:
            return decode(self.data, STDIN, self.line_offset), STDIN, self.line_offset
        name = decode(self.data, STDIN, self.line_offset).strip()
        if name == "-":
            raise failure("standard input is being read already", STDIN, self.line_offset + 1, 1, name)
        try:
            return *find_rack(name), 0
        except InputError as error:
            raise InputError([self._at_this_line(problem) for problem in error.problems]) from None

    def _at_this_line(self, problem: Problem) -> Problem:
        """The problem itself, or, for a file that cannot be read, a problem at the line that names the file."""
        return problem if problem.line else Problem(STDIN, self.line_offset + 1, 1, self.shown, problem.message)


def from_file(rack: str) -> RackSource:
    """The source of a rack named on the command line: a file, a bundled rack, or the whole of standard input."""
    return rack, lambda: (*find_rack(rack), 0)


def racks_of_arguments(racks: Iterable[str]) -> Iterator[RackSource]:
    """The sources of all racks on the command line; "-" stands for every rack on standard input."""
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
        elif re.match(_YAML, line.removeprefix(_BOM).lstrip()):
            yield from _documents(stream, [*before, line])
        else:
            yield from _each_line(stream, line, len(before))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream. Of a line that is far too long only the beginning is kept."""
    while line := stream.readline(MAX_BYTES + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_BYTES + 1)
        yield line


def _significant(line: bytes) -> bool:
    content = line.removeprefix(_BOM).strip()
    return bool(content) and not content.startswith(b"#")


def _each_line(stream: BinaryIO, line: bytes, line_offset: int) -> Iterator[Entry]:
    for number, found in enumerate(chain([line], _lines(stream)), line_offset):
        if _significant(found) and not re.match(_MARKER, found):
            yield Entry(found.rstrip(), number, named=not found.removeprefix(_BOM).lstrip().startswith(b"{"))


def _documents(stream: BinaryIO, begun: list[bytes]) -> Iterator[Entry]:
    """The YAML documents of a stream. begun: lines that were read already; the last of them begins a document."""
    line_offset, size, parts = 0, 0, begun
    for number, line in enumerate(_lines(stream), len(begun)):
        if re.match(_MARKER, line):
            if _holds_something(parts):
                yield Entry(b"".join(parts), line_offset)
            line_offset, size, parts = number, 0, []
        if size <= MAX_BYTES:  # a larger document is refused anyway: no need to keep all of it
            parts.append(b"\n" if line.startswith(b"...") else line)
            size += len(line)
    if _holds_something(parts):
        yield Entry(b"".join(parts), line_offset)


def _holds_something(lines: list[bytes]) -> bool:
    return any(_significant(line.removeprefix(b"---")) for line in lines)
