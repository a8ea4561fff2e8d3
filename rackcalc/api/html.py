"""Tables for notebooks: one self-contained HTML element, in which nothing that a rack file says can be markup."""

import html
from collections.abc import Container, Iterable, Sequence

from rackcalc.quantities.problems import printable

_LEFT = ' style="text-align:left"'
_RIGHT = ' style="text-align:right"'


def escaped(text: str) -> str:
    """Text as text, whatever is in it."""
    return html.escape(printable(text))


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    below: Iterable[str] = (),
    left: Container[int] = (0,),
) -> str:
    """A table. A row of one cell is a heading. below: lines under it. left: places of the columns flush left."""

    def line(tag: str, cells: Sequence[str]) -> str:
        sides = (_LEFT if place in left else _RIGHT for place in range(len(cells)))
        made = (f"<{tag}{side}>{escaped(cell)}</{tag}>" for side, cell in zip(sides, cells, strict=True))
        return f"<tr>{''.join(made)}</tr>"

    whole = f'colspan="{len(head)}"{_LEFT}'
    title = f"<caption{_LEFT}><b>{escaped(caption)}</b></caption>" if caption else ""
    body = [line("td", row) if len(row) > 1 else f"<tr><th {whole}>{escaped(row[0])}</th></tr>" for row in rows]
    said = "<br>".join(map(escaped, below))
    foot = f"<tfoot><tr><td {whole}>{said}</td></tr></tfoot>" if said else ""
    return "\n".join([f"<table>{title}<thead>{line('th', head)}</thead><tbody>", *body, f"</tbody>{foot}</table>"])


def lines(text: str) -> str:
    """Text in lines as it stands."""
    return f"<pre>{html.escape(text)}</pre>"
