"""Forward error correction: symbol errors, codewords that the code cannot correct, and the codes of the standards."""

import math
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import BYTE, Bytes, Count, Ratio


@formula(cite="definition: a symbol is wrong when any of its bits is; independent bit errors")
def symbol_error(bit_error_rate: Ratio, symbol_bits: Count) -> Ratio:
    """Probability that a code symbol is wrong. Bursts (decision feedback) make it lower for the same bit errors.

    >>> symbol_error(bit_error_rate=0.5, symbol_bits=2.0)
    0.75
    """
    return -xp.expm1(symbol_bits * xp.log1p(-bit_error_rate))


@formula(cite="IEEE 802.3-2022, clauses 91 and 119: Reed-Solomon decoding fails beyond t symbol errors")
def codeword_error(symbol_error: Ratio, symbols: Count, correctable: Count) -> Ratio:
    """Probability that a codeword has more wrong symbols than the code corrects (binomial tail).

    RS(544,514) at a raw bit error rate of 2.4e-4:

    >>> float(f"{codeword_error(symbol_error=2.3974095e-3, symbols=544.0, correctable=15.0):.2e}")
    8.15e-13
    """
    p, n, k = xp.pure(symbol_error), xp.pure(symbols), xp.pure(correctable)
    return (xp.vectorized(_binomial_tail) if hasattr(n, "shape") or hasattr(k, "shape") else _binomial_tail)(p, n, k)


def _binomial_tail(p: Any, n: float, k: float) -> Any:
    """P(X > k) for X ~ Binomial(n, p): terms by recurrence from the first, which keeps the precision of tiny tails."""
    if not 0 <= k <= n < math.inf:
        return xp.nan * p
    first = int(k) + 1
    if first > n:
        return xp.where((p >= 0) & (p <= 1), 0.0, xp.nan)
    end = xp.where(p == 0, 0.0, xp.where(p == 1, 1.0, xp.nan))
    inside = (p > 0) & (p < 1)
    p = xp.where(inside, p, 0.5)
    odds, most = p / (1 - p), n * p > first
    found = 0.0
    if not xp.every(most):
        choose = math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
        found = term = xp.exp(choose + first * xp.log(p) + (n - first) * xp.log1p(-p))
        for i in range(first, int(n)):
            term = term * ((n - i) / (i + 1)) * odds
            found = found + term
            if xp.every((term < 1e-17 * found) | most):
                break
    if xp.some(most):  # the tail holds most of the probability: subtract the few terms below it from 1
        missing = term = xp.exp(n * xp.log1p(-p))
        for i in range(first - 1):
            term = term * ((n - i) / (i + 1)) * odds
            missing = missing + term
        found = xp.where(most, 1 - missing, found)
    return xp.where(inside, xp.clip(found, 0.0, 1.0), end)


@formula(cite="definition: data symbols that carry the message, rounded up to whole codewords")
def codewords(size: Bytes, data_symbols: Count, symbol_bits: Count) -> Count:
    """Codewords of a message.

    >>> codewords(size=262144.0, data_symbols=514.0, symbol_bits=10.0)
    409.0
    """
    return xp.ceil(xp.pure(8 * size / BYTE / (data_symbols * symbol_bits)))


@record
class Code:
    """A block code: symbols per codeword, data symbols among them, symbol errors it corrects, bits per symbol."""

    symbols: Quantity
    data_symbols: Quantity
    correctable: Quantity
    symbol_bits: Quantity


def _code(name: str, n: int, k: int, t: int, bits: int, reference: str = "", note: str = "") -> Code:
    """A code of n symbols, k of them data, that corrects t symbols."""
    words = {"symbols": n, "data symbols": k, "correctable symbols": t, "symbol bits": bits}
    kind = "published" if reference else "given"
    return Code(*(constant(float(v), "1", f"{name} {word}", kind, reference, note) for word, v in words.items()))


# Without a code, every byte is a codeword that any bit error spoils. A 256-byte flit of PCIe 6 has three interleaved
# codewords with 250 bytes of data and 6 bytes of parity in all; each codeword corrects one byte.
CODES = {
    "none": _code("uncoded", 1, 1, 0, 8, note="any wrong bit fails the CRC"),
    "rs528": _code("RS(528,514)", 528, 514, 7, 10, "ieee-8023", "clause 91, KR4"),
    "rs544": _code("RS(544,514)", 544, 514, 15, 10, "ieee-8023", "clause 119, KP4"),
    "pcie6": _code("PCIe 6 flit", 86, 84, 1, 8, "pcie6-fec", "(84 + 2) bytes, the largest of the three groups"),
}
