"""What about an estimate no measurement has, found in the graph of its figures."""

from collections.abc import Iterable, Mapping
from math import isfinite
from operator import attrgetter

from rackcalc.quantities.quantity import Quantity, leaves_behind
from rackcalc.quantities.record import record

FILE = "novelty"  # the place of the leaves that novelty.py makes
DOUBTFUL = 2.0  # times too much or too little: a figure is not to be relied on


@record
class Unseen:
    """What is new about a figure, in words, each once. widest: the largest factor that a pass below it may be off by.

    measured: whether it rests on a pass of a serving engine, which measurements can be near to or far from.
    """

    new: tuple[str, ...] = ()
    widest: float = 1.0
    measured: bool = False

    @property
    def count(self) -> int:
        """How much is new."""
        return len(self.new)


NOTHING = Unseen()


def joined(parts: Iterable[Unseen]) -> Unseen:
    """What is new about several figures together."""
    whole = NOTHING
    for part in parts:
        if part is not whole and part is not NOTHING:
            new = tuple(dict.fromkeys((*whole.new, *part.new)))
            whole = part if whole is NOTHING else Unseen(new, max(whole.widest, part.widest), True)
    return whole


def unseen(figures: Iterable[Quantity | None]) -> Unseen:
    """What is new about the passes of serving engines below some figures."""
    leaves = filter(None, map(_of_leaf, leaves_behind(x for x in figures if x is not None)))
    return joined(sorted(leaves, key=attrgetter("new", "widest")))


def unseen_by_path(figures: Mapping[str, Quantity]) -> dict[str, Unseen]:
    """What is new about each figure. What figures share is looked at once."""
    known: dict[int, Unseen] = {}
    if not any(map(_of_leaf, leaves_behind(figures.values()))):  # no serving engine
        return dict.fromkeys(figures, NOTHING)
    for figure in figures.values():
        stack = [figure]
        while stack:
            node = stack[-1]
            waiting = [x for x in node.inputs.values() if id(x) not in known]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if id(node) not in known:
                new = [part for part in map(known.__getitem__, map(id, node.inputs.values())) if part is not NOTHING]
                known[id(node)] = joined(new) if new else _of_leaf(node) or NOTHING
    return {path: known[id(figure)] for path, figure in figures.items()}


def _of_leaf(node: Quantity) -> Unseen | None:
    source = node.source
    if node.formula is not None or source is None or source.file != FILE:
        return None
    words = source.note.partition(": ")[2]
    return Unseen(tuple(words.split(", ")) if words else (), float(node.high or 1.0), True)


def doubtful(figure: Quantity, found: Unseen, interval: tuple[float, float] | None) -> bool:
    """Whether a figure is not to be relied on: measurements could tell, and it may be off by more than DOUBTFUL.

    interval: its 80 % interval; without one, what is new about it decides.
    """
    value = float(figure.value)
    if not found.measured or not isfinite(value) or value <= 0:
        return False
    if interval is None:
        return found.widest > DOUBTFUL
    low, high = interval
    return bool(high > DOUBTFUL * value or low < value / DOUBTFUL)
