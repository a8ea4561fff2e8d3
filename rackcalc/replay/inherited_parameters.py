"""How far a figure rests on parameters of chip families that were inherited from other families, not fitted."""

from rackcalc.quantities.quantity import Quantity
from rackcalc.replay.distributions import INHERITED

FAMILIES = "catalog/families/"
GUESSED = ("estimate", "assumed")  # kinds of parameters that were not fitted to measurements of their own family


class InheritedParameters:
    """The shares of inherited parameters below quantities, each looked at once."""

    def __init__(self) -> None:
        self._below: dict[int, int] = {}  # id of a quantity -> one bit for each parameter it rests on
        self._guessed = 0
        self._next = 1

    def widening(self, quantity: Quantity) -> float:
        """1, or up to INHERITED by the share of the family's parameters below that were not fitted to the family."""
        mask = self._mask(quantity)
        return 1 + (INHERITED - 1) * (mask & self._guessed).bit_count() / mask.bit_count() if mask else 1.0

    def _mask(self, quantity: Quantity) -> int:
        known, stack = self._below, [quantity]
        while stack:
            inputs = stack[-1].inputs.values()
            waiting = [x for x in inputs if id(x) not in known]
            if waiting:
                stack.extend(waiting)
                continue
            top = stack.pop()
            mask = self._bit(top)
            for x in inputs:
                mask |= known[id(x)]
            known[id(top)] = mask
        return known[id(quantity)]

    def _bit(self, quantity: Quantity) -> int:
        source = quantity.source
        if quantity.formula is not None or source is None or not source.file.startswith(FAMILIES):
            return 0
        bit, self._next = self._next, self._next << 1
        self._guessed |= bit if source.kind in GUESSED else 0
        return bit
