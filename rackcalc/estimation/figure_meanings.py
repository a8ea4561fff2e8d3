"""What every figure of a result means, its canonical unit, and which side of it is better: said here and nowhere else.

The records of `result.py` declare the figures. `rackcalc figures`, docs/figures.md, the JSON Schemas and the comparison
of racks read this table. A pattern is a dotted path in which `*` stands for one step, such as the name of a pool.
"""

from collections.abc import Iterator

from rackcalc.quantities.record import record

LOWER, HIGHER, NEITHER = "lower", "higher", ""


@record
class FigureMeaning:
    """One kind of figure. rare: no bundled rack has it, though others do."""

    pattern: str
    meaning: str
    unit: str
    better: str = NEITHER
    rare: bool = False


def fits(pattern: str, path: str) -> bool:
    """Whether a path is one of a pattern's, step by step.

    >>> fits("link.*.time", "link.gpu-lpu.time"), fits("link.*.time", "link.gpu-lpu.transfer.time")
    (True, False)
    """
    steps, wanted = path.split("."), pattern.split(".")
    return len(steps) == len(wanted) and all(w in ("*", s) for w, s in zip(wanted, steps, strict=True))


def meaning_of(path: str) -> FigureMeaning | None:
    """The meaning of a figure; None for one that the table does not know."""
    return next((known for known in MEANINGS if fits(known.pattern, path)), None)


_SHARES = {"p50": "half", "p90": "90 %", "p95": "95 %", "p99": "99 %", "p999": "99.9 %"}  # of all requests, by name
_LEVELS = tuple(_SHARES)


def _percentiles(
    path: str, text: str, unit: str, levels: tuple[str, ...] = _LEVELS, rare: bool = False
) -> Iterator[FigureMeaning]:
    """A meaning for each percentile. path: up to its name; text: with a place for the share of requests."""
    for level in levels:
        yield FigureMeaning(f"{path}{level}", text.format(_SHARES[level]), unit, LOWER, rare)


def _group(
    path: str, unit: str, better: str, texts: dict[str, str], rare: tuple[str, ...] = ()
) -> Iterator[FigureMeaning]:
    """Meanings of one group, which share the unit and the better side. rare: names of those that are."""
    for name, text in texts.items():
        yield FigureMeaning(f"{path}.{name}", text, unit, better, name in rare)


def _latency() -> Iterator[FigureMeaning]:
    four = _LEVELS[:4]
    yield from _group(
        "latency",
        "s",
        LOWER,
        {
            "service": "Time of one request (or one batch, when clients send batches) on an otherwise idle rack.",
            "wait": "Mean time that a request waits before work on it begins, under the stated load.",
            "mean": "Mean time of a request under the stated load, from its arrival to the end of its answer.",
        },
    )
    yield from _percentiles("latency.", "Under the stated load, {} of the requests take at most this long.", "s")
    yield FigureMeaning(
        "latency.ttft", "Mean time from the arrival of a request to its first token, waiting included.", "s", LOWER
    )
    first = "{} of the requests get their first token within this time."
    yield from _percentiles("latency.ttft_", first, "s", four)
    yield FigureMeaning("latency.tpot", "Mean time per output token, after the first.", "s/token", LOWER)
    each = "{} of the requests have a mean time per output token of at most this."
    yield from _percentiles("latency.tpot_", each, "s/token", four)
    between = "{} of the tokens follow the one before them within this time, pauses for prompts of others included."
    yield from _percentiles("latency.itl_", between, "s/token", four)
    yield FigureMeaning(
        "latency.end_to_end", "Mean time from the arrival of a request to its last token, waiting included.", "s", LOWER
    )


