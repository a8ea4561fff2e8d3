"""Why a figure moved: its change split over what it is made of, so that the parts add up to the whole change.

The recorded graphs of the old and the new figure are walked together. Where both have the same formula, its change is
split over those inputs that differ, by their Shapley values: the mean, over all orders in which the inputs could be put
from old to new one after the other, of what each moves (of a sum simply each term's own change). An input's share is
then split over its inputs in the same proportions. It ends at leaves, at different formulas, and where a formula has no
number half-way between old and new.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from math import isfinite

from rackcalc.quantities.quantity import Formula, Quantity
from rackcalc.quantities.record import record

MOST = 5  # inputs that differ, up to which all orders are tried; beyond, one order and its reverse


@record
class Part:
    """What one thing contributes to a change, in the figure's unit. old, new: itself; None where there is none."""

    name: str
    contribution: float
    old: Quantity | None
    new: Quantity | None


def by_terms(old: Quantity, new: Quantity, names: Mapping[int, str]) -> list[Part]:
    """The change by the figures it passes through first. names: of the figures of both results, by id."""
    return _split(old, new, lambda o, n: names.get(id(n)) or names.get(id(o)) or "", names)


def by_inputs(old: Quantity, new: Quantity, names: Mapping[int, str]) -> list[Part]:
    """The change down to leaves, and to parts that are computed in different ways."""
    return _split(old, new, lambda o, n: "", names)


class _Pair:
    """Two quantities that stand at the same place of both graphs. contribution: to the change of the figure."""

    def __init__(self, label: str, old: Quantity, new: Quantity) -> None:
        self.label, self.old, self.new = label, old, new
        self.contribution = 0.0
        self.shares: list[tuple[_Pair, float]] | None = None

    @property
    def change(self) -> float:
        return float(self.new.value) - float(self.old.value)


def _split(
    old: Quantity, new: Quantity, stops: Callable[[Quantity, Quantity], str], names: Mapping[int, str]
) -> list[Part]:
    """The parts of a change, largest first."""
    root = _Pair(names.get(id(new), "figure"), old, new)
    order = _expanded(root, stops, names)
    root.contribution = root.change
    found: dict[str, Part] = {}

    def add(name: str, contribution: float, before: Quantity | None, after: Quantity | None) -> None:
        known = found.get(name)
        if known is not None:
            contribution, before, after = contribution + known.contribution, known.old, known.new
        found[name] = Part(name, contribution, before, after)

    for pair in order:
        if pair.shares is None:
            add(pair.label, pair.contribution, pair.old, pair.new)
            continue
        for child, moved in pair.shares:
            child.contribution += pair.contribution * moved / pair.change
        for part in _alone(pair, names):
            add(part.name, pair.contribution * part.contribution / pair.change, part.old, part.new)
    return sorted((part for part in found.values() if part.contribution), key=lambda part: -abs(part.contribution))


def _expanded(root: _Pair, stops: Callable[[Quantity, Quantity], str], names: Mapping[int, str]) -> list[_Pair]:
    """Every pair that takes part in the change, each before the pairs below it."""
    pairs: dict[tuple[int, int], _Pair] = {(id(root.old), id(root.new)): root}
    visited: set[int] = set()
    finished: list[_Pair] = []

    def visit(pair: _Pair) -> None:
        visited.add(id(pair))
        moved = _moved(pair) if pair is root or not stops(pair.old, pair.new) else None
        if moved is not None:
            pair.shares = []
            for name, value in moved.items():
                old, new = pair.old.inputs[name], pair.new.inputs[name]
                child = _Pair(label_of(new if old.formula is None else old, pair.label, name, names), old, new)
                pair.shares.append((pairs.setdefault((id(old), id(new)), child), value))
            for child, _ in pair.shares:
                if id(child) not in visited:
                    visit(child)
        finished.append(pair)

    visit(root)
    return finished[::-1]


def _moved(pair: _Pair) -> dict[str, float] | None:
    """What each input of both moves; None where the change cannot be split."""
    old, new = pair.old, pair.new
    formula = new.formula
    if formula is None or old.formula is not formula or not isfinite(pair.change) or not pair.change:
        return None
    differing = [n for n in new.inputs if n in old.inputs and float(old.inputs[n].value) != float(new.inputs[n].value)]
    if formula.name == "total":
        return {name: float(new.inputs[name].value) - float(old.inputs[name].value) for name in differing}
    if old.inputs.keys() != new.inputs.keys() or not differing:
        return None
    values = _shapley(formula, old.inputs, new.inputs, differing)
    return values if values is not None and all(map(isfinite, values.values())) else None


def _alone(pair: _Pair, names: Mapping[int, str]) -> list[Part]:
    """The terms of a sum that only one of both has; a term that is a sum itself by its own terms."""
    old, new = pair.old.inputs, pair.new.inputs
    gone = [leaf for name in old if name not in new for leaf in _summands(old[name], pair.label, name, names)]
    come = [leaf for name in new if name not in old for leaf in _summands(new[name], pair.label, name, names)]
    return [Part(label, -float(term.value), term, None) for label, term in gone] + [
        Part(label, float(term.value), None, term) for label, term in come
    ]


def _summands(term: Quantity, parent: str, name: str, names: Mapping[int, str]) -> Iterator[tuple[str, Quantity]]:
    label = label_of(term, parent, name, names)
    if term.formula is None or term.formula.name != "total":
        yield label, term
        return
    for below, quantity in term.inputs.items():
        yield from _summands(quantity, label, below, names)


def _shapley(
    formula: Formula, old: Mapping[str, Quantity], new: Mapping[str, Quantity], differing: Sequence[str]
) -> dict[str, float] | None:
    """What each input moves, mean over orders; None where the formula has no number on the way."""
    known: dict[frozenset[str], float] = {}

    def at(names: Sequence[str]) -> float:
        moved = frozenset(names)
        if moved not in known:
            known[moved] = float(formula.function(**{n: (new if n in moved else old)[n].value for n in old}))
        return known[moved]

    orders = list(permutations(differing)) if len(differing) <= MOST else [tuple(differing), tuple(differing[::-1])]
    result = dict.fromkeys(differing, 0.0)
    try:
        for order in orders:
            for place, name in enumerate(order):
                result[name] += (at(order[: place + 1]) - at(order[:place])) / len(orders)
    except (ArithmeticError, ValueError):
        return None
    return result


def label_of(quantity: Quantity, parent: str, name: str, names: Mapping[int, str]) -> str:
    """What a part is called: a leaf by its place in the rack file, a figure by its path, else by where it stands."""
    if quantity.formula is None and "." in quantity.name:
        return quantity.name
    return names.get(id(quantity), f"{parent}.{name}")
