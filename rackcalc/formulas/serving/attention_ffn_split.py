"""Attention on GPUs and feed-forward blocks on LPUs in every layer, with the schedules that overlap them."""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.serving.kv_transfer import HOCKNEY
from rackcalc.formulas.serving.request_time import repeated
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import SECOND, TOKEN, Bytes, BytesPerSecond, Count, Ratio, Seconds, SecondsPerToken


@formula(cite="definition: equal parts, at least one sequence each")
def microbatch(batch: Count, microbatches: Count) -> Count:
    """Sequences in one microbatch.

    >>> microbatch(batch=64.0, microbatches=2.0)
    32.0
    """
    return xp.maximum(xp.ceil(batch / microbatches), 1.0)


MEGASCALE = "R. Zhu et al., MegaScale-Infer, arXiv:2504.02263, section 4.1 (ping-pong pipeline)"
AICONFIGURATOR = "NVIDIA aiconfigurator, afd_transfer.py (attention-FFN disaggregation)"


@formula(cite=HOCKNEY)
def crossing_time(latency: Seconds, size: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """One crossing of the link between the two kinds of chip.

    >>> round(crossing_time(latency=1.5e-6, size=262144.0, bandwidth=770e9) * 1e6, 2)
    1.84
    """
    return latency + xp.divide(size, bandwidth)


@formula(cite="definition: hidden states of the tokens, to every feed-forward node that needs them")
def crossing_size(tokens: Count, hidden: Count, width: Bytes, nodes: Count) -> Bytes:
    """Bytes of one crossing. nodes: mean number of nodes a token is sent to (1 unless experts are spread over nodes).

    >>> crossing_size(tokens=1.0, hidden=8192.0, width=2.0, nodes=1.0)
    16384.0
    """
    return tokens * hidden * width * nodes


@formula(cite=MEGASCALE + "; one microbatch: nothing overlaps")
def round_trip(attention: Seconds, feed_forward: Seconds, forth: Seconds, back: Seconds) -> Seconds:
    """One layer of one microbatch: attention, over, feed-forward, and back.

    >>> round(round_trip(attention=37.3e-6, feed_forward=9.2e-6, forth=2e-6, back=2e-6) * 1e6, 1)
    50.5
    """
    return attention + feed_forward + forth + back


@formula(cite=MEGASCALE)
def megascale_step(
    attention: Seconds, feed_forward: Seconds, crossing: Seconds, microbatches: Count, layers: Count
) -> Seconds:
    """Step of the ping-pong pipeline where the hops are hidden; too short wherever hops_hidden is 0.

    >>> round(megascale_step(attention=120e-6, feed_forward=100e-6, crossing=40e-6, microbatches=2.0,
    ...     layers=94.0) * 1e3, 2)
    22.74
    """
    slower = xp.maximum(attention, feed_forward)
    return attention + feed_forward + 2 * crossing + slower * (microbatches * layers - 1)


@formula(cite=MEGASCALE + ", constraints 1 to 3")
def hops_hidden(attention: Seconds, feed_forward: Seconds, crossing: Seconds, microbatches: Count) -> Ratio:
    """1 where the microbatches hide the hops (t_c < T_f and m T_f >= 2 (T_f + t_c)), else 0.

    >>> hops_hidden(attention=120e-6, feed_forward=120e-6, crossing=40e-6, microbatches=3.0)
    1.0
    """
    slower = xp.maximum(attention, feed_forward)
    enough = microbatches * slower >= 2 * (slower + crossing) * (
        1 - 1e-12
    )  # the factor keeps equality despite rounding
    return xp.where(xp.logical_and(crossing < slower, enough), 1.0, 0.0)


@formula(cite=MEGASCALE + ", constraint 3 solved for m")
def microbatches_needed(attention: Seconds, feed_forward: Seconds, crossing: Seconds) -> Count:
    """Fewest microbatches that hide the hops; unbounded when a hop takes as long as the slower side.

    >>> microbatches_needed(attention=120e-6, feed_forward=100e-6, crossing=40e-6)
    3.0
    """
    slower = xp.maximum(attention, feed_forward)
    return xp.where(crossing < slower, xp.ceil(xp.divide(2 * (slower + crossing), slower) * (1 - 1e-12)), xp.inf)


@formula(cite="derivation: m equal jobs visit two stations L times; equals MegaScale-Infer where that is valid")
def ping_pong_step(
    attention: Seconds, feed_forward: Seconds, forth: Seconds, back: Seconds, microbatches: Count, layers: Count
) -> Seconds:
    """Step of m microbatches that alternate between the two sides, for any m.

    A layer takes as long as the slower side needs for all microbatches, or one whole round trip if that is longer. With
    one microbatch the result is the serial time.

    >>> round(ping_pong_step(attention=120e-6, feed_forward=100e-6, forth=40e-6, back=40e-6, microbatches=2.0,
    ...     layers=94.0) * 1e3, 2)
    28.32
    """
    slower = xp.maximum(attention, feed_forward)
    trip = attention + feed_forward + forth + back
    return (layers - 1) * xp.maximum(microbatches * slower, trip) + trip + (microbatches - 1) * slower


@formula(cite=AICONFIGURATOR + ", K = 2: each side waits for its own transfer")
def conservative_step(
    attention: Seconds, feed_forward: Seconds, forth: Seconds, back: Seconds, microbatches: Count, layers: Count
) -> Seconds:
    """Step when sending is not overlapped with computing; no number with fewer than two microbatches.

    >>> round(conservative_step(attention=120e-6, feed_forward=100e-6, forth=40e-6, back=50e-6, microbatches=2.0,
    ...     layers=94.0) * 1e3, 2)
    30.08
    """
    cycle = xp.maximum(attention + forth, feed_forward + back)
    return xp.where(microbatches >= 2, microbatches * layers * cycle, xp.nan * SECOND)


@formula(cite=AICONFIGURATOR + ", K = 3: the link is a third station")
def optimistic_step(
    attention: Seconds, feed_forward: Seconds, forth: Seconds, back: Seconds, microbatches: Count, layers: Count
) -> Seconds:
    """Step when transfers overlap with computing; every microbatch in flight keeps its KV cache.

    nan with fewer microbatches than 2 + (forth + back) / slower side, which is at least three in practice.

    >>> round(optimistic_step(attention=120e-6, feed_forward=100e-6, forth=40e-6, back=50e-6, microbatches=3.0,
    ...     layers=94.0) * 1e3, 2)
    33.84
    """
    slower = xp.maximum(attention, feed_forward)
    cycle = xp.maximum(slower, forth + back)
    enough = microbatches >= 2 + xp.divide(forth + back, slower) * (1 - 1e-12)
    return xp.where(enough, microbatches * layers * cycle, xp.nan * SECOND)


@formula(cite="definition: one token per sequence and step")
def step_tpot(step: Seconds, rest: Seconds) -> SecondsPerToken:
    """Time between tokens of one sequence: the layers, and what follows them (head, sampling, host).

    >>> round(step_tpot(step=4.04e-3, rest=205e-6) * 1e3, 3)
    4.245
    """
    return (step + rest) / TOKEN


@record
class AttentionFfn:
    """Step of all microbatches [s], tpot [s/token]. serial: one microbatch (its step).

    hidden: 1 when the hops are hidden. megascale: the published formula, valid only where hidden is 1.
    conservative, optimistic: steps of the K = 2 and K = 3 schedules, nan with too few microbatches (needed: enough to
    hide the hops). forth, back: one crossing. terms: of the serial step.
    """

    step: Quantity
    tpot: Quantity
    serial: Quantity
    megascale: Quantity
    conservative: Quantity
    optimistic: Quantity
    hidden: Quantity
    needed: Quantity
    forth: Quantity
    back: Quantity
    terms: dict[str, Quantity]


def attention_ffn(
    attention: Quantity,
    feed_forward: Quantity,
    forth: Quantity,
    back: Quantity,
    layers: Quantity,
    microbatches: Quantity,
    rest: Quantity,
) -> AttentionFfn:
    """Attention on the GPU and feed-forward on the LPU in every layer, with two crossings per layer and token.

    attention, feed_forward: one layer of one microbatch [s]. rest: head, sampling and host in a step [s].
    """
    sides = {"attention": attention, "feed_forward": feed_forward}
    hops = {"forth": forth, "back": back}
    crossing = largest(**hops)
    step = ping_pong_step(**sides, **hops, microbatches=microbatches, layers=layers)
    one = round_trip(**sides, **hops)
    serial = repeated(time=one, times=layers)
    return AttentionFfn(
        step=step,
        tpot=step_tpot(step=step, rest=rest),
        serial=serial,
        megascale=megascale_step(**sides, crossing=crossing, microbatches=microbatches, layers=layers),
        conservative=conservative_step(**sides, **hops, microbatches=microbatches, layers=layers),
        optimistic=optimistic_step(**sides, **hops, microbatches=microbatches, layers=layers),
        hidden=hops_hidden(**sides, crossing=crossing, microbatches=microbatches),
        needed=microbatches_needed(**sides, crossing=crossing),
        **hops,
        terms={
            "attention": repeated(time=attention, times=layers),
            "feed_forward": repeated(time=feed_forward, times=layers),
            "hops": repeated(time=total(**hops), times=layers),
            "rest": rest,
        },
    )