def _throughput() -> Iterator[FigureMeaning]:
    yield from _group(
        "throughput",
        "request/s",
        HIGHER,
        {
            "requests": "Requests per second that the rack serves, on which costs and income are based.",
            "capacity": "Most requests per second that the rack can serve, where requests come at a rate.",
            "at_concurrency": "Requests per second that `workload.concurrency` clients bring about when each of "
            "them waits for its answer before it asks again.",
            "at_slo": "Most requests per second at which the limits of `workload.slo` are still met.",
            "goodput": "Requests per second that meet the limits of `workload.slo` at the present load.",
        },
        rare=("goodput",),
    )
    yield from _group(
        "throughput",
        "token/s",
        HIGHER,
        {
            "tokens": "Output tokens per second of the whole rack; tokens of prompts are not counted.",
            "input_tokens": "Tokens of prompts per second of the whole rack.",
            "tokens_per_gpu": "Output tokens per second and GPU, on racks without LPUs.",
            "tokens_per_user": "Output tokens per second that one user sees after the first token.",
        },
    )
    yield FigureMeaning(
        "throughput.utilization", "Share of the rack's capacity that its load takes, or the planned share.", "1"
    )


_STAGE_TERMS = {
    "attention": "Time of the attention itself, over all layers.",
    "attention_weights": "Time of the matrix products before and after the attention, over all layers.",
    "attention_weights_reading": "What reading those weights of the attention adds to their arithmetic.",
    "ffn_weights": "Time of the matrix products of the dense feed-forward blocks, over all layers.",
    "ffn_weights_reading": "What reading the weights of the feed-forward blocks adds to their arithmetic.",
    "experts": "Time of the routed experts of a mixture, over all layers.",
    "experts_reading": "What reading the weights of the routed experts adds to their arithmetic.",
    "shared_experts": "Time of the experts that every token passes, over all layers.",
    "shared_experts_reading": "What reading the weights of the shared experts adds to their arithmetic.",
    "expert_overhead": "Fixed time of the routing and of the kernels of the experts, over all layers.",
    "index_overhead": "Fixed time of the kernels that choose what sparse attention reads, over all layers.",
    "latent_overhead": "Fixed time that latent attention (MLA) adds, over all layers.",
    "feed_forward": "Time of the feed-forward blocks or experts, over all layers.",
    "all_reduce": "Time to add up the parts that the chips of a tensor-parallel group have computed.",
    "overhead": "Fixed time of the small kernels of every layer.",
    "launches": "Time to start kernels on the device, as far as nothing hides it.",
    "host_launches": "Time by which launching kernels from the host exceeds their run time on the device.",
    "step_host": "Time that the host takes for each step: scheduling, and handling of inputs and outputs.",
    "sequences": "Time per step that grows with the number of sequences: sampling and bookkeeping.",
    "routing": "Time to choose the experts of each token, and to sort the tokens by them.",
    "head": "Time of the output layer, which turns the last state into token scores.",
    "head_reading": "What reading the weights of the output layer adds to its arithmetic.",
    "embedding": "Time of the input layer, which turns tokens into vectors.",
    "qkv": "Time of the matrix product that makes queries, keys and values, over all layers.",
    "out": "Time of the matrix product after the attention, over all layers.",
    "norms": "Time of the normalizations, over all layers.",
    "other_kernels": "Time of the remaining small kernels of compiled layers.",
    "ffn_up": "Time of the first matrix product of the feed-forward blocks, over all layers.",
    "ffn_down": "Time of the last matrix product of the feed-forward blocks, over all layers.",
    "ends": "Time before the first layer and after the last one.",
    "matrix": "Time of the matrix units of the LPUs.",
    "vector": "Time of the vector units of the LPUs.",
    "fill": "Time until the matrix units of the LPUs are filled.",
    "hops": "Time on the links between the chips.",
    "host_io": "Time to bring inputs from the host and outputs back to it.",
    "compiler": "Time that the present compiler loses against ideal use of the hardware.",
    "rest": "Time of what is done once per step, outside the layers.",
    "waiting": "Time in which one pool waits for the other, or for its turn.",
    "draft": "Time in which the small model drafts tokens.",
    "forth": "Time on the link from the first pool to the second.",
    "verify": "Time in which the large model verifies the drafted tokens.",
    "back": "Time on the link from the second pool back to the first.",
    "sampling": "Time to choose the next token from the scores.",
    "dispatch": "Time to send tokens to the chips of their experts and back; of two half batches, what neither hides.",
    "fetch": "Time to fetch a KV cache from where it is stored.",
    "spill": "Time to read what does not fit into the fast memory.",
}
_RARE_TERMS = ("sampling", "dispatch", "fetch", "spill", "index_overhead")


