"""Notes beside an estimate: what a reader must know before quoting one of its figures."""

from rackcalc.config.racks import Loaded
from rackcalc.estimation.power_and_heat import pools_by_name, pools_of_unknown_power
from rackcalc.estimation.prices import price_paid
from rackcalc.estimation.result import Estimate
from rackcalc.estimation.unseen import DOUBTFUL, Unseen
from rackcalc.formulas.gpu.compute_formats import COMPUTE
from rackcalc.formulas.heat.rack_cooling import Thermal
from rackcalc.formulas.money.latency_value import LatencyGain
from rackcalc.formulas.serving.length_moments import at_least_poisson
from rackcalc.formulas.transformer.checkpoint import in_doubt
from rackcalc.quantities.display import show_value
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import show
from rackcalc.serving.engine_options import with_options
from rackcalc.serving.engine_versions import beyond_known
from rackcalc.serving.lengths import computed_prompt
from rackcalc.serving.pool_engines import engines_of, gpus_of_engine, that_decode, that_prefill
from rackcalc.serving.pool_links import link_beyond_domain, nvlink_domain
from rackcalc.serving.splits import one_token
from rackcalc.spec.rack import GpuPool, LpuPool, Rack

SOME_PREEMPTED = 0.01  # share of requests from which on latencies without their recomputation are too short

STARVED = 2.0  # times per token, over that of a step, from which on tokens wait for the prompts of others more than not
FILLED = 0.9  # share of the tokens of a step that are prompts', from which on steps count as full of them
NOT_CREDIBLE = "which is not credible"  # ends the note on a value of latency that no market has
UNUSED = 0.5  # utilization below which a reader would expect an engine to keep its pace


def notes(loaded: Loaded, result: Estimate, unseen: Unseen) -> tuple[str, ...]:
    """All notes on an estimate, those first that change a decision. unseen: what is new about its passes."""
    rack, said = loaded.rack, []
    said += _unknown_notes(rack, result)
    said += loaded.remarks
    for name, use in rack.links.items():
        if use.hypothetical:
            said.append(f"links.{name} is hypothetical: no chip has this port; every figure that crosses it is marked")
    said += _starved_notes(rack, result)
    said += _filled_notes(rack, result)
    said += _thermal_notes(rack, result.thermal)
    said += _limit_notes(rack, result.latency.service) or _slo_notes(rack, result)
    if result.value is not None:
        said += _gain_notes(result.value)
    if rack.workload.concurrency is not None:
        priced = "" if _limits_bind(rack, result) else ", and costs are those of the rate that results"
        said.append(f"workload.concurrency keeps this many requests under way, whatever the arrival rate{priced}")
    elif rack.workload.arrival_rate is None and result.latency.wait is not None:
        used = show_value(rack.economics.utilization)
        planned = f"workload.arrival_rate is not stated: latencies are those at the planned utilization of {used}"
        free = result.throughput.at_slo is None
        said.append(
            f"{planned}, {'and so are costs' if free else 'costs are those of the most that meets workload.slo'}"
        )
    elif result.latency.wait is None:
        whose = "an idle rack" if result.latency.tpot is None else "a full batch"
        latencies = f"workload.arrival_rate is not stated: latencies are those of {whose}"
        said.append(f"{latencies}, costs those at the planned utilization")
    if _shares_an_engine(rack) and result.latency.tpot_p50 is None:
        said.append(_usual_request(rack))
    said += [*_length_notes(rack), *_day_notes(result), *_preemption_notes(result)]
    said += _format_notes(rack)
    said += _serving_notes(rack)
    said += _speculation_notes(rack, result)
    said += _novelty_notes(unseen)
    if rack.serving.runtime is not None:
        bound = {name: stage.bound_by for name, stage in result.stages.items()}
        hosts = [name for name, words in bound.items() if words == "host launches"]
        if hosts:
            said.append(f"{rack.serving.runtime.name}: host bound in {', '.join(hosts)}; the GPU waits for launches")
    said += _money_notes(rack, result)
    said += _equipment_notes(rack, result)
    said += _model_notes(rack)
    if rack.software is not None and rack.accelerators.lpu is not None:
        said.append("latency assumes a clean port; software.factor says what a second stack may add on top")
    return tuple(said)


def _usual_request(rack: Rack) -> str:
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


def _shares_an_engine(rack: Rack) -> bool:
    """Whether requests that come by themselves share the steps of a serving engine."""
    runtime, work = rack.serving.runtime, rack.workload
    comes = work.arrival_rate is not None or work.concurrency is not None
    engine = runtime is not None and runtime.engine is not None
    return comes and engine and rack.model.family == "decoder" and rack.serving.split != "lpu"


