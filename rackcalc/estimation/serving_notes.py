"""Notes on how requests are served: their lengths and hours, full or starved steps, idle GPUs, what is new."""

from rackcalc.estimation.result import Estimate
from rackcalc.estimation.unseen import DOUBTFUL, Unseen
from rackcalc.formulas.serving.length_moments import at_least_poisson
from rackcalc.quantities.display import show_value
from rackcalc.quantities.unit_text import show
from rackcalc.serving.engine_options import with_options
from rackcalc.serving.engine_versions import beyond_known
from rackcalc.serving.lengths import computed_prompt
from rackcalc.serving.pool_engines import engines_of, gpus_of_engine, that_decode, that_prefill
from rackcalc.serving.pool_links import link_beyond_domain, nvlink_domain
from rackcalc.serving.splits import one_token
from rackcalc.spec.rack import GpuPool, Rack

SOME_PREEMPTED = 0.01  # share of requests from which on latencies without their recomputation are too short
STARVED = 2.0  # times per token, over that of a step, from which on tokens wait for the prompts of others more than not
FILLED = 0.9  # share of the tokens of a step that are prompts', from which on steps count as full of them
UNUSED = 0.5  # utilization below which a reader would expect an engine to keep its pace


def usual_request(rack: Rack) -> str:
    """Why p50 to p999 are the mean of whole requests."""
    if rack.workload.concurrency is not None and rack.serving.split == "gpu":
        if one_token(rack.workload):
            short = "with a fixed number of clients and answers of one token there are no percentiles: p50 to p999 are"
            return f"{short} the mean; with workload.arrival_rate there are"
        if rack.serving.phase == "decode":
            short = "with a fixed number of clients, engines that only decode have no percentiles: p50 to p999 are"
            return f"{short} the mean; with workload.arrival_rate there are"
        return (
            "all requests have the same length, so p50 to p999 are the mean, and there are no percentiles of first "
            "tokens and of tokens; state workload.output_cv or input_cv to get them"
        )
    where = "a spread that is computed for split gpu only"
    return f"requests that share an engine differ in time, {where}: p50 to p999 are those of a usual request here"


def shares_an_engine(rack: Rack) -> bool:
    """Whether requests that come by themselves share the steps of a serving engine."""
    runtime, work = rack.serving.runtime, rack.workload
    comes = work.arrival_rate is not None or work.concurrency is not None
    engine = runtime is not None and runtime.engine is not None
    return comes and engine and rack.model.family == "decoder" and rack.serving.split != "lpu"


def length_notes(rack: Rack) -> list[str]:
    """How the lengths, arrivals and prefix-cache hits of a trace or a conversation are taken."""
    work, said = rack.workload, []
    if work.trace is not None:
        read, file, most = work.trace.read, work.trace.file, float(rack.model.max_context.value)
        if work.arrival_rate is None:
            said.append(f"{file} has no times of arrival, or only one: state workload.arrival_rate for its load")
        if work.burstiness is not None and work.burstiness.formula is at_least_poisson and float(read.gap_cv.value) < 1:
            gaps = f"{file}: the gaps between arrivals have a cv of {float(read.gap_cv.value):.2g}"
            said.append(f"{gaps}, and arrivals are computed as Poisson (1), which is on the safe side")
        if read.longest > most:
            longest, limit = show(read.longest, "token"), show(most, "token")
            said.append(f"{file}: the longest request has {longest}, and {rack.model.name} takes {limit}")
    if work.cached is not None and float(work.cached.value) > 0:
        found = f"{float(work.cached.value):.0%} of the prompts' tokens are found in the prefix cache and not computed"
        said.append(f"{found}; each sequence is counted with the KV cache of its whole prompt, as if it shared none")
    return said


def day_notes(result: Estimate) -> list[str]:
    """The busiest hour, where the hours of a day differ."""
    found = result.details
    if "peak_hour" not in found:
        return []
    rate, hour = show_value(found["peak_rate"]), float(found["peak_hour"].value)
    late = f"ttft_p99 {show_value(found['peak_ttft_p99'])} and tpot_p99 {show_value(found['peak_tpot_p99'])} there"
    return [f"peak in hour {hour:.0f}: {rate}, {late}; all else is over the requests of the whole day"]


def preemption_notes(result: Estimate) -> list[str]:
    """How many requests lose their place in the KV cache, where that is more than a few."""
    found = result.details.get("preempted")
    if found is None or not found.known or float(found.value) < SOME_PREEMPTED:
        return []
    share = f"{float(found.value):.0%} of the requests are preempted, because the KV cache runs out"
    return [f"{share}; the time to compute them anew is not in the latencies and the capacity: leave it more room"]


def starved_notes(rack: Rack, result: Estimate) -> list[str]:
    """Tokens that stand still while prompts are computed, though the engine seems to be little used."""
    token, step, used = result.latency.tpot, result.stages.get("decode"), result.throughput.utilization
    if token is None or step is None or rack.workload.arrival_rate is None or one_token(rack.workload):
        return []
    longer = float(token.value) / float(step.time.value)
    if not (longer > STARVED and float(used.value) < UNUSED):
        return []
    slow = f"a token takes {longer:.1f} times as long as a decode step, at {float(used.value):.0%} of the capacity"
    why = "the engine stops decoding while it computes prompts, and at this rate one prompt follows another"
    return [
        f"{slow}: {why}; the capacity is that of all seats taken, and workload.slo asks for a rate that keeps the pace"
    ]