def _stages() -> Iterator[FigureMeaning]:
    yield FigureMeaning(
        "stages.*.time",
        "Time of this stage: prefill reads the prompt, decode makes one step of the answer, forth and back are links.",
        "s",
        LOWER,
    )
    yield from _group("stages.*.terms", "s", NEITHER, _STAGE_TERMS, rare=_RARE_TERMS)
    yield from _group(
        "details",
        "1",
        NEITHER,
        {
            "requests_under_way": "Mean number of requests that one engine works on at the same time; where requests "
            "come at a rate, those that decode.",
            "decoding_together": "Mean number of requests that share one decode step of an engine.",
            "room": "Most requests whose KV caches fit beside the weights.",
            "prefill_load": "Share of their time in which the prefill GPUs work.",
            "compiler_factor": "Time of the compiled program over that of ideal use of the LPUs.",
            "chips_per_layer": "LPUs that compute one layer together.",
            "pipeline_stages": "Groups of LPUs that a token passes one after the other.",
            "hops_hidden": "Whether computing hides the links between the pools: 1 if it does, 0 if not.",
            "microbatches_needed": "Parts into which a batch has to be cut for the links to be hidden.",
        },
    )
    yield from _group(
        "details",
        "request/s",
        NEITHER,
        {
            "prefill_capacity": "Most requests per second whose prompts the prefill GPUs can read.",
            "decode_capacity": "Most requests per second that the decode GPUs can answer.",
        },
    )
    yield from _group(
        "details",
        "s",
        NEITHER,
        {
            "structural": "Time that an LPU needs even with ideal software, because of how the model is cut.",
            "gpu_only_step": "Time of a decode step if the GPUs did the work of the LPUs too.",
            "break_even_hop": "Longest time on the link, in each direction, at which the LPUs still pay off.",
        },
    )
    yield FigureMeaning(
        "details.preempted",
        "Share of the requests that lose their place in the KV cache because it runs out, and are computed anew.",
        "1",
        LOWER,
    )
    yield FigureMeaning("details.tokens_per_round", "Tokens that one round of draft and verify yields.", "1")
    yield FigureMeaning(
        "details.tokens_per_step", "Tokens that one step of a drafting engine yields, on average.", "1", rare=True
    )


def _link() -> Iterator[FigureMeaning]:
    yield from _group(
        "link.*",
        "s",
        LOWER,
        {
            "time": "Time of one transfer by the path that the rack uses.",
            "transfer.time": "Time of one transfer directly from chip to chip.",
            "transfer.contention_wait": "Mean wait of the first packet behind other traffic.",
            "transfer.zero_copy": "Time of the same transfer by plain stores with a memory fence.",
            "transfer.bounce": "Time of the same transfer by way of a buffer in host memory.",
            "transfer.pipelined_bounce": "Time of the same transfer by way of host memory, in overlapping pieces.",
            "transfer.serialised": "Time of the same transfer by way of host memory, encoded and sent over TCP.",
            "reliability.expected_delay": "Mean delay that repeated packets add to one transfer.",
            "reliability.p99_delay": "Delay by repeated packets that 99 % of the transfers stay within.",
            "reliability.p999_delay": "Delay by repeated packets that 99.9 % of the transfers stay within.",
        },
    )
    yield from _group(
        "link.*",
        "B/s",
        HIGHER,
        {
            "bandwidth": "Useful bytes over the time of the transfer.",
            "transfer.bandwidth": "Useful bytes over the time of the direct transfer.",
            "nominal": "Rate of the link in one direction, from its data sheet.",
            "per_link": "Rate of one of the links that a chip bundles, in one direction.",
        },
    )
    yield from _group(
        "link.*",
        "1",
        HIGHER,
        {
            "efficiency": "Achieved rate over the nominal rate of the slowest part of the way.",
            "transfer.efficiency": "The same for the direct transfer.",
            "domain": "Most chips that the switches of this link join.",
            "reliability.goodput": "Share of the rate that remains when only the lost packets are sent again.",
            "reliability.go_back_n_goodput": "Share of the rate that remains when later packets are sent again too.",
        },
    )
    yield from _group(
        "link.*",
        "1",
        LOWER,
        {
            "reliability.bit_error_rate": "Share of the bits that arrive wrong, before correction.",
            "reliability.codeword_error": "Share of the code words that cannot be corrected.",
            "reliability.replay_probability": "Chance that a transfer has to be sent again, in part or whole.",
        },
    )
    yield FigureMeaning("link.*.size", "Useful bytes of one transfer.", "B")
    yield FigureMeaning(
        "link.*.transfer.wire_bytes", "Bytes of one transfer with the headers of its packets.", "B", LOWER
    )
    yield FigureMeaning(
        "link.*.transfer.half_size", "Size of a message that reaches half of the full rate.", "B", LOWER
    )
    yield FigureMeaning("link.*.temperature", "Temperature of the cable or board of the link.", "K", LOWER)
    yield FigureMeaning("link.*.reliability.loss", "Loss of the signal on the way, at that temperature.", "dB", LOWER)
    yield FigureMeaning("link.*.reliability.snr", "Signal-to-noise ratio at the receiver.", "dB", HIGHER)