def _length_notes(rack: Rack) -> list[str]:
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


def _day_notes(result: Estimate) -> list[str]:
    """The busiest hour, where the hours of a day differ."""
    found = result.details
    if "peak_hour" not in found:
        return []
    rate, hour = show_value(found["peak_rate"]), float(found["peak_hour"].value)
    late = f"ttft_p99 {show_value(found['peak_ttft_p99'])} and tpot_p99 {show_value(found['peak_tpot_p99'])} there"
    return [f"peak in hour {hour:.0f}: {rate}, {late}; all else is over the requests of the whole day"]


def _preemption_notes(result: Estimate) -> list[str]:
    """How many requests lose their place in the KV cache, where that is more than a few."""
    found = result.details.get("preempted")
    if found is None or not found.known or float(found.value) < SOME_PREEMPTED:
        return []
    share = f"{float(found.value):.0%} of the requests are preempted, because the KV cache runs out"
    return [f"{share}; the time to compute them anew is not in the latencies and the capacity: leave it more room"]


def _starved_notes(rack: Rack, result: Estimate) -> list[str]:
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


def _filled_notes(rack: Rack, result: Estimate) -> list[str]:
    """Steps that prompts fill, in a closed loop: how long they are depends on what the engine starts with."""
    runtime, pool, rate = rack.serving.runtime, rack.accelerators.gpu, result.throughput.at_concurrency
    token, width = result.latency.tpot, gpus_of_engine(rack)
    if rate is None or token is None or width is None or runtime is None or pool is None or one_token(rack.workload):
        return []
    engine = with_options(runtime, rack.serving, pool.part).engine
    whole = rack.serving.split == "gpu" and rack.serving.phase == "both" and rack.serving.max_num_batched_tokens is None
    if engine is None or not engine.mixed or not whole or not token.known:
        return []
    computed, groups = float(computed_prompt(rack).value), rack.serving.data_parallel
    copies = float(pool.count.value) // width
    most = float(engine.chunk.value) * (1.0 if groups is None else float(groups.value))
    if float(rate.value) / copies * float(token.value) * computed < FILLED * most:
        return []
    budget = f"{most:,.0f} token, with which the engine starts"
    return [f"steps are full of prompts: times per token grow with serving.max_num_batched_tokens ({budget})"]


def _model_notes(rack: Rack) -> list[str]:
    """How the model's file was read, and in which format its weights are."""
    model, precision = rack.model, rack.workload.precision
    said = list(model.notes)
    runtime = rack.serving.runtime
    by_engine = runtime is not None and runtime.engine is not None and rack.serving.split in ("gpu", "prefill-decode")
    if model.indexer is not None and not by_engine:
        said.append("model.indexer: attention to the whole context is computed; serving engines know the indexer")
    if model.quantization is not None:
        says = f"model.quantization: quantization_config of the model's file says {model.quantization}"
        if model.experts is not None and model.experts.format is not None:
            said.append(f"{says}: the experts are computed in {model.experts.format}, the rest in {precision}")
        elif model.format is None:
            known = "which is not known: weights are computed in workload.precision"
            said.append(f"{says}, {known}, {precision}; state model.weights, their size")
        elif model.format == precision:
            said.append(f"{says}: weights are computed in {precision}")
        else:
            taken = f"workload.precision says {precision}, and is taken"
            said.append(f"{says} ({model.format}); {taken}: leave it out to take the file's format")
    on_gpus = rack.accelerators.gpu is not None and rack.serving.split != "lpu"
    if on_gpus and in_doubt(model, precision):
        stay = f"it is not known how much of a {precision} checkpoint of {model.name} stays in 16 bit"
        said.append(f"{stay}, which widens the ranges; model.weights, formats or kept_16_bit says it")
    return said


def _format_notes(rack: Rack) -> list[str]:
    """In what a GPU computes that lacks the format of the weights."""
    pool, precision = rack.accelerators.gpu, rack.workload.precision
    if pool is None or rack.serving.split == "lpu" or precision in pool.part.peak:
        return []
    wide = next((name for name in COMPUTE[precision] if name in pool.part.peak), None)
    if wide is None:
        return []
    stored = f"weights are stored and read in it, and computed in {wide} (weight-only)"
    return [f"workload.precision {precision}: {pool.part.name} does not compute in it; {stored}"]


