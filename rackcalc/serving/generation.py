"""What all splits of decoders share: requests hold a place while they generate, and prefills delay decode steps."""

from collections.abc import Callable
from functools import partial
from typing import Any

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu import forward_pass as gpu
from rackcalc.formulas.gpu.joined_passes import with_more, with_time
from rackcalc.formulas.heat.chip_utilization import serving_utilization
from rackcalc.formulas.serving.concurrency import ROUNDS, Prefill, balanced, closed_loop, one_prompt
from rackcalc.formulas.serving.inter_token_latency import prefill_interference
from rackcalc.formulas.serving.length_moments import tokens_before
from rackcalc.formulas.serving.pipeline_stages import micro_batch, shortened_time
from rackcalc.formulas.serving.replicas import rate_per_copy
from rackcalc.formulas.serving.request_time import generation_time, left_over
from rackcalc.formulas.serving.speculative_decoding import drafting_time, search_time, tokens_checked
from rackcalc.formulas.serving.time_to_first_token import prompt_wait
from rackcalc.formulas.transformer.counts import count
from rackcalc.quantities.kept_results import once
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import record, replace
from rackcalc.serving.adapters import with_adapters
from rackcalc.serving.context_parallel import prompt_of_ranks
from rackcalc.serving.drafting import DRAFT_HOST, LOOKUP, answer_steps, drafting_model, speculation_on_gpus
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_power_utilization
from rackcalc.serving.kv_offload import fetching
from rackcalc.serving.lengths import computed_prompt
from rackcalc.serving.pipeline import engine_in_rounds, overlap, prompt_through_stages, ring, step_of_stages
from rackcalc.serving.pool_memory import context_lengths, kv_format
from rackcalc.serving.service_model import ONE, ServiceModel, batch_of
from rackcalc.spec.models import Model
from rackcalc.spec.rack import Rack

BURST = Quantity(
    0.2,
    "1",
    "prompts that arrive at the same moment",
    source=Source("measured", "serving-runs", note="0.15 to 0.22 in serving engines under steady load"),
    low=0.1,
    high=1.2,
)
NOTHING = count(0.0, "nothing")
ONCE_A_STEP = ("sequences", "sampling")  # terms of a step that its drafts do not need


def output_tokens(rack: Rack) -> Quantity:
    """Tokens generated per request."""
    assert rack.workload.output is not None
    return rack.workload.output


@once
def prefill_pass(
    rack: Rack, deployed: GpuDeployment, tokens: Quantity | None = None, prompts: Quantity = ONE
) -> gpu.GpuPass:
    """The prefill of a prompt, of workload.input or of so many tokens, but for what is known of it already.

    prompts: so many in one pass. Each data-parallel group computes its own prompts, whole.
    """
    length = rack.workload.input if tokens is None else tokens
    run, computed = _on_gpus(gpu.prefill, rack, deployed), computed_prompt(rack, length)
    more: dict[str, Any] = {} if computed is length else {"past": tokens_before(prompt=length, computed=computed)}
    if deployed.ranks is not None:
        return prompt_of_ranks(rack, deployed, run, prompts, length, computed)
    first = with_adapters(rack, run(prompts, computed, **more))
    if deployed.stages is not None:
        return prompt_through_stages(rack, deployed, first, length)
    drafter = drafting_model(rack)
    if drafter is None:
        return first
    drafted = prefill_pass(_drafting(rack, drafter), deployed, length, prompts)
    return with_more(first, drafted, ONE, {_as_draft(name): time for name, time in drafted.terms.items()})


def prefill_of(rack: Rack, deployed: GpuDeployment, first: gpu.GpuPass, tokens: Quantity | None = None) -> Prefill:
    """How an engine computes prompts. first: the pass of one, of workload.input or of so many tokens."""
    groups = rack.serving.data_parallel
    return one_prompt(first) if groups is None else Prefill(first, prefill_pass(rack, deployed, tokens, groups), groups)


