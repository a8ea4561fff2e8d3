"""Forward error correction: symbol errors, codewords that the code cannot correct, and the codes of the standards."""

import math

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
    return _binomial_tail(xp.pure(symbol_error), xp.pure(symbols), xp.pure(correctable))


@xp.vectorized
def _binomial_tail(p: float, n: float, k: float) -> float:
    """P(X > k) for X ~ Binomial(n, p): terms by recurrence from the first, which keeps the precision of tiny tails."""
    if not 0 <= p <= 1 or not 0 <= k <= n < math.inf:
        return math.nan
    first = int(k) + 1
    if p == 0 or first > n:
        return 0.0
    if p == 1:
        return 1.0
    if n * p > first:  # the tail holds most of the probability: subtract the few terms below it from 1
        term = math.exp(n * math.log1p(-p))
        missing = term
        for i in range(first - 1):
            term *= (n - i) / (i + 1) * p / (1 - p)
            missing += term
        return max(0.0, 1 - missing)
    choose = math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
    term = math.exp(choose + first * math.log(p) + (n - first) * math.log1p(-p))
    tail = term
    for i in range(first, int(n)):
        term *= (n - i) / (i + 1) * p / (1 - p)
        tail += term
        if term < 1e-17 * tail:
            break
    return min(1.0, tail)


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
