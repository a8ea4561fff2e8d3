"""What share of a figure's variance each variable brings: first-order and total indices.

Two independent sets of draws, a and b; for every variable a third set, a with that variable taken from b.
First-order: A. Saltelli et al., Computer Physics Communications 181 (2010) 259-270, table 2 (b). Total: M. Jansen,
Computer Physics Communications 117 (1999) 35-43. A first-order index is the share that would go if the variable were
known; a total index is what would be left if all the others were.
"""

from typing import Any

import numpy as np


def indices(a: Any, b: Any, mixed: Any) -> tuple[float, float]:
    """First-order and total index of the variable that `mixed` has from b, the rest from a. One value a draw.

    Draws without a finite number do not count. 0 for a figure that does not vary.
    """
    known = np.isfinite(a) & np.isfinite(b) & np.isfinite(mixed)
    if not known.any():
        return float("nan"), float("nan")
    a, b, mixed = a[known], b[known], mixed[known]
    both = np.concatenate([a, b])
    middle, variance = both.mean(), both.var()
    if not variance > 0:
        return 0.0, 0.0
    first = np.mean((b - middle) * (mixed - a)) / variance  # about the mean: less noise, the same expectation
    total = np.mean((a - mixed) ** 2) / (2 * variance)
    return float(first), float(total)