@once
def decode_step(rack: Rack, deployed: GpuDeployment, batch: Quantity) -> gpu.GpuPass:
    """A decode step of `batch` sequences; with speculation the drafts, and the step that verifies them."""
    mean, _ = context_lengths(rack)
    plan = speculation_on_gpus(rack)
    checked = None if plan is None else tokens_checked(drafted=plan.tokens)
    how = {"sampled": rack.workload.sampling == "nucleus", "only_decodes": only_decodes(rack)}
    if deployed.stages is not None:
        rows = micro_batch(batch=batch, stages=deployed.stages)
        passed = with_adapters(rack, _on_gpus(gpu.decode, rack, deployed)(rows, mean, **how))
        return step_of_stages(rack, deployed, passed, batch, rows)
    step = with_adapters(rack, _on_gpus(gpu.decode, rack, deployed)(batch, mean, tokens=checked, **how))
    if plan is None:
        return step
    drafter = drafting_model(rack)
    if drafter is None:
        return with_time(step, "draft", search_time(each=LOOKUP, batch=batch))
    one = decode_step(_drafting(rack, drafter), deployed, batch)
    passes = total(**{name: time for name, time in one.terms.items() if name not in ONCE_A_STEP})
    return with_more(
        step, one, plan.tokens, {"draft": drafting_time(passes=passes, host=DRAFT_HOST, drafted=plan.tokens)}
    )


def only_decodes(rack: Rack) -> bool:
    """Whether no prompts come between the decode steps."""
    return rack.serving.prefill_gpus is not None or rack.serving.phase == "decode"


def _drafting(rack: Rack, drafter: Model) -> Rack:
    """The rack as it runs what drafts."""
    return replace(rack, model=drafter, serving=replace(rack.serving, speculation=None, lora=None))


def _as_draft(name: str) -> str:
    """The name of a term of the drafter's prefill. Launches outside graphs add to the model's own."""
    return name if name == "launches" else f"draft_{name}"


def _on_gpus(compute: Callable[..., gpu.GpuPass], rack: Rack, deployed: GpuDeployment) -> Callable[..., gpu.GpuPass]:
    """A pass of the rack's model on the GPUs of a deployment, which still wants its batch and length."""
    chips = deployed.gpu, deployed.family, deployed.runtime
    group: dict[str, Any] = {"devices": deployed.devices, "link": deployed.link}
    group |= {"expert_parallel": whole_experts(rack, deployed), "data_parallel": rack.serving.data_parallel}
    group["placement"] = deployed.placement
    return partial(compute, *chips, rack.model, rack.workload.precision, kv_format(rack), **group)


def whole_experts(rack: Rack, deployed: GpuDeployment) -> bool | None:
    """Whether experts stay whole; None where an engine decides."""
    if rack.serving.expert_parallel is not None or deployed.runtime.engine is not None:
        return rack.serving.expert_parallel
    return rack.model.experts is not None


def generation_service(
    rack: Rack, servers: Quantity, ttft: Quantity, tpot: Quantity, occupancy: Quantity, **parts: Any
) -> ServiceModel:
    """The service of requests that generate. servers: sequences that can be in flight.

    ttft, tpot: as the client sees them. occupancy: how long a request holds its place when all places are taken.
    """
    passage = generation_time(ttft=ttft, tpot=tpot, output=output_tokens(rack))
    return ServiceModel(passage=passage, occupancy=occupancy, servers=servers, batch=ONE, ttft=ttft, tpot=tpot, **parts)


@record
class GenerationTimes:
    """Times of a request among others [s]; tpot in s/token.

    entry: from the arrival at the engine to the first token. ttft: entry and the time before the engine. under_way:
    requests in one copy of the model.
    """

    ttft: Quantity
    tpot: Quantity
    entry: Quantity
    under_way: Quantity


