"""Tables of plain text: columns aligned with blanks, and the width of a line."""

import shutil
import sys
from collections.abc import Iterator, Sequence

GAP = 2  # blanks between columns
PIPE_WIDTH = 10_000  # a pipe has no width: nothing may be cut or folded


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> Iterator[str]:
    """The rows as lines. left: how many columns are aligned on the left; the others are aligned on the right.

    Rows may have fewer cells than others. A row with a single cell is a heading, and does not widen the first column.
    """
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


def line_width() -> int:
    """Characters of a line of standard output: those of the terminal, or PIPE_WIDTH where it is none."""
    if not sys.stdout.isatty():
        return PIPE_WIDTH
    return max(40, shutil.get_terminal_size((80, 24)).columns)
