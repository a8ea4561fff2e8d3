"""Work shared between GPUs and LPUs: who does what, what crosses the link, and when the split pays.

Four splits: layers of an encoder in sequence; prefill here and decoding there; attention here and feed-forward there
in every layer; drafting there and verifying here.
"""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.lpu.encoder import LpuPass
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import (
    SECOND,
    TOKEN,
    Bytes,
    BytesPerSecond,
    Count,
    Ratio,
    Seconds,
    SecondsPerToken,
    Tokens,
)

MEGASCALE = "R. Zhu et al., MegaScale-Infer, arXiv:2504.02263, section 4.1 (ping-pong pipeline)"
FASTAFD = "Hao AI Lab, FastAFD, 4 July 2026 (attention and feed-forward disaggregation on GB200)"
AICONFIGURATOR = "NVIDIA aiconfigurator, afd_transfer.py (attention-FFN disaggregation)"
LEVIATHAN = "Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192, eq. 1"
HOCKNEY = "R. Hockney, Parallel Computing 20 (1994) 389-398, eq. 1"


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


@formula(cite=HOCKNEY)
def bulk_exposed(latency: Seconds, kv_cache: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Wait for a KV cache that is sent after the prefill. 8k tokens of Llama 70B in bf16 over 400 Gb/s:

    >>> round(bulk_exposed(latency=5e-6, kv_cache=2.684e9, bandwidth=48e9) * 1e3)
    56
    """
    return latency + xp.divide(kv_cache, bandwidth)


@formula(cite="derivation: layer l is ready at l/L of the prefill and the link sends one layer at a time, in order")
def layerwise_exposed(
    latency: Seconds, kv_cache: Bytes, bandwidth: BytesPerSecond, prefill: Seconds, layers: Count
) -> Seconds:
    """Wait for a KV cache that is sent layer by layer during the prefill: the last layer, or the backlog when longer.

    >>> round(layerwise_exposed(latency=0.0, kv_cache=8e9, bandwidth=1e9, prefill=4.0, layers=4.0), 1)
    5.0
    """
    sending = xp.divide(kv_cache, bandwidth)
    return latency + xp.maximum(sending / layers, sending - prefill * (layers - 1) / layers)


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
    enough = microbatches * slower >= 2 * (slower + crossing) * (1 - 1e-12)  # equality must survive rounding
    return xp.where(xp.logical_and(crossing < slower, enough), 1.0, 0.0)


@formula(cite=MEGASCALE + ", constraint 3 solved for m")
def microbatches_needed(attention: Seconds, feed_forward: Seconds, crossing: Seconds) -> Count:
    """Fewest microbatches that hide the hops; inf when a hop takes as long as the slower side.

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

    A layer takes as long as the slower side needs for all microbatches, or one whole round trip when that is longer.
    With one microbatch this is the serial time.

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
    """Step when sending is not overlapped with computing; nan with fewer than two microbatches.

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

    nan with fewer microbatches than 2 + (forth + back) / slower side, three at least in practice.

    >>> round(optimistic_step(attention=120e-6, feed_forward=100e-6, forth=40e-6, back=50e-6, microbatches=3.0,
    ...     layers=94.0) * 1e3, 2)
    33.84
    """
    slower = xp.maximum(attention, feed_forward)
    cycle = xp.maximum(slower, forth + back)
    enough = microbatches >= 2 + xp.divide(forth + back, slower) * (1 - 1e-12)
    return xp.where(enough, microbatches * layers * cycle, xp.nan * SECOND)


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

    attention_share grows with the batch, dense_share (projections) is paid once per microbatch. Measured: 1.45.

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


@formula(cite="definition: one token per sequence and step")
def step_tpot(step: Seconds, rest: Seconds) -> SecondsPerToken:
    """Time between tokens of one sequence: the layers, and what follows them (head, sampling, host).

    >>> round(step_tpot(step=4.04e-3, rest=205e-6) * 1e3, 3)
    4.245
    """
    return (step + rest) / TOKEN


@formula(cite=LEVIATHAN)
def tokens_per_step(acceptance: Ratio, drafted: Count) -> Tokens:
    """Tokens one draft-and-verify step yields, each drafted token accepted with the same chance.

    >>> round(tokens_per_step(acceptance=0.8, drafted=4.0), 4)
    3.3616
    """
    many = xp.divide(1 - xp.power(xp.pure(acceptance), xp.pure(drafted + 1)), 1 - acceptance)
    return xp.where(acceptance < 1, many, drafted + 1) * TOKEN


@formula(cite=LEVIATHAN + "; drafting and verifying take turns")
def speculative_step(draft: Seconds, drafted: Count, verify: Seconds, forth: Seconds, back: Seconds) -> Seconds:
    """Time of one step: so many draft tokens, over, one verification, and back.

    >>> round(speculative_step(draft=0.2e-3, drafted=4.0, verify=6e-3, forth=5e-6, back=5e-6) * 1e3, 2)
    6.81
    """
    return draft * drafted + forth + verify + back


@formula(cite="definition: time of a step over its tokens")
def speculative_tpot(step: Seconds, tokens: Tokens) -> SecondsPerToken:
    """Mean time between tokens.

    >>> round(speculative_tpot(step=6.81e-3, tokens=3.3616) * 1e3, 3)
    2.026
    """
    return xp.divide(step, tokens)


@record
class EncoderPipeline:
    """Seconds. terms: gpu, forth, lpu, back. bottleneck: between two results of the full pipeline."""

    time: Quantity
    bottleneck: Quantity
    terms: dict[str, Quantity]


@record
class PrefillDecode:
    """ttft [s] without queueing, tpot [s/token], exposed [s]: wait for the KV cache. terms: of the TTFT."""

    ttft: Quantity
    tpot: Quantity
    exposed: Quantity
    terms: dict[str, Quantity]


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


@record
class DraftVerify:
    """tokens [token] and step [s] of one draft-and-verify round, tpot [s/token]. terms: of the step."""

    tokens: Quantity
    step: Quantity
    tpot: Quantity
    terms: dict[str, Quantity]


@formula(cite="definition: a time for each of several")
def repeated(time: Seconds, times: Count) -> Seconds:
    """Time of several equal parts in sequence.

    >>> repeated(time=50e-6, times=80.0)
    0.004
    """
    return time * times


def encoder_pipeline(gpu: Quantity, lpu: LpuPass, forth: Quantity, back: Quantity) -> EncoderPipeline:
    """First layers on the GPU (seconds), the others on a pipeline of LPUs, hidden states over and result back."""
    terms = {"gpu": gpu, "forth": forth, "lpu": lpu.time, "back": back}
    return EncoderPipeline(
        time=total(**terms),
        bottleneck=largest(gpu=gpu, forth=forth, lpu=lpu.bottleneck, back=back),
        terms=terms,
    )


def exposed_transfer(
    prefill: Quantity, kv_cache: Quantity, layers: Quantity, latency: Quantity, bandwidth: Quantity, transfer: str
) -> Quantity:
    """Wait for a KV cache [B] sent "bulk" after the prefill [s], or "layer-wise" during it."""
    if transfer == "bulk":
        return bulk_exposed(latency=latency, kv_cache=kv_cache, bandwidth=bandwidth)
    return layerwise_exposed(latency=latency, kv_cache=kv_cache, bandwidth=bandwidth, prefill=prefill, layers=layers)


def prefill_decode(
    prefill: Quantity,
    kv_cache: Quantity,
    layers: Quantity,
    latency: Quantity,
    bandwidth: Quantity,
    first_token: Quantity,
    tpot: Quantity,
    transfer: str,
) -> PrefillDecode:
    """GPU reads the prompt (prefill, s), LPU generates (first_token, s; tpot, s/token); kv_cache [B] crosses once.

    transfer: "bulk" after the prefill, or "layer-wise" during it.
    """
    exposed = exposed_transfer(prefill, kv_cache, layers, latency, bandwidth, transfer)
    terms = {"prefill": prefill, "kv_transfer": exposed, "first_token": first_token}
    return PrefillDecode(ttft=total(**terms), tpot=tpot, exposed=exposed, terms=terms)


def attention_ffn(
    attention: Quantity,
    feed_forward: Quantity,
    forth: Quantity,
    back: Quantity,
    layers: Quantity,
    microbatches: Quantity,
    rest: Quantity,
) -> AttentionFfn:
    """Attention on the GPU and feed-forward on the LPU in every layer: two crossings per layer and token.

    attention, feed_forward: one layer of one microbatch [s]. rest: head, sampling and host of a step [s].
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


def draft_verify(
    draft: Quantity, verify: Quantity, acceptance: Quantity, drafted: Quantity, forth: Quantity, back: Quantity
) -> DraftVerify:
    """LPU drafts tokens one by one (draft: s each), GPU verifies them in one pass (verify: s)."""
    tokens = tokens_per_step(acceptance=acceptance, drafted=drafted)
    step = speculative_step(draft=draft, drafted=drafted, verify=verify, forth=forth, back=back)
    terms = {"draft": repeated(time=draft, times=drafted), "forth": forth, "verify": verify, "back": back}
    return DraftVerify(tokens=tokens, step=step, tpot=speculative_tpot(step=step, tokens=tokens), terms=terms)
