"""The name of a figure on a page, with its meaning on hover."""

from rackcalc.estimation.figure_meanings import meaning_of
from rackcalc.render.html.markup import escaped, tag


def hint(path: str) -> str:
    """A path and what it means, as text."""
    known = meaning_of(path)
    return f"{path}: {known.meaning}" if known else path


def figure_name(path: str) -> str:
    """The path as markup."""
    known = meaning_of(path)
    return tag("span", escaped(path), title=known.meaning) if known else escaped(path)