def each_prompt(rack: Rack, deployed: GpuDeployment, first: gpu.GpuPass) -> Quantity | None:
    """Time of an engine for each prompt where it computes several side by side [s]; else None."""
    return None if rack.serving.data_parallel is None else prefill_of(rack, deployed, first).each


def prefill_work(prefill: Prefill) -> Quantity:
    """The time that a prompt adds to a decode step [s]: both share the fixed times of the layers."""
    return largest(work=prefill.parts[0], host=prefill.per_prompt(prefill.full.host_time))


def times_among_prefills(
    rack: Rack, deployed: GpuDeployment, first: gpu.GpuPass, tpot_at: Callable[[Quantity], Quantity], number: Quantity
) -> GenerationTimes:
    """Times with `number` requests under way, whose prefills come between the decode steps. tpot: of a step.

    tpot_at: from the number of sequences in a step to its time per token [s/token], without prefills.
    """
    engine, host = deployed.runtime.engine, deployed.runtime.request_host
    if engine is not None:
        lengths = computed_prompt(rack), answer_steps(rack)
        more: dict[str, Any] = {
            "overlap": overlap(rack, deployed, number),
            "ring": ring(rack, deployed),
            "fetch": fetching(rack),
            "sent": rack.workload.input,
        }
        prefill = prefill_of(rack, deployed, first)
        loop = closed_loop(engine_in_rounds(rack, deployed), host, number, number, prefill, tpot_at, *lengths, **more)
        return GenerationTimes(loop.first, loop.tpot, left_over(whole=loop.first, part=loop.host), number)
    load = {"prefill": prefill_work(one_prompt(first)), "batch": number, "output": output_tokens(rack)}
    tpot = tpot_at(number)
    entry = total(prefill=first.time, wait=prompt_wait(tpot=tpot, burst=BURST, **load))
    return GenerationTimes(
        ttft=total(entry=entry, request_host=host),
        tpot=total(step=tpot, prefill_interference=prefill_interference(**load)),
        entry=entry,
        under_way=number,
    )


def holding_time(rack: Rack, times: GenerationTimes) -> Quantity:
    """How long a request holds its place [s]."""
    return generation_time(ttft=times.entry, tpot=times.tpot, output=answer_steps(rack))


def times_at_load(
    rack: Rack, deployed: GpuDeployment, times_at: Callable[[Quantity], GenerationTimes]
) -> tuple[GenerationTimes, GenerationTimes]:
    """Times in a full batch, and times at the arrival rate, with the number of requests under way that it causes."""
    most = batch_of(rack)
    full = times_at(most)
    if rack.workload.arrival_rate is None:
        return full, full
    rate = rate_per_copy(arrival_rate=rack.workload.arrival_rate, copies=deployed.replicas)
    alone, number, loaded = holding_time(rack, times_at(ONE)), most, holding_time(rack, full)
    for _ in range(ROUNDS):
        number = balanced(rate=rate, alone=alone, loaded=loaded, at=number, most=most)
        now = times_at(number)
        loaded = holding_time(rack, now)
    return full, now


def serving_power_utilization(
    rack: Rack, deployed: GpuDeployment, first: gpu.GpuPass, step: gpu.GpuPass, number: Quantity
) -> Quantity:
    """Power utilization of a GPU that serves `number` requests with decode steps and prefills."""
    load = {"batch": number, "output": answer_steps(rack)}
    prefill = prefill_of(rack, deployed, first)
    work, shared = prefill_work(prefill), overlap(rack, deployed, number)
    if shared is not None:
        work = shortened_time(time=work, share=shared)
    times = {"step_time": step.time, "prefill_time": prefill.each, "prefill_work": work}
    return gpu_power_utilization(
        deployed,
        serving_utilization(step=step.memory_utilization, prefill=NOTHING, **times, **load),
        serving_utilization(step=step.utilization, prefill=prefill.full.utilization, **times, **load),
    )
