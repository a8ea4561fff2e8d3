"""Tokens that a rack delivers: of prompts, of prompts in a cache, and of answers, and their share of its time."""

from rackcalc.estimation.result import Throughput
from rackcalc.formulas.money.economics import Delivered
from rackcalc.formulas.money.tokens import (
    share_of_chips,
    share_of_prompts,
    tokens_cached,
    tokens_read,
    while_working,
)
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.serving.service_model import ServiceModel, batch_of
from rackcalc.spec.rack import Rack

NOTHING_CACHED = constant(0.0, "1", "cached", "given", note="no prompt is found in a cache")


def delivered(rack: Rack, served: ServiceModel, done: Throughput) -> Delivered:
    """What is delivered per time, for which the rack is paid."""
    cached = getattr(rack.workload, "cached", None)
    prompts = {"requests": done.requests, "tokens": rack.workload.input}
    alone = rack.accelerators.gpu is not None and rack.accelerators.lpu is None
    return Delivered(
        requests=done.requests,
        input=tokens_read(cached=NOTHING_CACHED if cached is None else cached, **prompts),
        cached=None if cached is None else tokens_cached(cached=cached, **prompts),
        output=done.tokens,
        prompt_share=None if rack.workload.output is None else prompt_share(rack, served),
        gpus=rack.accelerators.gpu.count if alone and rack.accelerators.gpu is not None else None,
    )


def prompt_share(rack: Rack, served: ServiceModel) -> Quantity | None:
    """Share of the chips' time that prompts take. None where prompts and answers have chips of different kinds."""
    assert rack.workload.output is not None
    pool, prefill_gpus = rack.accelerators.gpu, rack.serving.prefill_gpus
    if rack.serving.split == "prefill-decode":
        both = pool is not None and prefill_gpus is not None
        return share_of_chips(prefill=prefill_gpus, all_chips=pool.count) if both else None  # type: ignore[union-attr, arg-type]
    per_step = served.details.get("tokens_per_round", served.details.get("tokens_per_step", ONE))
    return share_of_prompts(
        prefill=served.stages["prefill"].time if served.each_prompt is None else served.each_prompt,
        step=served.stages["round" if "round" in served.stages else "decode"].time,
        together=_together(rack, served),
        output=rack.workload.output,
        per_step=per_step,
    )


def _together(rack: Rack, served: ServiceModel) -> Quantity:
    """Requests that share a decode step while there is one."""
    if served.load is not None:
        return while_working(decoding=served.details["requests_under_way"], busy=served.busy["gpu"])
    found = served.details.get("decoding_together", served.details.get("requests_under_way"))
    return batch_of(rack) if found is None else found
