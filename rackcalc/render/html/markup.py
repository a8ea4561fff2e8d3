"""HTML and SVG as text. Whatever comes from a rack file passes through escaped(): nothing in it can be markup."""

import html
import re
from collections.abc import Iterable, Sequence

from rackcalc.quantities.problems import printable

LISTED = ("claims", "compared", "listed")  # classes of tables that become lists on phones


def escaped(text: object) -> str:
    """Text as text, whatever is in it."""
    return html.escape(printable(str(text)))


def breakable(text: str) -> str:
    """The path of a figure as text that may be broken after its dots and underscores."""
    return re.sub(r"(?<=[a-z])([._])(?=[a-z])", r"\1<wbr>", escaped(text))


def tag(name: str, content: str = "", **attributes: object) -> str:
    """An element with its end tag. content is markup; attributes are escaped. class_, for_: class, for; a_b: a-b."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{shown}>{content}</{name}>"


def picture(identity: str, title: str, description: str, width: float, height: float, drawn: Iterable[str]) -> str:
    """An SVG that is as wide as its place, with a title and a description for those who do not see it."""
    names = f"{identity}-title {identity}-text"
    inside = tag("title", escaped(title), id=f"{identity}-title") + tag(
        "desc", escaped(description), id=f"{identity}-text"
    )
    return tag(
        "svg",
        inside + "".join(drawn),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_labelledby=names,
    )


def words(x: float, y: float, text: str, anchor: str = "start", class_: str | None = None) -> str:
    """Text in a picture."""
    return tag("text", escaped(text), x=f"{x:.5g}", y=f"{y:.5g}", text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line in a picture."""
    return tag("line", x1=f"{x1:.5g}", y1=f"{y1:.5g}", x2=f"{x2:.5g}", y2=f"{y2:.5g}", class_=class_)


def box(x: float, y: float, width: float, height: float, class_: str, hint: str = "") -> str:
    """A rectangle in a picture. hint: what is said of it on hover."""
    told = tag("title", escaped(hint)) if hint else ""
    return tag(
        "rect",
        told,
        x=f"{x:.5g}",
        y=f"{y:.5g}",
        width=f"{max(width, 0):.5g}",
        height=f"{max(height, 0):.5g}",
        class_=class_,
    )


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], class_: str | None = None) -> str:
    """A table. The cells are markup; the first of a row names it. Cells know their heading, for lists on phones."""
    titles = tag("tr", "".join(tag("th", breakable(cell), scope="col") for cell in head))
    body = "".join(
        tag(
            "tr",
            tag("th", row[0], scope="row")
            + "".join(
                tag("td", cell, data_head=name if class_ in LISTED else None)
                for name, cell in zip(head[1:], row[1:], strict=True)
            ),
        )
        for row in rows
    )
    return tag("table", tag("caption", escaped(caption)) + tag("thead", titles) + tag("tbody", body), class_=class_)


def numbers_behind(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The table behind a picture, closed until it is asked for."""
    return tag(
        "details",
        tag("summary", escaped(f"In numbers: {caption[:1].lower()}{caption[1:]}"))
        + scrolled(table(caption, head, rows)),
    )


def scrolled(content: str) -> str:
    """What may be wider than a phone, in a frame of its own that scrolls and that the keyboard reaches."""
    return tag("div", content, class_="wide", tabindex="0", role="region", aria_label="table")


def section(identity: str, title: str, content: str, closed: bool = False) -> str:
    """A section of the page; "" without content. closed: all of it is closed at first, so paper goes without it."""
    style = "closed" if closed else None
    return tag("section", tag("h2", escaped(title)) + content, id=identity, class_=style) if content else ""
