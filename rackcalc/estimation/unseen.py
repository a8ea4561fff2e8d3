"""What about an estimate no measurement has, found in the graph of its figures."""

from collections.abc import Iterable

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record

FILE = "novelty"  # the place of the leaves that novelty.py makes
DOUBTFUL = 2.0  # times too much or too little: a figure is not to be relied on


@record
class Unseen:
    """What is new about an estimate, in words, each once. widest: the largest factor that a time may be off by."""

    new: tuple[str, ...] = ()
    widest: float = 1.0

    @property
    def count(self) -> int:
        """How much is new."""
        return len(self.new)


def unseen(figures: Iterable[Quantity | None]) -> Unseen:
    """What is new about the passes of serving engines below some figures."""
    stack, met = [figure for figure in figures if figure is not None], set()
    found: dict[str, None] = {}
    widest = 1.0
    while stack:
        node = stack.pop()
        if id(node) in met:
            continue
        met.add(id(node))
        stack += node.inputs.values()
        source = node.source
        if node.formula is None and source is not None and source.file == FILE:
            words = source.note.partition(": ")[2]
            found |= dict.fromkeys(words.split(", ") if words else ())
            widest = max(widest, float(node.high or 1.0))
    return Unseen(tuple(found), widest)