def _money_notes(rack: Rack, result: Estimate) -> list[str]:
    """What is not in the cost or the income although one may think so."""
    said, spec, cost = [], rack.economics, result.cost
    if spec.acquisition == "api":
        said.append(
            "the tokens are bought from an API: latency, power and heat are those of the rack it stands against"
        )
    if spec.token_prices.output is not None and spec.token_prices.input is None:
        said.append("tokens of prompts earn nothing, because economics.token_prices has no price for input")
    if cost.per_million_total_tokens is not None and cost.per_million_input_tokens is None:
        split = "prompts and answers have chips of different kinds: how they share the cost is not known"
        said.append(f"{split}; economics.token_split: tokens, or output, says how")
    for name, licence in spec.licences.items():
        if licence.condition is not None:
            said.append(f"economics.licences.{name}, {show_value(licence.price)}: {licence.condition}")
    work = rack.workload
    if spec.rent_for == "hours of use" and (work.arrival_rate is not None or work.concurrency is not None):
        share = "economics.utilization, all of it where none is stated"
        said.append(f"economics.rent_for: rent is paid for the share of the time in which the load runs: {share}")
    if spec.price_decline is not None and spec.year is None:
        said.append(
            f"prices are of {spec.priced_in.value:g}: economics.price_decline moves them to economics.year, "
            "or to a chosen year of the file"
        )
    two = _two_prices(rack) if spec.acquisition == "purchase" else []
    if spec.priced_at == "list" and not two:
        said.append("economics.priced_at is list, and nothing that is bought from the catalog has a list price too")
    return [*said, *two]


def _two_prices(rack: Rack) -> list[str]:
    """Which price is paid where a part has two."""
    said, spec = [], rack.economics
    for name, pool in pools_by_name(rack).items():
        part = pool.part if pool.system is None or price_paid(pool.system, spec.priced_at) is None else pool.system
        if name in spec.price or name in spec.prices.purchase or part.price is None or part.list_price is None:
            continue
        street, listed = show_value(part.price), show_value(part.list_price)
        said.append(
            f"{part.name} has two prices, {street} on the street and {listed} in a list; "
            f"economics.priced_at takes that of the {spec.priced_at}"
        )
    return said


def _unknown_notes(rack: Rack, result: Estimate) -> list[str]:
    """What is unknown, why, and how to make it known."""
    said = []
    if result.cost.unpriced:
        noun, names = ("rent" if rack.economics.acquisition == "rent" else "price"), ", ".join(result.cost.unpriced)
        key = "economics.rent" if noun == "rent" else f"economics.price.{result.cost.unpriced[0]}"
        said.append(f"no {noun} for {names}: what it costs and earns is unknown, and at least cost.known; set {key}")
    network = result.cost.capex_terms.get("network")
    if network is not None and not network.known:
        said.append(
            f"{' and '.join(network.unknowns)} between the servers: what it costs and earns is unknown, and at least "
            "cost.known; set economics.equipment.price_per_port and ports"
        )
    powerless = pools_of_unknown_power(rack)
    if powerless:
        names = ", ".join(powerless)
        said.append(
            f"no TDP for {names}: power, heat and cost are unknown, and its chips are taken to run at full clock; "
            f"set accelerators.{powerless[0]}.part.tdp"
        )
    return said


def _limit_notes(rack: Rack, passage: Quantity) -> list[str]:
    said = []
    limits = [] if rack.workload.slo is None else list(rack.workload.slo.stated("").values())
    for limit in limits:
        if float(passage.value) > float(limit.value):
            alone = show_value(passage)
            said.append(f"no load meets the SLO of {show_value(limit)}: one request takes {alone} on the idle rack")
    return said


def _offered(rack: Rack, result: Estimate) -> Quantity | None:
    """Requests per second of the load that the file states; None where it states none."""
    return rack.workload.arrival_rate if rack.workload.concurrency is None else result.throughput.at_concurrency


def _limits_bind(rack: Rack, result: Estimate) -> bool:
    """Whether the load misses workload.slo, so that less than the load is priced."""
    most, offered = result.throughput.at_slo, _offered(rack, result)
    return most is not None and offered is not None and float(most.value) < float(offered.value) * (1 - 1e-6)


def _slo_notes(rack: Rack, result: Estimate) -> list[str]:
    """Which throughput is priced where the load misses workload.slo: the figures of the load itself stand beside it."""
    if not _limits_bind(rack, result):
        return []
    most, offered = result.throughput.at_slo, _offered(rack, result)
    assert most is not None and offered is not None
    if not float(most.value):
        return ["workload.slo: no load meets it, so no request is priced; latencies and power are those of the load"]
    missed = f"workload.slo is missed at the load, {show_value(offered)}"
    priced = f"throughput and cost are those of {show_value(most)}, the most that meets it"
    return [f"{missed}: {priced}; latencies and power are those at the load"]


