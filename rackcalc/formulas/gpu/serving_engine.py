"""Decode steps and prefills of a serving engine, from a few parameters fitted to published serving runs.

The fixed times per layer include all launches, norms and host steps of the engine. All-reduces are the only kernels
that are added one by one.
"""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    FLOP,
    Bytes,
    BytesPerSecond,
    Count,
    Flop,
    FlopPerSecond,
    Hertz,
    PerSecond,
    Ratio,
    Seconds,
)

FITTED = (
    "fitted to InferenceX and ML.ENERGY runs on H100 and B200 (rackcalc/validation/measured/serving.csv and "
    "step_power.csv; 8 to 9 % error on a GPU or model left out) by rackcalc/validation/fit.py"
)
MIXED = "A. Agrawal et al., Sarathi-Serve, arXiv:2403.02310: prefills and decodes share the steps of an engine"


@formula(cite=FITTED)
def weights_time(size: Bytes, bandwidth: BytesPerSecond, share: Ratio, factor: Ratio) -> Seconds:
    """Time to read weights at a share of memory bandwidth. factor: further share of dense 4-bit weights, else 1.

    >>> round(1e6 * weights_time(size=213909504.0, bandwidth=7.7e12, share=0.923, factor=1.0), 1)
    30.1
    """
    return size / (share * factor * bandwidth)


@formula(cite=FITTED)
def arithmetic_time(flops: Flop, peak: FlopPerSecond, share: Ratio, factor: Ratio) -> Seconds:
    """Time of arithmetic at a share of dense peak. factor: further share of mixtures of experts in prefill, else 1.

    >>> round(1e3 * arithmetic_time(flops=1.4e14, peak=2250e12, share=0.75, factor=1.0), 1)
    83.0
    """
    return flops / (share * factor * peak)


@formula(cite="definition: lanes of all SMs, one operation a cycle")
def softmax_rate(sms: Count, lanes: Count, clock: Hertz) -> PerSecond:
    """Operations per second of the 32-bit lanes of a GPU.

    >>> softmax_rate(sms=100.0, lanes=128.0, clock=1e9)
    12800000000000.0
    """
    return sms * lanes * clock


@formula(cite="as tiled_attention_time: the softmax is a limit of its own beside the products; " + FITTED)
def scores_time(
    flops: Flop,
    head_dim: Count,
    peak: FlopPerSecond,
    rate: PerSecond,
    score_operations: Count,
    overlap: Ratio,
    share: Ratio,
) -> Seconds:
    """Attention of prompts: products on the matrix unit and softmax on the lanes, beside or after each other.

    head_dim: mean of keys and values. share: rate over that of the family's kernel.

    >>> round(1e3 * scores_time(flops=1e12, head_dim=128.0, peak=1e15, rate=3e13, score_operations=15.0, overlap=1.0,
    ...                         share=0.5), 2)
    2.0
    """
    products = flops / peak
    softmax = flops / FLOP / (4 * head_dim) * score_operations / rate
    serial = (1 - overlap) * xp.minimum(products, softmax)
    return (xp.maximum(products, softmax) + serial) / share


@formula(cite=FITTED)
def blended_time(memory: Seconds, arithmetic: Seconds) -> Seconds:
    """Memory and arithmetic time of a part whose kernels are partly bound by either: root of the sum of squares.

    >>> blended_time(memory=3.0, arithmetic=4.0)
    5.0
    """
    return (memory * memory + arithmetic * arithmetic) ** 0.5


@formula(cite=MIXED)
def beyond(whole: Seconds, arithmetic: Seconds) -> Seconds:
    """What reading weights adds to a prefill by itself. In a step that also decodes they are read anyway.

    >>> beyond(whole=5.0, arithmetic=3.0)
    2.0
    """
    return whole - arithmetic


@formula(cite=FITTED)
def kv_time(size: Bytes, devices: Count, kv_heads: Count, bandwidth: BytesPerSecond, share: Ratio) -> Seconds:
    """Time to read the KV cache of a group's batch in one layer; a head is never split. kv_heads 1: latent attention.

    >>> round(1e6 * kv_time(size=33554432.0, devices=8.0, kv_heads=8.0, bandwidth=7.7e12, share=0.92), 2)
    0.59
    """
    return size / xp.minimum(devices, kv_heads) / (share * bandwidth)


@formula(cite="a decline by the same share every year: form of our own, " + FITTED)
def at_age(time: Seconds, improvement: PerSecond, age: Seconds) -> Seconds:
    """Fixed time of a version released `age` after the reference.

    >>> round(1e6 * at_age(time=60e-6, improvement=1.6e-8, age=31557600.0), 1)
    36.2
    """
    return time * xp.exp(xp.pure(-improvement * age))


