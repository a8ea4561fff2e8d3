"""Why a figure changed: its change is split into contributions that add up to the whole change.

The recorded graphs of the old and the new figure are walked together. Where both have the same formula, its change is
split over the inputs that differ, by their Shapley values: the inputs are changed from old to new one after another,
and an input's value is the change it causes, averaged over all orders (in a sum this is the change of each term). The
share of an input is then split over its own inputs in the same way. The walk ends at leaves, at different formulas, and
where a formula gives no number half-way between old and new, or one that no rack could have: with half of a
mixture's values, as many experts chosen as it has and one to choose from, it may be anything.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from math import isfinite

from rackcalc.quantities.quantity import Formula, Quantity
from rackcalc.quantities.record import record

ALL_ORDERS_UP_TO = 5  # inputs that differ; with more, only one order and its reverse are tried
OUT_OF_PROPORTION = 1e6  # times both ends: what lies on the way is then no rack, and rounding would eat the sum


@record
class Contribution:
    """A part of a change, in the unit of the figure. old, new: the quantity behind it; None where it is missing."""

    name: str
    amount: float
    old: Quantity | None
    new: Quantity | None


def by_terms(old: Quantity, new: Quantity, names: Mapping[int, str]) -> list[Contribution]:
    """The change split down to the nearest figures. names: of the figures of both results, by id of the quantity."""
    return _split(old, new, lambda o, n: names.get(id(n)) or names.get(id(o)) or "", names)


def by_inputs(old: Quantity, new: Quantity, names: Mapping[int, str]) -> list[Contribution]:
    """The change split down to leaves, and to quantities that are computed with different formulas."""
    return _split(old, new, lambda o, n: "", names)


class _Pair:
    """Two quantities at the same place of both graphs. amount: what they contribute to the change of the figure.

    shares: the pairs of their inputs, each with the change it causes; None where the walk ends.
    """

    def __init__(self, label: str, old: Quantity, new: Quantity) -> None:
        self.label, self.old, self.new = label, old, new
        self.amount = 0.0
        self.shares: list[tuple[_Pair, float]] | None = None

    @property
    def change(self) -> float:
        return float(self.new.value) - float(self.old.value)


def _split(
    old: Quantity, new: Quantity, stops: Callable[[Quantity, Quantity], str], names: Mapping[int, str]
) -> list[Contribution]:
    """The contributions to a change, largest first. stops: the name of a pair at which the walk ends, or ""."""
    root = _Pair(names.get(id(new), "figure"), old, new)
    order = _pairs_in_order(root, stops, names)
    root.amount = root.change
    found: dict[str, Contribution] = {}

    def add(name: str, amount: float, before: Quantity | None, after: Quantity | None) -> None:
        known = found.get(name)
        if known is not None:
            amount, before, after = amount + known.amount, known.old, known.new
        found[name] = Contribution(name, amount, before, after)

    for pair in order:
        if pair.shares is None:
            add(pair.label, pair.amount, pair.old, pair.new)
            continue
        for child, moved in pair.shares:
            child.amount += pair.amount * moved / pair.change
        for part in _unmatched_terms(pair, names):
            add(part.name, pair.amount * part.amount / pair.change, part.old, part.new)
    return sorted((part for part in found.values() if part.amount), key=lambda part: -abs(part.amount))


def _pairs_in_order(root: _Pair, stops: Callable[[Quantity, Quantity], str], names: Mapping[int, str]) -> list[_Pair]:
    """Every pair that takes part in the change, each before the pairs of its inputs."""
    pairs: dict[tuple[int, int], _Pair] = {(id(root.old), id(root.new)): root}
    visited: set[int] = set()
    finished: list[_Pair] = []

    def visit(pair: _Pair) -> None:
        visited.add(id(pair))
        moved = _input_changes(pair) if pair is root or not stops(pair.old, pair.new) else None
        if moved is not None:
            pair.shares = []
            for name, value in moved.items():
                old, new = pair.old.inputs[name], pair.new.inputs[name]
                child = _Pair(_label_of_pair(old, new, pair.label, name, names), old, new)
                pair.shares.append((pairs.setdefault((id(old), id(new)), child), value))
            for child, _ in pair.shares:
                if id(child) not in visited:
                    visit(child)
        finished.append(pair)

    visit(root)
    return finished[::-1]


def _input_changes(pair: _Pair) -> dict[str, float] | None:
    """The change that each input of the pair causes; None where the change cannot be split."""
    old, new = pair.old, pair.new
    formula = new.formula
    if formula is None or old.formula is not formula or not isfinite(pair.change) or not pair.change:
        return None
    differing = [n for n in new.inputs if n in old.inputs and float(old.inputs[n].value) != float(new.inputs[n].value)]
    if formula.name == "total":
        return {name: float(new.inputs[name].value) - float(old.inputs[name].value) for name in differing}
    if old.inputs.keys() != new.inputs.keys() or not differing:
        return None
    values = _shapley_values(formula, old.inputs, new.inputs, differing)
    most = OUT_OF_PROPORTION * (abs(float(old.value)) + abs(float(new.value)))
    if values is None or not all(abs(value) <= most for value in values.values()):
        return None
    return values


def _unmatched_terms(pair: _Pair, names: Mapping[int, str]) -> list[Contribution]:
    """The terms of a sum that only one side has. A term that is a sum itself is replaced by its own terms."""
    old, new = pair.old.inputs, pair.new.inputs
    gone = [leaf for name in old if name not in new for leaf in _summands(old[name], pair.label, name, names)]
    come = [leaf for name in new if name not in old for leaf in _summands(new[name], pair.label, name, names)]
    return [Contribution(label, -float(term.value), term, None) for label, term in gone] + [
        Contribution(label, float(term.value), None, term) for label, term in come
    ]


def _summands(term: Quantity, parent: str, name: str, names: Mapping[int, str]) -> Iterator[tuple[str, Quantity]]:
    label = label_of(term, parent, name, names)
    if term.formula is None or term.formula.name != "total":
        yield label, term
        return
    for below, quantity in term.inputs.items():
        yield from _summands(quantity, label, below, names)


def _shapley_values(
    formula: Formula, old: Mapping[str, Quantity], new: Mapping[str, Quantity], differing: Sequence[str]
) -> dict[str, float] | None:
    """The change that each input causes, mean over orders; None where the formula gives no number on the way."""
    known: dict[frozenset[str], float] = {}

    def at(names: Sequence[str]) -> float:
        moved = frozenset(names)
        if moved not in known:
            known[moved] = float(formula.function(**{n: (new if n in moved else old)[n].value for n in old}))
        return known[moved]

    orders = (
        list(permutations(differing))
        if len(differing) <= ALL_ORDERS_UP_TO
        else [tuple(differing), tuple(differing[::-1])]
    )
    result = dict.fromkeys(differing, 0.0)
    try:
        for order in orders:
            for place, name in enumerate(order):
                result[name] += (at(order[: place + 1]) - at(order[:place])) / len(orders)
    except (ArithmeticError, ValueError):
        return None
    return result


def _label_of_pair(old: Quantity, new: Quantity, parent: str, name: str, names: Mapping[int, str]) -> str:
    """The name of a pair: by the side that stands in the rack file, the new one if both do."""
    leaves = [one for one in (new, old) if one.formula is None and "." in one.name]
    return label_of(leaves[0] if leaves else new if old.formula is None else old, parent, name, names)


def label_of(quantity: Quantity, parent: str, name: str, names: Mapping[int, str]) -> str:
    """The name of a contribution: its path in the rack file, or that of a figure, else the path of formulas to it."""
    if quantity.formula is None and "." in quantity.name:
        return quantity.name
    return names.get(id(quantity), f"{parent}.{name}")
