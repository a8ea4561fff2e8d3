"""Context parallelism in engines that prefill: passes of one rank, which has its share of each prompt."""

from collections.abc import Callable

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.joined_passes import bytes_of_passes, flops_of_passes, with_time
from rackcalc.formulas.gpu.memory_fit import cache_held
from rackcalc.formulas.serving.context_parallel import (
    RING_PASS,
    past_of_rank,
    ring_exposed,
    ring_passes,
    ring_send,
    tokens_of_rank,
)
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.pool_memory import kv_cache_of_batch
from rackcalc.serving.service_model import ONE
from rackcalc.spec.rack import Rack


def prompt_of_ranks(
    rack: Rack,
    deployed: GpuDeployment,
    passed: Callable[..., GpuPass],
    prompts: Quantity,
    prompt: Quantity,
    computed: Quantity,
) -> GpuPass:
    """The prefill of prompts that all ranks share. passed: of tokens after a past, on one rank."""
    ranks, link = deployed.ranks, deployed.rank_link
    assert ranks is not None and link is not None
    part = tokens_of_rank(tokens=computed, ranks=ranks)
    one = passed(prompts, part, past=past_of_rank(prompt=prompt, computed=computed, part=part))
    send = ring_send(
        size=cache_of_rank(rack, deployed, prompts, prompt),
        layers=rack.model.layers,
        latency=link.latency,
        bandwidth=link.bandwidth,
        efficiency=link.efficiency,
    )
    exposed = ring_exposed(send=send, attention=one.terms["attention"], ranks=ranks)
    passes = ring_passes(each=RING_PASS, layers=rack.model.layers, ranks=ranks)
    longer = with_time(one, "ring", total(exposed=exposed, passes=passes))
    return replace(
        longer,
        flops=flops_of_passes(flops=longer.flops, passes=ranks),
        bytes_moved=bytes_of_passes(size=longer.bytes_moved, passes=ranks),
    )


def cache_of_rank(rack: Rack, deployed: GpuDeployment, prompts: Quantity, prompt: Quantity) -> Quantity:
    """The part of the KV cache of prompts that one GPU of a rank holds [B]."""
    return cache_held(
        cache=kv_cache_of_batch(rack, prompts, share_of_prompt(deployed, prompt)),
        devices=deployed.devices,
        kv_heads=ONE if rack.model.mla is not None else rack.model.kv_heads,
    )


def share_of_prompt(deployed: GpuDeployment, prompt: Quantity) -> Quantity:
    """Tokens of a prompt whose keys and values one rank holds; all of them without ranks."""
    return prompt if deployed.ranks is None else tokens_of_rank(tokens=prompt, ranks=deployed.ranks)