def _serving_notes(rack: Rack) -> list[str]:
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


def _speculation_notes(rack: Rack, result: Estimate) -> list[str]:
    """What the times between tokens are where a step yields several."""
    tokens, plan = result.details.get("tokens_per_step"), rack.serving.speculation
    if tokens is None or plan is None:
        return []
    many = (
        f"a step yields {show_value(tokens)} tokens on average if {show_value(plan.acceptance)} of drafts is accepted"
    )
    return [f"serving.speculation: {many}; itl figures are times between steps, whose tokens arrive together"]


def _novelty_notes(found: Unseen) -> list[str]:
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


def _thermal_notes(rack: Rack, heat: Thermal) -> list[str]:
    said = []
    pools = pools_by_name(rack)
    for name, clock in heat.clock_share.items():
        if clock.known and float(clock.value) < 0.985:
            share, limit = f"{float(clock.value):.0%} of its clock", _binding_limit(pools[name], heat, name)
            if isinstance(pools[name], LpuPool):
                said.append(
                    f"{name} stays within {limit} at full load only at {share}: its schedule is fixed and cannot slow "
                    "down by itself, so it trips there unless it is derated"
                )
            else:
                said.append(f"{name} throttles to {share} at full load, to stay within {limit}")
    over = float(heat.rack_headroom.value)
    if heat.rack_headroom.known and over < 0:
        more = f"each rack makes {show(-over, 'W')} more heat at full load"
        said.append(f"{more} than its cooling removes ({rack.site.cooling.name})")
    return said


def _equipment_notes(rack: Rack, result: Estimate) -> list[str]:
    """What the cooling equipment and the electrical supply cannot do, and what is missing to reckon with them."""
    said, plant, supply = [], result.plant, result.supply
    if (plant is None) != (supply is None):
        missing = "site.supply" if supply is None else "site.plant"
        said.append(f"facility power is by the PUE of {rack.site.cooling.name}: by equipment it takes {missing} too")
    spec = rack.economics
    equipped = plant is not None or supply is not None
    if equipped and spec.space is None and "space" in result.cost.opex_terms:
        said.append(
            f"space at the price of {spec.prices.name} is colocation, whose rent pays for cooling and supply "
            "too, which the file prices as equipment: economics.space says what the bare room costs"
        )
    if plant is not None:
        parts = {"air": "air_rejection", "liquid": "liquid_rejection"}
        for name, margin in plant.supply_margin.items():
            hours = plant.too_warm[name]
            if margin.known and float(margin.value) < 0:
                short = show(-float(margin.value), "K", digits=2)
                share = f"{float(hours.value):.0%} of the year" if float(hours.value) else "the hottest hour alone"
                part = f"site.plant.{parts[name]} has no compressor"
                said.append(f"{part}: its water is {short} too warm in the hottest hour, and too warm in {share}")
        if plant.door_margin is not None and plant.door_margin.known and float(plant.door_margin.value) < 0:
            over = show(-float(plant.door_margin.value), "W")
            said.append(
                f"site.plant.door takes {over} less than the share of the heat that {rack.site.cooling.name} says"
            )
    if supply is not None and supply.margin.known and float(supply.margin.value) < -0.01 * float(supply.reserved.value):
        over = show(-float(supply.margin.value), "W")
        said.append(f"site.supply reserves {over} less than the rack draws at full load")
    return said


def _binding_limit(pool: GpuPool | LpuPool, heat: Thermal, name: str) -> str:
    """What keeps a chip from its full clock: its temperature limit, its power limit, or leakage that would run away."""
    margin, limit = float(heat.headroom[name].value), pool.part.temperature_limit
    if margin < 0.05:
        return f"its temperature limit of {show_value(limit)}"
    if pool.part.tdp is None or float(heat.chip_power[name].value) < 0.999 * float(pool.part.tdp.value):
        return "a temperature at which its leakage does not run away"
    return f"its power limit of {show_value(pool.part.tdp)} ({show(margin, 'K', digits=2)} below its temperature limit)"


def _gain_notes(gain: LatencyGain) -> list[str]:
    said = []
    if gain.outside_range is not None and float(gain.outside_range.value) > 0:
        said.append("the time saved is larger than the range for which this value of latency holds (latency_value.cap)")
    if gain.prize_share is not None and float(gain.prize_share.value) > 0.01:
        share = float(gain.prize_share.value)
        said.append(
            f"the value of latency is {share:.1%} of what latency races are worth in all stock markets of the world, "
            + NOT_CREDIBLE
        )
    if gain.gain.known and float(gain.gain.value) != float(gain.gain.value):
        said.append("the square-root value of latency is outside its domain")
    return said