def filled_notes(rack: Rack, result: Estimate) -> list[str]:
    """Steps that prompts fill, in a closed loop: how long they are depends on what the engine starts with."""
    runtime, pool, rate = rack.serving.runtime, rack.accelerators.gpu, result.throughput.at_concurrency
    token, width = result.latency.tpot, gpus_of_engine(rack)
    if rate is None or token is None or width is None or runtime is None or pool is None or one_token(rack.workload):
        return []
    engine = with_options(runtime, rack.serving, pool.part).engine
    alone = rack.serving.split == "gpu" and rack.serving.phase == "both" and rack.serving.max_num_batched_tokens is None
    if engine is None or not engine.mixed or not alone or not token.known:
        return []
    computed, groups = float(computed_prompt(rack).value), rack.serving.data_parallel
    copies = float(pool.count.value) // width
    most = float(engine.chunk.value) * (1.0 if groups is None else float(groups.value))
    if float(rate.value) / copies * float(token.value) * computed < FILLED * most:
        return []
    budget = f"{most:,.0f} token, with which the engine starts"
    return [f"steps are full of prompts: times per token grow with serving.max_num_batched_tokens ({budget})"]


def serving_notes(rack: Rack) -> list[str]:
    """What the engines do, which version they are taken for, and which GPUs they leave idle or reach over a network."""
    said = []
    runtime, version = rack.serving.runtime, ""
    if runtime is not None and runtime.engine is not None:
        version = beyond_known(runtime.engine, rack.serving.version or "")
    if rack.serving.phase == "decode":
        said.append("serving.phase is decode: latencies count from when a prompt's KV cache has come")
    if rack.serving.phase == "prefill":
        said.append("serving.phase is prefill: requests end with their first token; sending the KV cache is not in it")
    if version:
        said.append(f"serving.version {rack.serving.version} {version}")
    pool = rack.accelerators.gpu
    if pool is not None and "gpu-gpu" not in rack.links:
        said += dict.fromkeys(note for kind in engines_of(rack) for note in _domain_notes(kind, pool))
    if pool is not None:
        said += _idle_notes(rack, pool)
    return said


def _idle_notes(rack: Rack, pool: GpuPool) -> list[str]:
    """GPUs that are left over from whole engines."""
    apart, count = rack.serving.prefill_gpus, float(pool.count.value)
    pools = [(count, rack)]
    if apart is not None:
        pools = [(float(apart.value), that_prefill(rack)), (count - float(apart.value), that_decode(rack))]
    sizes = [(gpus, size) for gpus, kind in pools if (size := gpus_of_engine(kind)) is not None]
    idle = sum(gpus % size for gpus, size in sizes)
    if not idle:
        return []
    shared = " or ".join(dict.fromkeys(f"{size:g}" for _, size in sizes))
    return [f"{idle:g} of {pool.count.value:g} GPUs have no work: {shared} share a copy of the model"]


def speculation_notes(rack: Rack, result: Estimate) -> list[str]:
    """What the times between tokens are where a step yields several."""
    tokens, plan = result.details.get("tokens_per_step"), rack.serving.speculation
    if tokens is None or plan is None:
        return []
    many = (
        f"a step yields {show_value(tokens)} tokens on average if {show_value(plan.acceptance)} of drafts is accepted"
    )
    return [f"serving.speculation: {many}; itl figures are times between steps, whose tokens arrive together"]


def novelty_notes(found: Unseen) -> list[str]:
    """What no measurement of a serving engine has, and what that means for the figures."""
    if not found.count:
        return []
    said = f"novelty {found.count}: {', '.join(found.new)} not in the measurements, so latencies have wider ranges"
    if found.widest > DOUBTFUL:
        said += f"; some may be off by a factor of {found.widest:.1f} and are not to be relied on"
    return [said]


def _domain_notes(rack: Rack, pool: GpuPool) -> list[str]:
    """The link that is taken where NVLink does not join all GPUs that share a copy of the model."""
    domain, width, groups = nvlink_domain(pool), rack.serving.tensor_parallel, rack.serving.data_parallel
    if domain is None or (width is None and (rack.model.family == "encoder" or rack.serving.prefill_gpus is not None)):
        return []
    stages, ranks = rack.serving.pipeline_parallel, rack.serving.context_parallel
    together = float(pool.count.value if width is None else width.value)
    for part in (stages, ranks):
        together *= 1.0 if width is None or part is None else float(part.value)
    if width is not None and groups is not None:
        together *= float(groups.value)
    if together <= float(domain.value):
        return []
    said = f"NVLink joins {domain.value:g} {pool.part.name}: the {together:g} that share a copy of the model"
    if stages is not None:
        said = f"NVLink joins {domain.value:g} {pool.part.name}: the {stages.value:g} stages of a copy of the model"
    if ranks is not None:
        said = f"NVLink joins {domain.value:g} {pool.part.name}: the {ranks.value:g} groups that share a prompt"
    said += " reach the experts of others" if groups is not None else " exchange"
    return [f"{said} over {link_beyond_domain(pool)}; name links.gpu-gpu if they are joined otherwise"]
