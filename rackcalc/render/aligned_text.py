"""Tables of plain text: columns aligned with blanks, and the width of a line."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

GAP = 2  # blanks between columns
APART = "   "  # between what stands in one line and is not in columns
_for_a_file: ContextVar[bool] = ContextVar("_for_a_file", default=False)
_GLUE = "\ue000"  # no blank to textwrap or rich, and in no text
# blanks after which no line begins: before a unit, in an interval, and after a sign of comparison
_TOGETHER = re.compile(
    r"(?<=\d) (?=(?:%|[A-Za-z]+/[A-Za-z/]+|[A-Za-z]{1,5})(?:[\s,;:.)]|$))|(?<=\S) \.\. (?=\S)|(?<=[=<>]) (?=[\d-])"
)
PIPE_WIDTH = 10_000  # a pipe has no width: nothing may be cut or folded


def aligned(
    rows: Sequence[Sequence[str]], left: int = 1, width: int = PIPE_WIDTH, headed: bool = False
) -> Iterator[str]:
    """The rows as lines. left: how many columns are aligned on the left; the others are aligned on the right.

    Rows may have fewer cells than others. A row with a single cell is a heading, and does not widen the first column.
    A table that is wider than `width` becomes a list. headed: its first row has the headings of the columns.
    """
    lines = list(_side_by_side(rows, left))
    yield from lines if max(map(len, lines), default=0) <= width else _one_below_another(rows, headed, width)


def _side_by_side(rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    table = [row for row in rows if len(row) > 1]
    most = max(map(len, table), default=0)
    widths = [max(len(row[column]) for row in table if len(row) > column) for column in range(most)]
    for row in rows:
        if len(row) == 1:
            yield row[0].rstrip()
            continue
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield (" " * GAP).join(cells).rstrip()


def _one_below_another(rows: Sequence[Sequence[str]], headed: bool, width: int) -> Iterator[str]:
    """Every row as a list: its first cell, and below it the others, each after the heading of its column.

    As many of them stand in a line as find room.
    """
    head: Sequence[str] = rows[0] if headed else ()
    for row in rows[1:] if headed else rows:
        indent = " " * (len(row[0]) - len(row[0].lstrip()))
        yield f"{head[0]} {row[0]}".strip() if headed and head[0] and len(row) > 1 else row[0].rstrip()
        if headed:
            named = [f"{name}  {cell.strip()}" for name, cell in zip(head[1:], row[1:], strict=False) if cell.strip()]
            yield from packed(named, f"{indent}    ", width)
        elif len(row) > 1:
            yield f"{indent}    {' '.join(cell.strip() for cell in row[1:])}".rstrip()


def packed(pieces: Sequence[str], indent: str, width: int) -> Iterator[str]:
    """Pieces side by side in as few lines as they fit in."""
    line = ""
    for piece in pieces:
        if line and len(line) + len(APART) + len(piece) > width:
            yield line
            line = ""
        line = f"{line}{APART}{piece}" if line else f"{indent}{piece}"
    if line:
        yield line


def together(text: str) -> str:
    """The text with blanks that do not break where no line may break."""
    return _TOGETHER.sub(lambda blank: blank[0].replace(" ", _GLUE), text)


def apart(text: str) -> str:
    """The text with plain blanks again."""
    return text.replace(_GLUE, " ")


def wrapped(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    """Text in lines of at most `width`, broken between words, but not between a number and its unit or interval.

    first, others: what stands before the first line, and before the others.
    """
    if text and len(first) + len(text) <= width and " ".join(text.split()) == text:
        return [first + text]  # a pipe has any width
    import textwrap

    lines = textwrap.wrap(
        together(text),
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [apart(line) for line in lines]


def fitted(text: str, width: int) -> str:
    """Text whose longer lines are folded between words, further in than they begin; a word is never broken."""
    if max(map(len, text.splitlines()), default=0) <= width:
        return "".join(f"{line}\n" for line in text.splitlines())

    lines = []
    for line in text.splitlines():
        if len(line) <= width:
            lines.append(line)
            continue
        begins = re.match(r" *(?:PASS |WARN |FAIL |ERROR |\| )?", line)
        assert begins is not None
        own, after = (
            line[: len(line) - len(line.lstrip())],
            " " * min(max(begins.end(), len(begins[0])) + 2, width // 2),
        )
        lines += wrapped(line.strip(), width, own, after)
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def full_width() -> Iterator[None]:
    """Inside this context lines have their full width, because they are written to a file."""
    token = _for_a_file.set(True)
    try:
        yield
    finally:
        _for_a_file.reset(token)


def line_width() -> int:
    """Characters of a line of standard output: those of the terminal, or PIPE_WIDTH where it is none."""
    if _for_a_file.get() or not sys.stdout.isatty():
        return PIPE_WIDTH
    return terminal_width()


def terminal_width() -> int:
    """Characters of a line of the terminal, and 40 of a narrower one."""
    import shutil

    return max(40, shutil.get_terminal_size((80, 24)).columns)