def _memory_and_software() -> Iterator[FigureMeaning]:
    yield FigureMeaning("memory.*.capacity", "Memory of one GPU, or of all LPUs together.", "B", HIGHER)
    yield FigureMeaning("memory.*.weights", "Memory that the weights take, of one GPU or all LPUs.", "B")
    yield FigureMeaning("memory.*.kv_cache", "Memory that the KV caches of all sequences take at their longest.", "B")
    yield FigureMeaning("memory.*.free", "Memory that is left over; below zero, the model does not fit.", "B", HIGHER)
    yield FigureMeaning("memory.*.chips_needed", "Fewest LPUs that hold the model and its caches.", "1", LOWER)
    yield FigureMeaning("memory.*.max_batch", "Most sequences whose KV caches fit beside the weights.", "1")
    yield from _group(
        "software",
        "s",
        LOWER,
        {
            "time": "Time of the part on the second software stack, with what that stack adds.",
            "added": "Time that the second software stack adds to that of the hardware.",
            "added_low": "The same, at the low end of what is known.",
            "added_high": "The same, at the high end of what is known.",
            "terms.compiler": "Time added because the young compiler uses the hardware less well.",
            "terms.cuts": "Time added where the model is cut between the two stacks.",
            "terms.fallback": "Time added by operators that the stack lacks and the host computes.",
        },
    )
    yield from _group(
        "software",
        "1",
        LOWER,
        {
            "factor": "Time on the second software stack over that of the hardware alone.",
            "factor_low": "The same, at the low end of what is known.",
            "factor_high": "The same, at the high end of what is known.",
            "maturity": "Factor by which a compiler of this age is slower than a mature one.",
        },
    )
    yield FigureMeaning("software.porting", "Cost of bringing the model to the second stack, once.", "USD", LOWER)
    yield FigureMeaning("software.upkeep", "Running cost of keeping the second stack up to date.", "USD/s", LOWER)


def _sharing() -> Iterator[FigureMeaning]:
    yield FigureMeaning("sharing.load.utilization", "Share of the capacity that requests take, beside other work.", "1")
    yield FigureMeaning("sharing.load.capacity", "Most requests per second beside the other work.", "request/s")
    yield FigureMeaning("sharing.load.in_system", "Mean number of requests that wait or are served.", "request")
    load = {"wait": "Mean wait of a request.", "mean": "Mean time of a request, waiting included."}
    load |= {f"wait_{level}": f"Wait that {share} of the requests stay within." for level, share in _SHARES.items()}
    load |= {level: f"Time that {share} of the requests stay within." for level, share in _SHARES.items()}
    yield from _group("sharing.load", "s", NEITHER, load)
    yield FigureMeaning("sharing.service_time", "Time for which a request occupies the GPUs, beside other work.", "s")
    yield FigureMeaning("sharing.passage_time", "Time of one request without waiting, beside other work.", "s")
    yield FigureMeaning("sharing.wait_added", "Mean wait that the other work adds.", "s", LOWER)
    yield FigureMeaning("sharing.blocked", "Chance that a request finds the GPUs at other work.", "1")
    yield FigureMeaning("sharing.share", "Share of the time that the other work gets.", "1")
    yield FigureMeaning("sharing.power_utilization", "Utilization of the GPUs, other work included, for power.", "1")
    yield FigureMeaning("sharing.income", "Income from the other work.", "USD/s", HIGHER)


