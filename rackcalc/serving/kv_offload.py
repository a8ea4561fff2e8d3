"""Prompts of which a part is fetched as KV cache from host memory or SSDs."""

from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.serving.concurrency import SHARED
from rackcalc.formulas.serving.kv_offload import beyond_found, fetch_time, found_tokens, rest_of_time, tokens_left
from rackcalc.formulas.serving.request_time import left_over
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.serving.pool_memory import kv_cache_of_batch
from rackcalc.serving.service_model import ONE, Stage
from rackcalc.spec.rack import Rack


def tokens_found(rack: Rack, prompt: Quantity) -> Quantity | None:
    """Tokens of a prompt that are fetched; None where the rack fetches none."""
    plan = rack.serving.kv_offload
    return None if plan is None else found_tokens(prompt=prompt, hits=plan.hits)


def computed_prompt(rack: Rack) -> Quantity:
    """Tokens of a prompt that its prefill computes."""
    prompt = rack.workload.input
    found = tokens_found(rack, prompt)
    return prompt if found is None else tokens_left(prompt=prompt, found=found)


def fetching(rack: Rack) -> Quantity | None:
    """Time to fetch what is found of a prompt, on an idle path [s]; None where the rack fetches nothing."""
    plan, found = rack.serving.kv_offload, tokens_found(rack, rack.workload.input)
    if plan is None or found is None:
        return None
    return fetch_time(size=kv_cache_of_batch(rack, ONE, found), bandwidth=plan.bandwidth)


def fetch_stage(rack: Rack) -> dict[str, Stage]:
    """The fetch as a stage; nothing where there is none."""
    fetch = fetching(rack)
    return {} if fetch is None else {"kv_fetch": Stage(fetch, "path to the KV cache", {"fetch": fetch})}


def rest_of_prompt(whole: GpuPass, found: GpuPass) -> GpuPass:
    """The prefill of a prompt without the work of what is found, to which the rest attends all the same."""
    work = {name for name in whole.terms if not name.endswith(SHARED)}
    saved = {name: smallest(whole=whole.terms[name], found=found.terms[name]) for name in work}
    parts = {"saved": total(**saved), "terms": total(**whole.terms)}
    time = rest_of_time(whole=whole.time, **parts)

    def utilization(of_whole: Quantity, of_found: Quantity) -> Quantity:
        return beyond_found(whole=of_whole, whole_time=whole.time, found=of_found, found_time=found.time, time=time)

    return replace(
        whole,
        time=time,
        device_time=rest_of_time(whole=whole.device_time, **parts),
        terms={
            name: left_over(whole=term, part=saved[name]) if name in work else term
            for name, term in whole.terms.items()
        },
        utilization=utilization(whole.utilization, found.utilization),
    )
