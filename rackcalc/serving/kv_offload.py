"""Prompts of which a part is fetched as KV cache from host memory or SSDs."""

from rackcalc.formulas.serving.kv_offload import fetch_time, found_tokens
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.pool_memory import kv_cache_of_batch
from rackcalc.serving.service_model import ONE, Stage
from rackcalc.spec.rack import Rack


def tokens_found(rack: Rack, prompt: Quantity) -> Quantity | None:
    """Tokens of a prompt that are fetched; None where the rack fetches none."""
    plan = rack.serving.kv_offload
    return None if plan is None else found_tokens(prompt=prompt, hits=plan.hits)


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
