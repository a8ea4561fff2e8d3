"""Scrambled Sobol points: numbers that fill the unit cube more evenly than chance does, by a seed.

Sobol 1967 with the direction numbers of Joe and Kuo 2008; scrambled by a random matrix of bits for each dimension and
a random shift (J. Matousek, On the L2-discrepancy for anchored boxes, J. Complexity 14 (1998) 527-556): every point is
uniform by itself, and a power of two of them is spread over all equal slices of every axis.
"""

from pathlib import Path
from typing import Any

import numpy as np

BITS = 30
TABLE = Path(__file__).with_name("sobol_directions.txt")


def directions(dimensions: int) -> Any:
    """Direction numbers, (dimensions, BITS): the digits of a point are sums of these over the bits of its number."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    found = np.zeros((dimensions, BITS), dtype=np.int64)
    found[0] = 1 << np.arange(BITS - 1, -1, -1)
    for row, line in zip(found[1:], lines, strict=False):
        degree, coefficients, *first = map(int, line.split())
        for place in range(BITS):
            if place < degree:
                row[place] = first[place] << (BITS - 1 - place)
                continue
            row[place] = row[place - degree] ^ (row[place - degree] >> degree)
            for step in range(1, degree):
                if coefficients >> (degree - 1 - step) & 1:
                    row[place] ^= row[place - step]
    return found


def most() -> int:
    """Dimensions for which there are direction numbers."""
    return 1 + sum(not line.startswith("#") for line in TABLE.read_text(encoding="utf-8").splitlines())


def scrambled(found: Any, random: Any) -> Any:
    """The direction numbers, every digit of them mixed at random with the digits before it."""
    digits = found[:, None, :] >> np.arange(BITS - 1, -1, -1)[None, :, None] & 1  # dimension, digit, number
    mixing = np.tril(random.randint(0, 2, (len(found), BITS, BITS)), -1) + np.eye(BITS, dtype=np.int64)
    mixed = mixing @ digits & 1
    return (mixed << np.arange(BITS - 1, -1, -1)[None, :, None]).sum(axis=1)


def points(count: int, dimensions: int, seed: int | None) -> Any:
    """(count, dimensions) numbers between 0 and 1, neither of them included. seed None: not scrambled, from 0 on.

    Beyond the table of direction numbers: every slice once, in random order (a Latin hypercube).
    """
    random = np.random.RandomState(seed)  # whose numbers will never change
    size = min(dimensions, most())
    found, shift = directions(size), np.zeros(size, dtype=np.int64)
    if seed is not None:
        found = scrambled(found, random)
        shift = random.randint(0, 1 << BITS, size)
    whole = np.broadcast_to(shift, (count, size)).copy()
    numbers = np.arange(count)
    for bit in range(max(count - 1, 1).bit_length()):
        whole ^= np.where(numbers[:, None] >> bit & 1, found[:, bit], 0)
    if seed is None:
        return whole / (1 << BITS)
    rest = [(random.permutation(count) + 0.5) / count for _ in range(dimensions - size)]
    return np.column_stack([(whole + 0.5) / (1 << BITS), *rest])
