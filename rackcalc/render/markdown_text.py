"""Markdown that contains other people's words: escaped text, and the rows of a table."""

import re
from collections.abc import Iterable

# What code hosts turn into a mention, a link, or a reference that the other page then shows.
_LINKING = re.compile(r"@(?=\w)|:(?=//)|\bwww(?=\.)|[#!](?=\d)", re.IGNORECASE)
_BREAK = "&#8203;"  # a space of no width; "&#64;" would not do, because hosts look for names in the rendered text


def escape(text: str) -> str:
    """Text that cannot end a table cell, start markup, call anybody, or become a link."""
    for character in "\\`*_{}[]<>|~":
        text = text.replace(character, "\\" + character)
    return without_links(text.replace("&", "&amp;").replace("\n", " ").replace("\r", " "))


def without_links(text: str) -> str:
    """Text of Markdown or HTML in which no name is called and no address is a link."""
    return _LINKING.sub(lambda found: found[0] + _BREAK, text)


def table_row(cells: Iterable[str]) -> str:
    """A row of a table. The cells must be escaped."""
    return f"| {' | '.join(cells)} |"
