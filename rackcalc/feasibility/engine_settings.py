"""What a rack file says of its requests and of its serving engine where it does not fit the rest of the file."""

from collections.abc import Iterable

from rackcalc.config.racks import Loaded
from rackcalc.quantities.problems import Problem
from rackcalc.serving.engine_versions import known_version, version_number
from rackcalc.serving.pool_engines import engines_of, that_decode, that_prefill
from rackcalc.serving.splits import clients_differ, one_token, prefills_on_own_gpus, takes_what_comes
from rackcalc.spec.rack import Rack

MOST_KNOWN = 0.999  # share of a prompt that the prefix cache and what is fetched hold together


def engine_settings(loaded: Loaded, rack: Rack) -> list[Problem]:
    """All problems with how requests come and with the options of the engine."""
    checks = (
        _engine_options,
        _distributions,
        _prefix_cache,
        _limits,
        _version,
        _speculation,
        _pipeline,
        _context,
        _expert_placement,
        _two_batches,
        _phase,
        _beside_the_model,
    )
    return [problem for check in checks for problem in check(loaded, rack)]


def _engine_options(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Options of serving engines where there is none, and a batch beside an engine that batches by itself."""
    work, found = rack.workload, []
    requests_come = work.arrival_rate is not None or work.concurrency is not None
    if not engine_decodes(rack):
        stated = ("max_num_seqs", "max_num_batched_tokens", "gpu_memory_utilization", "cuda_graphs", "prefix_caching")
        message = "is for decoders on GPUs under a serving engine: vllm, sglang or tensorrt-llm; remove it"
        paths = [f"serving.{name}" for name in stated]
        found += [loaded.problem(path, message) for path in paths if path in loaded.nodes]
    elif "workload.batch" in loaded.nodes and rack.serving.split == "gpu" and rack.sharing is None and requests_come:
        message = "a serving engine batches the requests that come by itself; remove it, or limit it by "
        found.append(loaded.problem("workload.batch", f"{message}serving.max_num_seqs"))
    beside = rack.sharing is not None and engine_decodes(rack) and rack.serving.split == "gpu"
    if beside and work.batch is None and work.concurrency is None:
        message = "is missing; of an engine beside other work, say how many sequences decode together"
        found.append(loaded.problem("workload.batch", message))
    return found


def _distributions(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Lengths that differ, and arrivals that are not Poisson, where they have no effect, or where both say them."""
    work, written, found = rack.workload, loaded.nodes, []
    spread = [f"workload.{name}" for name in ("input", "output") if _is_distribution(loaded, f"workload.{name}")]
    if not takes_what_comes(rack):
        only = "for decoders on GPUs under a serving engine, with workload.arrival_rate"
        refused = dict.fromkeys(("burstiness", "trace", "hours"), f"is {only} and no batch; remove it")
        clients = work.concurrency is not None and engine_decodes(rack) and rack.serving.split == "gpu"
        if not clients:
            only = f"{only}, or with split gpu and concurrency, and no batch"
            refused |= dict.fromkeys(("input_cv", "output_cv"), f"is {only}; remove it")
            found += [loaded.problem(path, f"lengths that differ are {only}; write one number") for path in spread]
        refused = {f"workload.{name}": message for name, message in refused.items()}
        found += [loaded.problem(path, message) for path, message in refused.items() if path in written]
        return found if not clients else found + _said_twice(loaded, spread)
    if prefills_on_own_gpus(rack):
        paths = ["workload.hours"]
        if rack.workload.hours and "workload.hours" not in written:
            paths.append("workload.trace.hours")
        where = "not computed where GPUs that prefill are apart from those that decode"
        found += [loaded.problem(path, f"is {where}; remove it") for path in paths if path in written]
    found += [*_said_twice(loaded, spread), *_hours_of_day(loaded, rack)]
    if work.trace is None:
        return found
    for name in ("input", "output"):
        if f"workload.{name}_cv" in written and f"workload.{name}" not in written:
            message = f"workload.trace says how they differ; remove it, or state workload.{name} too"
            found.append(loaded.problem(f"workload.{name}_cv", message))
    gap_cv, limit = work.trace.read.gap_cv, 4.0
    if gap_cv is not None and "workload.burstiness" not in written and float(gap_cv.value) > limit:
        message = f"the gaps between its arrivals have a cv of {float(gap_cv.value):.3g}, and the law is tested up to"
        fix = "state workload.burstiness, a trace of a time in which the load is steady, or workload.trace.hours: true"
        found.append(loaded.problem("workload.trace", f"{message} {limit:g}; {fix}"))
    return found


def _hours_of_day(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Hours of a day in which nothing comes at all, or beside what is computed at one rate only."""
    hours = rack.workload.hours
    if not hours:
        return []
    path = "workload.hours" if "workload.hours" in loaded.nodes else "workload.trace.hours"
    if not any(float(hour.value) > 0 for hour in hours):
        return [loaded.problem("workload.hours", "says that no request comes at any hour; one must be more than 0")]
    beside = {"pipeline_parallel": rack.serving.pipeline_parallel, "kv_offload": rack.serving.kv_offload}
    return [
        loaded.problem(path, f"is not computed beside serving.{name}; remove one of the two")
        for name, value in beside.items()
        if value is not None
    ]


def _said_twice(loaded: Loaded, spread: Iterable[str]) -> list[Problem]:
    """Coefficients of variation beside lengths that say themselves how they differ."""
    return [
        loaded.problem(f"{path}_cv", f"{path} says how its lengths differ; remove one of the two")
        for path in spread
        if f"{path}_cv" in loaded.nodes
    ]


def _is_distribution(loaded: Loaded, path: str) -> bool:
    """Whether a length is written as a distribution."""
    node = loaded.nodes.get(path)
    return node is not None and isinstance(node.value, dict) and "value" not in node.value


def _prefix_cache(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Hits in the prefix cache of an engine where there is none, or where they are said twice."""
    stated = [f"workload.{name}" for name in ("cached", "conversation") if f"workload.{name}" in loaded.nodes]
    found = []
    on_gpus = rack.serving.split == "gpu" or prefills_on_own_gpus(rack)
    if not (on_gpus and engine_decodes(rack)):
        message = "is for decoders on GPUs under a serving engine, whose prefix cache it is about; remove it"
        return [loaded.problem(path, message) for path in stated]
    plan, cached = rack.serving.kv_offload, rack.workload.cached
    if plan is not None and cached is not None and float(cached.value) + float(plan.hits.value) > MOST_KNOWN:
        message = (
            f"and workload.cached leave less than {1 - MOST_KNOWN:.1%} of a prompt to be computed; lower one of them"
        )
        found.append(loaded.problem("serving.kv_offload.hits", message))
    if stated and not rack.serving.prefix_caching:
        message = "needs the prefix cache, which serving.prefix_caching turns off; remove one of the two"
        found += [loaded.problem(path, message) for path in stated]
    if len(stated) > 1:
        message = "follows from workload.conversation; remove one of the two"
        found.append(loaded.problem("workload.cached", message))
    if rack.workload.conversation is not None and rack.workload.trace is not None:
        message = "workload.trace has whole prompts, with all that was said before; remove one of the two"
        found.append(loaded.problem("workload.conversation", message))
    return found


def _limits(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Limits on latency that name none, or that are about times which this rack cannot tell percentiles of."""
    slo = rack.workload.slo
    if slo is None:
        return []
    stated = {time: slo.stated(time) for time in ("", "ttft", "tpot", "itl")}
    if not any(stated.values()):
        message = "names no limit; write a time, or limits such as {ttft_p99: 1 s, tpot_p99: 40 ms/token}"
        return [loaded.problem("workload.slo", message)]
    if takes_what_comes(rack) or clients_differ(rack):
        return []
    message = "is for decoders on GPUs under a serving engine, with workload.arrival_rate and no batch; limit p99"
    if rack.workload.concurrency is not None and engine_decodes(rack) and rack.serving.split == "gpu":
        alike = "where the requests of a closed loop are all alike; state workload.output_cv, or limit p99"
        short = "in a closed loop whose answers have one token; state workload.arrival_rate, or limit p99"
        message = f"is not known {short if one_token(rack.workload) else alike}"
    return [
        loaded.problem(f"workload.slo.{time}_{level}", message)
        for time, limits in stated.items()
        for level in limits
        if time
    ]


def engine_decodes(rack: Rack) -> bool:
    """Whether a serving engine runs a decoder on some GPUs."""
    runtime = rack.serving.runtime
    return (
        rack.model.family == "decoder" and rack.serving.split != "lpu" and runtime is not None and bool(runtime.engine)
    )


def closed_loop_problems(loaded: Loaded, rack: Rack) -> list[Problem]:
    on_gpus = rack.serving.split == "gpu" or prefills_on_own_gpus(rack)
    if on_gpus and engine_decodes(rack):
        return []
    message = "needs a decoder on GPUs under a serving engine: vllm, sglang or tensorrt-llm"
    return [loaded.problem("workload.concurrency", message)]


def _version(loaded: Loaded, rack: Rack) -> list[Problem]:
    """A version of the serving engine that is none."""
    runtime = rack.serving.runtime
    if runtime is None or runtime.engine is None:
        return []
    version, named = rack.serving.version or "", [name for name in runtime.engine.releases if not version_number(name)]
    if not version or known_version(runtime.engine, version):
        return []
    others = f", or {' or '.join(named)}" if named else ""
    message = f'expected a version such as 0.12 or v0.6.3.post1{others}, got "{version}"'
    return [loaded.problem("serving.version", message)]


def _speculation(loaded: Loaded, rack: Rack) -> list[Problem]:
    plan, split, path = rack.serving.speculation, rack.serving.split, "serving.speculation"
    if plan is None:
        return []
    if split not in ("draft-verify", "gpu"):
        message = f"speculative decoding is computed for split gpu, and for draft-verify, where LPUs draft; not {split}"
        return [loaded.problem(path, f"{message}: remove it")]
    if split == "gpu" and not engine_decodes(rack):
        message = "is for decoders on GPUs under a serving engine: vllm, sglang or tensorrt-llm; remove it"
        return [loaded.problem(path, message)]
    if split == "draft-verify" and plan.kind != "draft-model":
        message = f"{plan.kind} drafts on the GPUs: use split gpu; LPUs draft with a model of their own (draft-model)"
        return [loaded.problem(f"{path}.kind", message)]
    if plan.kind != "draft-model" and plan.model is not None:
        fix = "remove it, or say kind: draft-model"
        return [loaded.problem(f"{path}.model", f"is for kind draft-model; {plan.kind} needs none: {fix}")]
    if plan.kind != "draft-model":
        return []
    if plan.model is None:
        others = "" if split == "draft-verify" else ", or say kind: mtp, eagle or ngram, which need none"
        return [loaded.problem(f"{path}.model", f"is missing; name the model that drafts{others}")]
    if plan.model.family == "decoder":
        return []
    return [loaded.problem(f"{path}.model", f"{plan.model.name} is no decoder: it cannot draft")]


def _expert_placement(loaded: Loaded, rack: Rack) -> list[Problem]:
    """How experts lie over GPUs, of a model without any, and what is for whole ones only."""
    serving, path = rack.serving, "serving.expert_parallel"
    if serving.expert_parallel is None:
        return []
    if rack.model.experts is None:
        return [loaded.problem(path, f"is for mixtures of experts, and {rack.model.name} has none; remove it")]
    if serving.split not in ("gpu", "prefill-decode"):
        return [loaded.problem(path, "is for split gpu and prefill-decode; remove it")]
    message = "is for experts that stay whole: remove it, or serving.expert_parallel"
    named = ("redundant_experts", "expert_imbalance", "prefill.redundant_experts", "decode.redundant_experts")
    paths = [f"serving.{name}" for name in named if not serving.expert_parallel]
    return [loaded.problem(one, message) for one in paths if one in loaded.nodes]


def _two_batches(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Halves of a batch that take turns where there is no exchange with experts, or in an engine that cannot."""
    found = []
    for name, pool in (("", rack), ("prefill.", that_prefill(rack)), ("decode.", that_decode(rack))):
        path, serving = f"serving.{name}two_batch_overlap", pool.serving
        if path not in loaded.nodes or not serving.two_batch_overlap:
            continue
        runtime = serving.runtime
        if not engine_decodes(pool) or serving.split not in ("gpu", "prefill-decode") or rack.accelerators.lpu:
            message = "is for decoders on GPUs under a serving engine, vllm or sglang; remove it"
        elif runtime is not None and runtime.engine is not None and not runtime.engine.two_batches:
            message = f"{runtime.name} does not run two halves of a batch in turns; remove it, or use vllm or sglang"
        elif rack.model.experts is None:
            message = f"hides the exchange with experts, and {rack.model.name} has none; remove it"
        elif any(_without_exchange(each) for each in ([pool] if name else engines_of(rack))):
            message = "hides the exchange with whole experts between data-parallel groups; say serving.data_parallel, "
            message += "more than 1, or remove it"
        else:
            continue
        found.append(loaded.problem(path, message))
    return found


def _without_exchange(rack: Rack) -> bool:
    """Whether engines that run halves of a batch in turns send no tokens to whole experts on other GPUs."""
    serving = rack.serving
    if not serving.two_batch_overlap:
        return False
    groups = serving.data_parallel
    return groups is None or float(groups.value) < 2 or serving.expert_parallel is False


def _phase(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Engines that only prefill or only decode where there is no such engine, or beside what is not computed then."""
    serving, work, path = rack.serving, rack.workload, "serving.phase"
    if serving.phase == "both":
        return []
    if serving.split != "gpu" or not engine_decodes(rack) or rack.sharing is not None:
        message = "is for split gpu: decoders under a serving engine, vllm, sglang or tensorrt-llm, by themselves"
        return [loaded.problem(path, f"{message}; split prefill-decode has engines of both kinds: remove it")]
    if serving.phase == "prefill":
        return []
    beside = {
        "serving.speculation": serving.speculation,
        "serving.pipeline_parallel": serving.pipeline_parallel,
        "serving.kv_offload": serving.kv_offload,
        "workload.batch": work.batch if "workload.batch" in loaded.nodes else None,
        "workload.cached": work.cached,
        "workload.conversation": work.conversation,
        "workload.hours": work.hours or None,
    }
    if work.concurrency is not None:
        beside |= {f"workload.{name}": getattr(work, name) for name in ("input_cv", "output_cv", "slo")}
    where = "is not computed with serving.phase: decode; remove one of them"
    stated = [name for name, value in beside.items() if value is not None]
    return [
        loaded.problem(name, where) if name in loaded.nodes else loaded.problem(path, f"{name} {where}")
        for name in stated
    ]


def _pipeline(loaded: Loaded, rack: Rack) -> list[Problem]:
    """A pipeline where no engine decodes on GPUs alone, or beside what is not computed with it."""
    serving, path = rack.serving, "serving.pipeline_parallel"
    if serving.pipeline_parallel is None:
        return []
    if serving.split != "gpu" or not engine_decodes(rack):
        message = "is for split gpu: decoders under a serving engine, vllm, sglang or tensorrt-llm; remove it"
        return [loaded.problem(path, message)]
    beside = {
        "data_parallel": serving.data_parallel,
        "speculation": serving.speculation,
        "kv_offload": serving.kv_offload,
    }
    return [
        loaded.problem(f"serving.{name}", "is not modelled together with serving.pipeline_parallel; remove one of them")
        for name, stated in beside.items()
        if stated is not None
    ]


def _context(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Prompts divided over groups of GPUs where no engines prefill for others, or beside what is not computed then."""
    serving, path = rack.serving, "serving.context_parallel"
    if serving.context_parallel is None:
        return []
    pools, alone = prefills_on_own_gpus(rack), serving.split == "gpu" and serving.phase == "prefill"
    if not (pools or alone) or not engine_decodes(rack):
        message = "is for engines that only prefill: it needs serving.split: prefill-decode and serving.prefill_gpus, "
        message += "or split gpu and serving.phase: prefill, and runtime vllm, sglang or tensorrt-llm; decode steps of "
        message += "divided contexts are not modelled"
        return [loaded.problem(path, message)]
    first = that_prefill(rack).serving
    if first.tensor_parallel is None:
        return [loaded.problem(path, "needs the size of its groups: say serving.tensor_parallel too")]
    beside = {
        "data_parallel": first.data_parallel,
        "speculation": serving.speculation,
        "lora": serving.lora,
    }
    found = [
        loaded.problem(f"serving.{name}", "is not modelled together with serving.context_parallel; remove one of them")
        for name, stated in beside.items()
        if stated is not None
    ]
    if rack.model.groups or (rack.model.sliding_window is not None and float(rack.model.sliding_window.value) == 0):
        message = f"is not modelled for linear attention and layers that differ, as of {rack.model.name}; remove it"
        found.append(loaded.problem(path, message))
    return found


def _beside_the_model(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Adapters and fetched KV caches where they are not computed."""
    serving, found = rack.serving, []
    for name, stated in (("lora", serving.lora), ("kv_offload", serving.kv_offload)):
        if stated is not None and (serving.split != "gpu" or not engine_decodes(rack)):
            message = "is for split gpu: decoders under a serving engine, vllm, sglang or tensorrt-llm; remove it"
            found.append(loaded.problem(f"serving.{name}", message))
    if serving.lora is not None and (rack.model.mla is not None or rack.model.groups):
        kind = "latent attention" if rack.model.mla is not None else "layers of several kinds"
        message = f"adapters of models with {kind} are not modelled; remove it"
        found.append(loaded.problem("serving.lora", message))
    return found