def _power_and_heat() -> Iterator[FigureMeaning]:
    parts = {
        "chips": "the accelerators",
        "fans": "the servers' fans",
        "host": "everything in the servers but accelerators and fans",
        "it": "the servers: accelerators, fans and the rest",
        "facility": "the whole site for this rack, cooling and losses included",
    }
    yield from _group(
        "power", "W", LOWER, {name: f"Mean power of {what}, under the load." for name, what in parts.items()}
    )
    yield from _group(
        "power.peak", "W", LOWER, {name: f"Power of {what}, at full load." for name, what in parts.items()}
    )
    yield FigureMeaning("power.rated", "Most power that the data sheets of the systems allow.", "W", LOWER)
    yield FigureMeaning("power.energy_per_request", "Energy at the site for each request.", "J/request", LOWER)
    yield FigureMeaning("power.energy_per_token", "Energy at the site for each output token.", "J/token", LOWER)
    yield FigureMeaning("thermal.inlet", "Temperature of the air that enters the servers.", "K")
    yield FigureMeaning("thermal.facility_supply", "Temperature of the water or air that the site supplies.", "K")
    yield from _group(
        "thermal",
        "K",
        LOWER,
        {
            "outlet": "Temperature of the air that leaves the servers, at full load.",
            "exhaust": "Temperature of the air that leaves the rack, behind a rear door if there is one.",
            "coolant_outlet": "Temperature of the coolant that leaves the rack.",
            "junction.*": "Temperature inside the hottest chips of this pool, at full load.",
        },
    )
    yield FigureMeaning("thermal.airflow", "Air through the servers of the rack.", "m^3/s", LOWER)
    yield FigureMeaning("thermal.coolant_flow", "Coolant through the rack.", "m^3/s", LOWER)
    yield FigureMeaning("thermal.chip_power.*", "Power of one chip of this pool at full load.", "W", LOWER)
    yield FigureMeaning("thermal.headroom.*", "Limit of the chip's temperature less its temperature.", "K", HIGHER)
    yield FigureMeaning(
        "thermal.clock_share.*",
        "Share of the full clock that the cooling allows: 1 is no throttling, 0.98 is a clock lower by 2 %.",
        "1",
        HIGHER,
    )
    yield FigureMeaning("thermal.heat_to_air", "Heat that leaves by air, at full load.", "W")
    yield FigureMeaning("thermal.heat_to_liquid", "Heat that leaves by coolant or water, at full load.", "W")
    yield FigureMeaning("thermal.pump_power", "Power of the coolant pumps, which is part of the PUE.", "W", LOWER)
    yield FigureMeaning(
        "thermal.rack_headroom", "What the cooling can take from one rack less the heat of the rack.", "W", HIGHER
    )
    yield FigureMeaning("thermal.pue", "Power of the site over the power of the servers (PUE).", "1", LOWER)