@formula(cite="definition: rows of each expert rounded up to whole tiles, which adds half a tile on average")
def padded_flops(flops: Flop, rows: Count, active: Count, hit: Count, tile: Count) -> Flop:
    """Arithmetic of the experts a prefill touches, as the matrix units do it.

    >>> padded_flops(flops=1e9, rows=1024.0, active=8.0, hit=256.0, tile=128.0) / 1e9
    3.0
    """
    return flops * (1 + xp.divide(tile * hit, 2 * rows * active))


@formula(cite="each row is copied to its experts and summed up again: form of our own, " + FITTED)
def routed_activations(rows: Count, active: Count, hidden: Count, passes: Count, element: Bytes) -> Bytes:
    """Traffic of sorting rows by expert, quantizing and summing them up, in one layer, on all GPUs together.

    >>> routed_activations(rows=1000.0, active=8.0, hidden=4096.0, passes=6.0, element=2.0)
    393216000.0
    """
    return rows * active * hidden * passes * element


@formula(cite="sequences are independent: form of our own, " + FITTED)
def sequences_time(rows: Count, each: Seconds) -> Seconds:
    """Work per step that grows with the sequences and is not split over GPUs.

    >>> round(1e3 * sequences_time(rows=64.0, each=10e-6), 2)
    0.64
    """
    return rows * each


@formula(cite="a sort of each sequence's logits: form of our own, " + FITTED)
def sampling(rows: Count, vocabulary: Count, each: Seconds) -> Seconds:
    """Time of top-p or top-k sampling in one step. Greedy decoding needs none.

    >>> round(1e3 * sampling(rows=64.0, vocabulary=128256.0, each=0.2e-9), 2)
    1.64
    """
    return rows * vocabulary * each


@formula(cite="definition: data-parallel groups schedule their own sequences, and all wait for the fullest")
def rows_of_group(rows: Count, batch: Count, groups: Count) -> Count:
    """Rows of the fullest group: an even share of a large batch, one sequence at least. batch: sequences of all groups.

    >>> rows_of_group(rows=4000.0, batch=2.0, groups=32.0), rows_of_group(rows=256.0, batch=256.0, groups=32.0)
    (2000.0, 8.0)
    """
    return xp.divide(rows, batch) * xp.maximum(batch / groups, 1.0)


@formula(cite="definition: data-parallel groups compute their own sequences, and all wait for the fullest")
def crowding(batch: Count, groups: Count) -> Ratio:
    """Work of the fullest data-parallel group over the mean: more than 1 where there are fewer sequences than groups.

    >>> crowding(batch=2.0, groups=32.0), crowding(batch=256.0, groups=32.0)
    (16.0, 1.0)
    """
    return xp.maximum(xp.divide(groups, batch), 1.0)


@formula(cite="definition: the fullest group over the mean")
def crowded(time: Seconds, crowding: Ratio) -> Seconds:
    """Time of the fullest data-parallel group from the mean.

    >>> crowded(time=1e-3, crowding=4.0)
    0.004
    """
    return time * crowding


@formula(cite="definition: the busiest GPU over the mean")
def unbalanced(time: Seconds, imbalance: Ratio) -> Seconds:
    """Time of the GPU with the busiest experts from the mean.

    >>> round(unbalanced(time=1e-3, imbalance=1.3), 6)
    0.0013
    """
    return time * imbalance


@formula(cite="definition: each data-parallel group has a scheduler, and a front end, of its own")
def per_scheduler(time: Seconds, groups: Count) -> Seconds:
    """Time of a front end for one token of the engine, where each group has one.

    >>> per_scheduler(time=60e-6, groups=8.0)
    7.5e-06
    """
    return time / groups


@formula(cite="definition: a hidden state per row")
def message(rows: Count, hidden: Count, element: Bytes) -> Bytes:
    """What an all-reduce sums up on every GPU.

    >>> message(rows=64.0, hidden=8192.0, element=2.0)
    1048576.0
    """
    return rows * hidden * element


@formula(cite="assumption: a kernel takes the same fixed time, wherever in a layer it is")
def by_kernels(time: Seconds, kernels: Count, of: Count) -> Seconds:
    """Fixed time of so many kernels. of: kernels that take `time`.

    >>> round(1e6 * by_kernels(time=30e-6, kernels=8.0, of=6.0), 6)
    40.0
    """
    return time * kernels / of


@formula(cite="definition: what the attention part leaves")
def rest_of(time: Seconds, share: Ratio) -> Seconds:
    """The part of a time that another part does not take.

    >>> rest_of(time=60.0, share=0.75)
    15.0
    """
    return time * (1 - share)
