"""The figures whose explanation a page refers to, each with the id of the place where it is explained."""

from collections.abc import Iterator

from rackcalc.quantities.quantity import Quantity
from rackcalc.render.html.figure_name import hint
from rackcalc.render.html.markup import escaped, tag

Key = tuple[str, str]  # what the figure is of, where a page shows several racks or points; its path


class Reasons:
    """What was asked for, in order. prefix: of all ids, so that several estimates fit on one page."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.asked: dict[Key, Quantity] = {}

    def id(self, name: str) -> str:
        """An id on the page."""
        return f"{self.prefix}{name}"

    def link(self, path: str, quantity: Quantity, text: str, of: str = "") -> str:
        """A text as a link to the explanation of the figure at a path. of: the rack or point it is a figure of."""
        self.asked.setdefault((of, path), quantity)
        return tag("a", escaped(text), href=f"#{self.place((of, path))}", title=hint(path))

    def place(self, key: Key) -> str:
        """The id of an explanation: its number, as a path may hold anything."""
        return self.id(f"why-{list(self.asked).index(key)}")

    def items(self) -> Iterator[tuple[Key, Quantity]]:
        """What was asked for."""
        return iter(self.asked.items())