def _plant() -> Iterator[FigureMeaning]:
    yield FigureMeaning("plant.cdus", "Coolant distribution units (CDUs), with the spare ones.", "1")
    yield FigureMeaning("plant.cdu_load", "Heat of the CDUs over what they can carry.", "1")
    yield FigureMeaning(
        "plant.cdu_approach", "Coolant above the water of the site, with the spare CDUs out of service.", "K", LOWER
    )
    yield FigureMeaning(
        "plant.door_margin", "Heat that a rear door could take beyond what it must.", "W", HIGHER, rare=True
    )
    yield from _group(
        "plant",
        "W",
        LOWER,
        {
            "pumps": "Mean power of the pumps over the year.",
            "fans": "Mean power of the fans of the cooling equipment over the year.",
            "compressor": "Mean power of the compressors over the year.",
            "power": "Mean power of all cooling equipment over the year.",
            "peak": "Power of all cooling equipment at full load in the hottest hour.",
        },
    )
    yield FigureMeaning(
        "plant.free_cooling.*", "Share of the year's heat that leaves without a compressor.", "1", HIGHER
    )
    yield FigureMeaning(
        "plant.too_warm.*",
        "Share of the year in which the water is too warm and no compressor helps.",
        "1",
        LOWER,
        True,
    )
    yield FigureMeaning(
        "plant.supply_margin.*",
        "How much warmer the hottest hour could be before the water is too warm.",
        "K",
        HIGHER,
        True,
    )
    yield FigureMeaning("plant.water", "Water that evaporates, mean over the year.", "m^3/s", LOWER)
    yield FigureMeaning("plant.wue", "Water over the energy of the servers (WUE).", "m^3/s/W", LOWER)
    yield FigureMeaning("plant.capex_terms.*", "Price of this part of the cooling equipment.", "USD", LOWER)
    yield FigureMeaning("plant.capex", "Price of all cooling equipment, installed.", "USD", LOWER)
    yield FigureMeaning(
        "plant.opex_terms.*", "Running cost of this part of the cooling, without energy.", "USD/s", LOWER
    )
    yield FigureMeaning("plant.room", "Price of building and cooling for this rack.", "USD", LOWER)
    yield FigureMeaning("plant.share_of_rack", "Price of the cooling over that of the rack.", "1", LOWER)
    yield FigureMeaning("plant.share_of_room", "Price of the cooling over that of the room.", "1", LOWER)
    yield FigureMeaning("plant.cdu_share", "Price of the CDUs over that of all cooling equipment.", "1")


def _supply_and_carbon() -> Iterator[FigureMeaning]:
    yield FigureMeaning("supply.reserved", "Power that the site keeps for the rack.", "W")
    yield FigureMeaning("supply.margin", "Reserved power less the highest power of the rack.", "W", HIGHER)
    yield FigureMeaning("supply.apparent", "Apparent power when one feed carries everything.", "VA", LOWER)
    yield FigureMeaning("supply.current", "Current when one feed carries everything.", "A", LOWER)
    yield FigureMeaning("supply.circuits", "Circuits on each feed.", "1")
    yield FigureMeaning(
        "supply.breaker_use", "Current over what may flow through the breakers all the time.", "1", LOWER
    )
    yield FigureMeaning("supply.shelves", "Power shelves in the rack.", "1")
    yield from _group(
        "supply",
        "W",
        LOWER,
        {
            "ups": "Mean loss in the uninterruptible power supply (UPS).",
            "distribution": "Mean loss in transformers, cables and power supplies of the rack.",
            "losses": "Mean loss of the whole supply.",
            "peak_losses": "Loss of the whole supply at full load.",
        },
    )
    yield FigureMeaning("supply.capex", "Price of the electrical supply.", "USD", LOWER)
    yield FigureMeaning("carbon.rate", "Carbon dioxide equivalent of the energy, per time.", "kg/s", LOWER)
    yield FigureMeaning("carbon.per_request", "Carbon dioxide equivalent of each request.", "kg/request", LOWER)
    yield FigureMeaning("carbon.per_token", "Carbon dioxide equivalent of each output token.", "kg/token", LOWER, True)


_COST_SUMS = {
    "capex": ("What is paid at the start", "USD", LOWER),
    "opex": ("Running cost, energy included", "USD/s", LOWER),
    "resale": ("What the hardware is sold for at the end", "USD", HIGHER),
    "tco": ("Total cost of ownership over the horizon, in money of today", "USD", LOWER),
    "annualised": ("Level cost per year at which nothing is earned or lost", "USD/s", LOWER),
    "per_hour": ("The same cost per hour", "USD/s", LOWER),
    "per_gpu_hour": ("The same cost per hour and GPU, on racks without LPUs", "USD/GPU/s", LOWER),
    "per_million_tokens": ("All cost over the tokens of answers alone, as if prompts were free", "USD/token", LOWER),
    "per_million_input_tokens": ("Cost of a million tokens of prompts: their part of all cost", "USD/token", LOWER),
    "per_million_output_tokens": ("Cost of a million tokens of answers: their part of all cost", "USD/token", LOWER),
    "per_million_total_tokens": ("All cost over all tokens, those of prompts and of answers", "USD/token", LOWER),
    "per_million_requests": ("Cost of a million requests", "USD/request", LOWER),
}


