"""Bit errors on a link: heat -> loss -> noise margin -> bit errors -> uncorrectable codewords -> replays -> delay.

Forward error correction turns a slope into a cliff: latency does not move until the raw bit error rate passes about
6e-4 (RS(544,514)), then a few kelvin decide. Errors cost time, not wrong results: a CRC catches what the code cannot.
"""

import math

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import (
    BYTE,
    DECIBEL,
    Bytes,
    BytesPerSecond,
    Count,
    Decibels,
    Kelvin,
    PerKelvin,
    Ratio,
    Seconds,
)
from rackcalc.spec.links import Link


@formula(cite="skin effect: loss ~ sqrt(resistivity); DesignCon 2024, conductor loss versus temperature, p. 273")
def insertion_loss(
    loss: Decibels,
    temperature: Kelvin,
    reference: Kelvin,
    conductor_share: Ratio,
    resistivity_drift: PerKelvin,
    dielectric_drift: PerKelvin,
) -> Decibels:
    """Loss of a channel at a temperature, from its loss at the reference temperature.

    25 -> 55 degC raises 8 dB of conductor loss by 5.6 %:

    >>> round(insertion_loss(loss=16.0, temperature=328.15, reference=298.15, conductor_share=0.5,
    ...                      resistivity_drift=0.0039, dielectric_drift=0.0) - 16, 2)
    0.46
    """
    rise = temperature - reference
    conductor = xp.sqrt(xp.pure(1 + resistivity_drift * rise))
    return loss * (conductor_share * conductor + (1 - conductor_share) * (1 + dielectric_drift * rise))


@formula(cite="assumption: loss added by heat lowers the ratio dB for dB, times what the equaliser does not recover")
def signal_to_noise(snr: Decibels, loss: Decibels, reference_loss: Decibels, equaliser_residual: Ratio) -> Decibels:
    """Signal to noise ratio at the present loss. equaliser_residual: 1 frozen equaliser, 0.3 to 0.5 adaptive.

    >>> signal_to_noise(snr=20.0, loss=30.0, reference_loss=28.0, equaliser_residual=0.5)
    19.0
    """
    return snr - equaliser_residual * (loss - reference_loss)


@formula(cite="J. Proakis, Digital Communications, 4th ed., section 5.2.6: Gray-coded 4-PAM")
def pam4_bit_error_rate(snr: Decibels) -> Ratio:
    """Raw bit error rate of four-level signalling.

    >>> round(pam4_bit_error_rate(snr=20.0) * 1e6, 1)
    2.9
    """
    return 3 / 8 * xp.erfc(xp.sqrt(_power_ratio(snr / DECIBEL) / 10))


@formula(cite="J. Proakis, Digital Communications, 4th ed., section 5.2.1: antipodal signals")
def nrz_bit_error_rate(snr: Decibels) -> Ratio:
    """Raw bit error rate of two-level signalling.

    >>> round(nrz_bit_error_rate(snr=16.94) * 1e12, 1)
    1.0
    """
    return xp.erfc(xp.sqrt(_power_ratio(snr / DECIBEL) / 2)) / 2


def _power_ratio(decibels: float) -> float:
    """10^(x/10), the ratio of powers."""
    return xp.power(10.0, xp.pure(decibels) / 10)


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
    """P(X > k) for X ~ Binomial(n, p): terms by recurrence from the first, so tiny tails keep their digits."""
    if not 0 <= p <= 1 or not 0 <= k <= n < math.inf:
        return math.nan
    first = int(k) + 1
    if p == 0 or first > n:
        return 0.0
    if p == 1:
        return 1.0
    if n * p > first:  # the tail is the bulk: take what is missing from 1
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


@formula(cite="definition: any failed codeword causes a replay; independent codewords")
def replay_probability(codeword_error: Ratio, codewords: Count) -> Ratio:
    """Probability that a message has to be replayed.

    >>> replay_probability(codeword_error=0.5, codewords=2.0)
    0.75
    """
    return -xp.expm1(codewords * xp.log1p(-codeword_error))


@formula(cite="mean of the geometric distribution")
def expected_delay(replay_probability: Ratio, retry_time: Seconds) -> Seconds:
    """Mean delay by replays, each of which can fail again; inf when every try fails.

    >>> expected_delay(replay_probability=0.5, retry_time=1e-6)
    1e-06
    """
    return xp.divide(replay_probability, 1 - replay_probability) * retry_time


@formula(cite="quantile of the geometric distribution")
def quantile_delay(replay_probability: Ratio, retry_time: Seconds, quantile: Ratio) -> Seconds:
    """Delay by replays at a quantile: whole steps of the retry time, none while the probability is below 1 - q.

    >>> quantile_delay(replay_probability=0.06, retry_time=1e-6, quantile=0.99)
    1e-06
    >>> quantile_delay(replay_probability=0.005, retry_time=1e-6, quantile=0.99)
    0.0
    """
    tries = xp.ceil(xp.divide(-xp.log1p(-quantile), -xp.log(xp.pure(replay_probability))))
    steps = xp.where(replay_probability < 1, xp.maximum(tries - 1, 0.0), xp.inf)
    return steps * retry_time


@formula(cite="Bandwidth-delay product: packets sent before the news of an error arrives")
def packets_in_flight(bandwidth: BytesPerSecond, retry_time: Seconds, payload: Bytes, header: Bytes) -> Count:
    """Window of a sender that never waits.

    >>> packets_in_flight(bandwidth=272e9, retry_time=1e-6, payload=256.0, header=16.0)
    1000.0
    """
    return xp.maximum(xp.ceil(xp.pure(bandwidth * retry_time / (payload + header))), 1.0)


