"""Two half batches that take turns on a GPU: the exchange of one with its experts runs while the other computes.

The halves change places four times in a layer: one computes attention while the tokens of the other are sent to their
experts, then what the experts do while the first is sent; the results come back in the same way. Each turn takes as
long as the longer of both sides. Weights are read and kernels launched for each half.
"""

from rackcalc.formulas.combine import slowed, total
from rackcalc.formulas.gpu.kernels import repeated
from rackcalc.formulas.gpu.layer_parts import Parts
from rackcalc.formulas.links.expert_exchange import Exchange
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Count, Ratio, Seconds

SCHEDULE = (
    "vLLM docs/design/dbo.md, overlap schedule; SGLang python/sglang/srt/operations_strategy.py has the same order"
)

EXCHANGE_SMS = Quantity(
    20.0, "1", "SMs that the exchange of a prefill takes from the other half",
    source=Source("published", "deepep", note="deep_ep/buffer.py: Buffer.num_sms; kernels of decode steps take none"),
    low=16.0, high=24.0,
)  # fmt: skip
HALVES = constant(2.0, "1", "half batches", "given", note="serving.two_batch_overlap")
MIXED_IN = ("shared_experts",)  # terms of an expert layer that are computed beside attention


@record
class Overlap:
    """What a layer of two half batches needs beside the times of one: the exchange of one, and the pass it is in.

    layers [1]: with experts. rows [1]: tokens of a data-parallel group, which are split from `least` on. sms [1]: of
    the GPU where the exchange takes some of them, else None.
    """

    exchange: Exchange
    layers: Quantity
    rows: Quantity
    least: Quantity
    sms: Quantity | None


@formula(cite="definition: two halves of a batch")
def half_of(batch: Count) -> Count:
    """Sequences in each of two half batches, mean.

    >>> half_of(batch=9.0)
    4.5
    """
    return batch / 2


@formula(cite="assumption: kernels slow down in proportion to the SMs that others hold; SGLang limits its own to these")
def on_fewer_sms(sms: Count, taken: Count) -> Ratio:
    """Time of a kernel beside another that holds some of the SMs, over its time alone.

    >>> round(on_fewer_sms(sms=132.0, taken=20.0), 3)
    1.179
    """
    return sms / (sms - taken)


@formula(cite=SCHEDULE)
def exchange_exposed(mixing: Seconds, experts: Seconds, dispatch: Seconds, combine: Seconds, layers: Count) -> Seconds:
    """What the exchanges of two half batches add to a layer, whose four turns take the longer of both sides.

    All times are of one half. mixing: attention and what is computed beside it; experts: what comes between dispatch
    and combine. Of all `layers`, the first computes attention, and the last combines, with nothing beside it.

    >>> exchange_exposed(mixing=3.0, experts=5.0, dispatch=2.0, combine=4.0, layers=3.0)
    2.0
    """
    beside_mixing = xp.maximum(dispatch - mixing, 0 * mixing) + xp.maximum(combine - mixing, 0 * mixing)
    beside_experts = xp.maximum(dispatch - experts, 0 * mixing) + xp.maximum(combine - experts, 0 * mixing)
    return beside_mixing + beside_experts + xp.minimum(mixing, combine) / layers


@formula(cite="vLLM, vllm/config/parallel.py: dbo_decode_token_threshold and dbo_prefill_token_threshold")
def if_split(rows: Count, least: Count, split: Seconds, whole: Seconds) -> Seconds:
    """Time of a batch that is split into two where a data-parallel group has at least so many tokens.

    >>> if_split(rows=64.0, least=32.0, split=5.0, whole=4.0), if_split(rows=16.0, least=32.0, split=5.0, whole=4.0)
    (5.0, 4.0)
    """
    return xp.where(rows >= least, split, whole)


def of_two_batches(whole: Parts, half: Parts, overlap: Overlap) -> Parts:
    """The parts of a layer of two half batches, from those of the whole batch by itself and of one half by itself."""
    slower = None if overlap.sms is None else on_fewer_sms(sms=overlap.sms, taken=EXCHANGE_SMS)

    def beside(times: dict[str, Quantity]) -> dict[str, Quantity]:
        """Times of one half that are computed beside the exchange of the other."""
        return times if slower is None else {name: slowed(time=time, factor=slower) for name, time in times.items()}

    def both(times: dict[str, Quantity], alone: dict[str, Quantity]) -> dict[str, Quantity]:
        """Times of both halves, or those of a batch that is too small to be split."""
        rows = {"rows": overlap.rows, "least": overlap.least}
        twice = {name: repeated(time=time, copies=HALVES) for name, time in times.items()}
        return {name: if_split(**rows, split=time, whole=alone[name]) for name, time in twice.items()}

    attention = beside(half.attention)
    computed = beside({name: time for name, time in half.experts.items() if name != "dispatch"})
    mixed_in = {name: time for name, time in computed.items() if name.startswith(MIXED_IN)}
    after = {name: time for name, time in computed.items() if name not in mixed_in}
    exposed = exchange_exposed(
        mixing=total(**attention, **mixed_in),
        experts=total(**after),
        dispatch=overlap.exchange.dispatch,
        combine=overlap.exchange.combine,
        layers=overlap.layers,
    )
    dispatch = if_split(rows=overlap.rows, least=overlap.least, split=exposed, whole=whole.experts["dispatch"])
    return Parts(
        attention=both(attention, whole.attention),
        ffn=both(half.ffn, whole.ffn),
        experts=both(computed, whole.experts) | {"dispatch": dispatch},
        ends=whole.ends,
    )