def _cost() -> Iterator[FigureMeaning]:
    for name, (text, unit, better) in _COST_SUMS.items():
        yield FigureMeaning(f"cost.{name}", f"{text}.", unit, better)
        known = f"{text}; of the parts whose price is known, because others are not."
        yield FigureMeaning(
            f"cost.known.{name}", known, unit, LOWER if name != "resale" else HIGHER, "gpu_hour" in name
        )
    yield FigureMeaning("cost.lease_advantage", "What renting saves over buying, in money of today.", "USD")
    yield FigureMeaning("cost.capex_terms.*", "Part of the capex: what is paid at the start for this.", "USD", LOWER)
    yield FigureMeaning("cost.opex_terms.*", "Part of the running cost: what this costs per time.", "USD/s", LOWER)
    yield FigureMeaning(
        "cost.per_hour_terms.*", "Part of the cost per hour, purchases spread evenly over the horizon.", "USD/s", LOWER
    )
    yield FigureMeaning("cost.payments.*", "What is paid in this year.", "USD", LOWER)
    yield FigureMeaning("cost.depreciation.*", "Depreciation of the hardware in this year.", "USD")
    yield FigureMeaning(
        "cost.api.*", "What the same tokens cost at the list prices of this public API.", "USD/s", LOWER
    )
    yield FigureMeaning("cost.api_ratio", "Cost per hour over that of the cheapest public API.", "1", LOWER)


def _return() -> Iterator[FigureMeaning]:
    levels = {"mean": "the mean time", "p50": "the median", "p99": "the 99th percentile"}
    for level, text in levels.items():
        made = f"Time from market data to an order, with {text} of the inference."
        yield FigureMeaning(f"venue.tick_to_trade.{level}", made, "s", LOWER)
    yield FigureMeaning("venue.published.*", "Time that the exchange publishes of itself.", "s")
    yield FigureMeaning("venue.times.*", "Time of the inference over that time of the exchange.", "1", LOWER)
    yield FigureMeaning(
        "value.gain", "What the latency earns more than the baseline does, the owner's part.", "USD/s", HIGHER
    )
    yield FigureMeaning("value.gross", "The same before the owner's part is taken.", "USD/s", HIGHER)
    yield FigureMeaning("value.saved", "Latency of the baseline less the latency of the rack.", "s", HIGHER)
    yield FigureMeaning(
        "value.outside_range",
        "Time by which the change lies outside the range of the model of value; above 0 is outside.",
        "s",
    )
    yield FigureMeaning("value.probability", "Chance to be first in a race.", "1", HIGHER)
    yield FigureMeaning("value.baseline_probability", "Chance to be first with the latency of the baseline.", "1")
    yield FigureMeaning(
        "value.prize_share", "Gross value over what latency races are worth in all stock markets of the world.", "1"
    )
    yield FigureMeaning("roi.value", "Income, before any cost.", "USD/s", HIGHER)
    yield FigureMeaning("roi.net", "Income less running cost.", "USD/s", HIGHER)
    yield FigureMeaning("roi.npv", "Net present value over the horizon, after tax.", "USD", HIGHER)
    yield FigureMeaning("roi.irr", "Internal rate of return.", "1/s", HIGHER)
    yield FigureMeaning("roi.payback", "Time until the outlay has come back.", "s", LOWER)
    yield FigureMeaning("roi.discounted_payback", "The same with later money discounted.", "s", LOWER)
    yield FigureMeaning("roi.value_terms.*", "Part of the income: what this earns per time.", "USD/s", HIGHER)
    yield FigureMeaning("roi.cash_flow.*", "Money that comes in less money that goes out in this year.", "USD", HIGHER)


MEANINGS: tuple[FigureMeaning, ...] = (
    *_latency(),
    *_throughput(),
    *_stages(),
    *_link(),
    *_memory_and_software(),
    *_sharing(),
    *_power_and_heat(),
    *_plant(),
    *_supply_and_carbon(),
    *_cost(),
    *_return(),
)