@formula(cite="D. Bertsekas and R. Gallager, Data Networks, 2nd ed. (1992), section 2.4.3")
def selective_repeat_goodput(packet_error: Ratio) -> Ratio:
    """Share of bandwidth left when only failed packets are sent again.

    >>> selective_repeat_goodput(packet_error=0.01)
    0.99
    """
    return 1 - packet_error


@formula(cite="D. Bertsekas and R. Gallager, Data Networks, 2nd ed. (1992), section 2.4.2")
def go_back_n_goodput(packet_error: Ratio, window: Count) -> Ratio:
    """Share of bandwidth left when everything since the failed packet is sent again.

    >>> round(go_back_n_goodput(packet_error=0.01, window=101.0), 3)
    0.495
    """
    return (1 - packet_error) / (1 + (window - 1) * packet_error)


@record
class Code:
    """A block code: symbols per codeword, of these data, symbol errors it corrects, bits per symbol."""

    symbols: Quantity
    data_symbols: Quantity
    correctable: Quantity
    symbol_bits: Quantity


def _code(name: str, n: int, k: int, t: int, bits: int, reference: str = "", note: str = "") -> Code:
    words = {"symbols": n, "data symbols": k, "correctable symbols": t, "symbol bits": bits}
    kind = "published" if reference else "given"
    return Code(*(constant(float(v), "1", f"{name} {word}", kind, reference, note) for word, v in words.items()))


# No code: every byte is its own codeword and any bit error fails it. pcie6: three interleaved codewords per 256-byte
# flit, 250 bytes of data and 6 of parity, each correcting one byte.
CODES = {
    "none": _code("uncoded", 1, 1, 0, 8, note="any wrong bit fails the CRC"),
    "rs528": _code("RS(528,514)", 528, 514, 7, 10, "ieee-8023", "clause 91, KR4"),
    "rs544": _code("RS(544,514)", 544, 514, 15, 10, "ieee-8023", "clause 119, KP4"),
    "pcie6": _code("PCIe 6 flit", 86, 84, 1, 8, "pcie6-fec", "(84 + 2) bytes, the largest of the three groups"),
}
BIT_ERROR_RATES = {"nrz": nrz_bit_error_rate, "pam4": pam4_bit_error_rate}
COPPER = constant(0.00386, "1/K", "copper resistivity drift", "published", "dc24", "0.00393 for annealed copper")


@record
class LinkReliability:
    """One message on a link at a temperature.

    loss, snr: dB. bit_error_rate: raw. codeword_error: uncorrectable. replay_probability: of the whole message.
    expected_delay, p99_delay, p999_delay: s, added by replays. goodput: share of bandwidth, selective repeat;
    go_back_n_goodput: the same with go-back-N.
    """

    loss: Quantity
    snr: Quantity
    bit_error_rate: Quantity
    codeword_error: Quantity
    replay_probability: Quantity
    expected_delay: Quantity
    p99_delay: Quantity
    p999_delay: Quantity
    goodput: Quantity
    go_back_n_goodput: Quantity


def link_reliability(link: Link, size: Quantity, temperature: Quantity, reference: Quantity) -> LinkReliability:
    """What heat does to one message.

    size: B. temperature: K, of the channel. reference: K, where the link's loss and signal to noise ratio hold.
    """
    code = CODES[link.fec]
    loss = insertion_loss(
        loss=link.channel_loss,
        temperature=temperature,
        reference=reference,
        conductor_share=link.conductor_share,
        resistivity_drift=COPPER,
        dielectric_drift=link.dielectric_drift,
    )
    snr = signal_to_noise(
        snr=link.snr, loss=loss, reference_loss=link.channel_loss, equaliser_residual=link.equaliser_residual
    )
    raw = BIT_ERROR_RATES[link.signalling](snr=snr)
    wrong = symbol_error(bit_error_rate=raw, symbol_bits=code.symbol_bits)
    failed = codeword_error(symbol_error=wrong, symbols=code.symbols, correctable=code.correctable)
    replay = _replay(failed, size, code)
    packet = _replay(failed, link.packet_payload, code)
    window = packets_in_flight(
        bandwidth=link.bandwidth, retry_time=link.retry_time, payload=link.packet_payload, header=link.packet_header
    )
    p99, p999 = (
        quantile_delay(
            replay_probability=replay,
            retry_time=link.retry_time,
            quantile=constant(q, "1", f"quantile {q}", "given", note="by definition"),
        )
        for q in (0.99, 0.999)
    )
    return LinkReliability(
        loss=loss,
        snr=snr,
        bit_error_rate=raw,
        codeword_error=failed,
        replay_probability=replay,
        expected_delay=expected_delay(replay_probability=replay, retry_time=link.retry_time),
        p99_delay=p99,
        p999_delay=p999,
        goodput=selective_repeat_goodput(packet_error=packet),
        go_back_n_goodput=go_back_n_goodput(packet_error=packet, window=window),
    )


def _replay(failed: Quantity, size: Quantity, code: Code) -> Quantity:
    """Probability that a message or packet of this size fails."""
    count = codewords(size=size, data_symbols=code.data_symbols, symbol_bits=code.symbol_bits)
    return replay_probability(codeword_error=failed, codewords=count)
