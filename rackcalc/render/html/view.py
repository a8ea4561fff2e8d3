"""What the pictures are made of: the figures of one estimate as text, the leaves they rest on, and links to reasons."""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

from rackcalc.quantities.quantity import Quantity, all_behind
from rackcalc.render.cells import cell
from rackcalc.render.estimate_summary import Figures
from rackcalc.render.html.reasons import Reasons


class View:
    """One estimate on a page. prefix: of all its ids, so that several estimates fit on one page.

    leaves: by name, the first of each. reasons: figures whose explanation the page refers to.
    gates: upper limits on figures, from the gates of the rack file, in canonical units.
    """

    def __init__(self, report: Any, interval: bool, prefix: str, judged: Sequence[Any] = ()) -> None:
        self.report, self.reasons = report, Reasons(prefix)
        self.known = Figures(report, interval)
        self.leaves = leaves_of(self.known.table.values())
        self.gates: dict[str, float] = {}
        for one in judged:
            if one.condition.operator in (">", ">=") and not one.condition.delta:
                self.gates[one.condition.path] = min(one.limit, self.gates.get(one.condition.path, one.limit))

    def id(self, name: str) -> str:
        """An id on the page."""
        return self.reasons.id(name)

    def why(self, path: str, text: str = "") -> str:
        """The figure at a path as text, or another text, as a link to its explanation."""
        return self.reasons.link(path, self.known.table[path], text or self.known.text(path))

    def value(self, path: str) -> float | None:
        """A figure in canonical units; None where there is none, or none that is a finite number."""
        found = self.known.table.get(path)
        return float(found.value) if found is not None and found.known and isfinite(float(found.value)) else None

    def text(self, path: str, value: float) -> str:
        """Another value of the figure at a path, in three digits."""

        from rackcalc.quantities.record import replace

        return cell(path, replace(self.known.table[path], value=value), 3)


def leaves_of(quantities: Iterable[Quantity]) -> dict[str, Quantity]:
    """Every leaf that these rest on, by its name."""
    found: dict[str, Quantity] = {}
    for one in all_behind(quantities):
        if one.formula is None:
            found.setdefault(one.name, one)
    return found
