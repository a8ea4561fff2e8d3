"""Speed-up by moving the feed-forward blocks to other chips, and the link latency up to which it pays."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Count, Ratio, Seconds

FASTAFD = "Hao AI Lab, FastAFD, 4 July 2026 (attention and feed-forward disaggregation on GB200)"


@formula(cite=FASTAFD)
def afd_speedup(
    batch_ratio: Ratio, base_time: Seconds, time: Seconds, attention_devices: Count, ffn_devices: Count
) -> Ratio:
    """Throughput per device against the undivided system (identity). batch_ratio: batch over the undivided batch.

    >>> round(afd_speedup(batch_ratio=1.5, base_time=1.0, time=0.975, attention_devices=17.0, ffn_devices=1.0), 3)
    1.453
    """
    return xp.divide(batch_ratio * base_time * attention_devices, time * (attention_devices + ffn_devices))


@formula(cite=FASTAFD)
def fastafd_prediction(
    batch_ratio: Ratio,
    microbatches: Count,
    attention_share: Ratio,
    dense_share: Ratio,
    attention_devices: Count,
    ffn_devices: Count,
) -> Ratio:
    """Predicted speed-up per device with the feed-forward side hidden. Shares of the undivided step time.

    attention_share grows with the batch; dense_share (projections) is needed once per microbatch. Measured: 1.45.

    >>> round(fastafd_prediction(batch_ratio=1.5, microbatches=2.0, attention_share=0.434, dense_share=0.162,
    ...     attention_devices=17.0, ffn_devices=1.0), 3)
    1.453
    """
    time = batch_ratio * attention_share + microbatches * dense_share
    return xp.divide(batch_ratio * attention_devices, time * (attention_devices + ffn_devices))


@formula(cite="G. Amdahl, AFIPS 1967; " + FASTAFD)
def offload_limit(remaining_share: Ratio) -> Ratio:
    """Most that moving work away can gain when this share of the time stays.

    >>> round(offload_limit(remaining_share=0.434 + 0.162), 2)
    1.68
    """
    return xp.divide(1, remaining_share)


@formula(cite="derivation: serial layer with two hops equals the layer without the split")
def break_even_hop(feed_forward_here: Seconds, feed_forward_there: Seconds) -> Seconds:
    """One-way hop at which moving the feed-forward block stops paying, one microbatch. Negative: it never pays.

    feed_forward_here: with its share of all-reduce and normalisation. Llama 70B in FP8 on eight B200 against an LPU:

    >>> round(break_even_hop(feed_forward_here=36.6e-6, feed_forward_there=9.2e-6) * 1e6, 1)
    13.7
    """
    return (feed_forward_here - feed_forward_there) / 2
