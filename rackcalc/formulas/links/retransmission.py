"""Retransmission of what error correction could not repair: its probability, its delay, and the bandwidth it leaves."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio, Seconds


@formula(cite="definition: any failed codeword causes a replay; independent codewords")
def replay_probability(codeword_error: Ratio, codewords: Count) -> Ratio:
    """Probability that a message has to be replayed.

    >>> replay_probability(codeword_error=0.5, codewords=2.0)
    0.75
    """
    return -xp.expm1(codewords * xp.log1p(-codeword_error))


@formula(cite="mean of the geometric distribution")
def expected_delay(replay_probability: Ratio, retry_time: Seconds) -> Seconds:
    """Mean delay by replays, each of which can fail again; unbounded when every try fails.

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
