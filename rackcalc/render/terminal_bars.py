"""Bars drawn with characters: blocks of Unicode where the terminal has them, plain ones where it has not."""

import os
import sys
from collections.abc import Iterator, Sequence

from rackcalc.quantities.record import record

EIGHTHS = " ▏▎▍▌▋▊▉"
LONGEST = 48  # characters of a bar: longer ones are no easier to compare
LEAST = 8  # a shorter bar says nothing: then it gets a line of its own
GAP = "  "


@record
class Marks:
    """The characters of a drawing. shades: of the parts of a bar, in order; the last one is for what is left over."""

    shades: str
    limit: str
    beyond: str
    axis: str
    eighths: str = ""


BLOCKS = Marks("█▓▒░", "┃", "▶", "│", EIGHTHS)
PLAIN = Marks("#=-.", "|", ">", "|")


def marks() -> Marks:
    """The characters that standard output can show: plain ones on a dumb terminal or without Unicode."""
    if os.environ.get("TERM", "") in ("", "dumb") and sys.stdout.isatty():
        return PLAIN
    try:
        f"{BLOCKS.shades}{BLOCKS.limit}{BLOCKS.beyond}{BLOCKS.axis}{EIGHTHS}".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCKS


def stacked(parts: Sequence[float], width: int, drawn: Marks, limit: float | None = None) -> str:
    """A bar of parts one after the other, each a share of the width. limit: a share at which a mark stands.

    A single part is drawn to an eighth of a character where there are such characters. What lies beyond the width is
    cut off with a mark.

    >>> stacked([0.5, 0.25], 8, PLAIN), stacked([0.5], 8, PLAIN, 0.75), stacked([2.0], 8, PLAIN)
    ('####==', '####  |', '#######>')
    """
    cells: list[str] = []
    at, whole = 0.0, 0.0
    for place, part in enumerate(parts):
        whole += part
        end = min(whole, 1.0) * width
        cells += drawn.shades[min(place, len(drawn.shades) - 1)] * (round(end) - len(cells))
        at = end
    if len(parts) == 1 and drawn.eighths:
        full, eighth = divmod(round(at * 8), 8)
        cells = [drawn.shades[0]] * full + [drawn.eighths[eighth]] * (eighth > 0)
    if not cells and whole > 0:
        cells = [drawn.eighths[1] if drawn.eighths else drawn.shades[-1]]  # a little is not nothing
    if whole > 1:
        cells = [*cells[: width - 1], drawn.beyond]
    if limit is not None and 0 <= limit <= 1:
        place = min(int(limit * width), width - 1)
        cells += [" "] * (place + 1 - len(cells))
        cells[place] = drawn.limit
    return "".join(cells).rstrip()


def shares_bar(shares: Sequence[float], width: int) -> str:
    """One bar of the shares of a whole, in the order in which a sentence names them; what is left over comes last."""
    drawn = marks()
    most = len(drawn.shades) - 1
    named = [*shares[:most], *[0.0] * (most - len(shares))]
    return stacked([*named, max(0.0, 1 - sum(named))], min(LONGEST, width), drawn)


def both_ways(value: float, low: float, high: float, width: int, drawn: Marks) -> str:
    """A bar that starts at zero: to the left below it, to the right above it. low <= 0 <= high: of all such bars.

    >>> both_ways(-2.0, -2.0, 2.0, 9, PLAIN), both_ways(2.0, -2.0, 2.0, 9, PLAIN)
    ('####|', '    |####')
    """
    room = width - 1
    left = round(room * -low / (high - low)) if high > low else 0
    left = min(max(left, 1 if low < 0 else 0), room - (1 if high > 0 else 0))
    if value < 0:
        length = max(1, round(left * value / low))
        return " " * (left - length) + drawn.shades[0] * length + drawn.axis
    length = max(1, round((room - left) * value / high)) if value > 0 else 0
    return " " * left + drawn.axis + drawn.shades[0] * length


def bar_width(labels: Sequence[str], texts: Sequence[str], width: int) -> int:
    """Characters that are left for bars between labels and texts; 0 where too few are, see rows()."""
    room = width - 2 - max(map(len, labels)) - max(map(len, texts)) - 2 * len(GAP)
    return min(LONGEST, room) if room >= LEAST else 0


def rows(lines: Sequence[tuple[str, str, str]], beside: bool) -> Iterator[str]:
    """Lines of label, bar and text. beside: all in one line; else the bar below the other two."""
    label = max(len(line[0]) for line in lines)
    bar = max(len(line[1]) for line in lines)
    text = max(len(line[2]) for line in lines)
    for name, drawn, said in lines:
        if beside:
            yield f"  {name.ljust(label)}{GAP}{drawn.ljust(bar)}{GAP}{said.rjust(text)}".rstrip()
        else:
            yield f"  {name}{GAP}{said}".rstrip()
            if drawn.strip():
                yield f"    {drawn}"
