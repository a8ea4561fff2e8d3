"""Bars beside numbers: a table in which every row has a small picture. The table is its own text alternative."""

import re
from collections.abc import Iterable, Sequence

from rackcalc.render.html.markup import box, escaped, line, tag

Piece = tuple[float, float, str]  # where it starts and ends, as shares of the width, and its class


def bar(pieces: Iterable[Piece], limit: float | None = None) -> str:
    """A bar of pieces. limit: where a line marks the limit. Screen readers leave it out: the numbers say it all."""
    drawn = [
        box(100 * max(start, 0), 2, 100 * (min(end, 1) - max(start, 0)), 12, style) for start, end, style in pieces
    ]
    if limit is not None:
        drawn.append(line(100 * limit, 0, 100 * limit, 16, "mark"))
    return tag(
        "svg", "".join(drawn), class_="bar", viewBox="0 0 100 16", preserveAspectRatio="none", aria_hidden="true"
    )


def _is_long(markup: str) -> bool:
    """Whether a cell says more than a number, and may be broken on a phone."""
    return len(re.sub(r"<[^>]*>", "", markup)) > 18


def rows(caption: str, head: Sequence[str], lines: Iterable[tuple[str, str, Sequence[str]]], long: bool = False) -> str:
    """A table of bars. head: titles of name, bar and numbers. lines: name as markup, bar, and numbers as markup.

    long: whether names are so long that on a phone they have a line of their own.
    """
    titles = tag("tr", "".join(tag("th", escaped(cell), scope="col") for cell in head))
    body = "".join(
        tag(
            "tr",
            tag("th", name, scope="row")
            + tag("td", drawn, class_="bar")
            + "".join(tag("td", cell, class_="long" if _is_long(cell) else None) for cell in numbers),
        )
        for name, drawn, numbers in lines
    )
    return tag(
        "table",
        tag("caption", escaped(caption)) + tag("thead", titles) + tag("tbody", body),
        class_="bars named" if long else "bars",
    )
