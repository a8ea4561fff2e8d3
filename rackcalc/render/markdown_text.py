"""Markdown that contains other people's words: escaped text, and the rows of a table."""

from collections.abc import Iterable


def escape(text: str) -> str:
    """Text that cannot end a table cell or start markup."""
    for character in "\\`*_{}[]<>|":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")


def table_row(cells: Iterable[str]) -> str:
    """A row of a table. The cells must be escaped."""
    return f"| {' | '.join(cells)} |"
