"""Parts, splits, models and formats of a rack file that do not go together."""

from collections.abc import Iterable

from rackcalc.config.racks import Loaded
from rackcalc.feasibility.engine_settings import closed_loop_problems, engine_decodes, engine_settings
from rackcalc.feasibility.equipment import incomplete_equipment
from rackcalc.feasibility.prices import price_problems
from rackcalc.formulas.gpu.compute_formats import COMPUTE
from rackcalc.formulas.heat.chip_temperatures import ON_LIQUID
from rackcalc.formulas.money.latency_value import missing
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.problems import Problem
from rackcalc.serving.pool_links import default_link
from rackcalc.serving.pool_memory import kv_format
from rackcalc.serving.splits import FUNCTIONS, prefills_on_own_gpus
from rackcalc.spec.models import Model
from rackcalc.spec.rack import SPLITS, Rack


def incompatible_parts(loaded: Loaded) -> list[Problem]:
    """All problems with the choices in the file; those of ports only when there are no others."""
    checks = (
        _pools,
        _systems,
        _workload,
        engine_settings,
        _layer_groups,
        _formats,
        _cooling,
        incomplete_equipment,
        _money,
        _prices,
    )
    found = [problem for check in checks for problem in check(loaded, loaded.rack)]
    return found or _ports(loaded, loaded.rack)


def _needed_pools(rack: Rack) -> tuple[bool, bool]:
    """Whether the split needs GPUs, and whether it needs LPUs."""
    needed = SPLITS[rack.serving.split]
    return "gpu" in needed, "lpu" in needed and not prefills_on_own_gpus(rack)


def _pools(loaded: Loaded, rack: Rack) -> list[Problem]:
    split, found = rack.serving.split, []
    needs_gpu, needs_lpu = _needed_pools(rack)
    for name, needed, pool in (("gpu", needs_gpu, rack.accelerators.gpu), ("lpu", needs_lpu, rack.accelerators.lpu)):
        if needed and pool is None:
            instead = "; or say serving.prefill_gpus: how many GPUs prefill for the others"
            fix = instead if (name, split) == ("lpu", "prefill-decode") else ""
            found.append(loaded.problem(f"accelerators.{name}", f"is missing; split {split} needs it{fix}"))
    if needs_gpu and rack.serving.runtime is None:
        found.append(
            loaded.problem(
                "serving.runtime", "is missing; name the software that drives the GPUs (`rackcalc parts runtimes`)"
            )
        )
    if needs_gpu and needs_lpu and "gpu-lpu" not in rack.links:
        found.append(
            loaded.problem("links.gpu-lpu", f"is missing; split {split} crosses it: name the link between the pools")
        )
    return found + _prefill_gpus(loaded, rack)


def _prefill_gpus(loaded: Loaded, rack: Rack) -> list[Problem]:
    """serving.prefill_gpus where the rack has no such GPUs, or where their link is missing."""
    path = "serving.prefill_gpus"
    if rack.serving.prefill_gpus is None or rack.accelerators.gpu is None:
        stated = [name for name in ("prefill", "decode") if getattr(rack.serving, name) is not None]
        message = "is about GPUs that prefill apart from others: say serving.prefill_gpus, how many, or remove it"
        return [loaded.problem(f"serving.{name}", message) for name in stated]
    if not prefills_on_own_gpus(rack):
        return [loaded.problem(path, f"is for split prefill-decode, not {rack.serving.split}; remove it")]
    if rack.accelerators.lpu is not None:
        return [loaded.problem(path, "leaves nothing to the LPUs; remove it, or accelerators.lpu")]
    if "prefill-decode" not in rack.links:
        return [
            loaded.problem("links.prefill-decode", "is missing; KV caches cross it: name the link, such as nvlink4")
        ]
    return []


def _systems(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Systems that hold other chips than the pool: their price and power would be those of another machine."""
    found = []
    for name, pool in (("gpu", rack.accelerators.gpu), ("lpu", rack.accelerators.lpu)):
        part = loaded.nodes.get(f"accelerators.{name}.part")
        if pool is None or pool.system is None or part is None or not isinstance(part.value, str):
            continue
        if part.value != pool.system.accelerator:
            message = f"{pool.system.name} holds {pool.system.accelerator}, not {part.value}"
            fix = "name the product they come in, or leave system out"
            found.append(loaded.problem(f"accelerators.{name}.system", f"{message}; {fix}"))
    return found


def _workload(loaded: Loaded, rack: Rack) -> list[Problem]:
    split, work, found = rack.serving.split, rack.workload, []
    if rack.model.family not in FUNCTIONS[split]:
        fits = [name for name, kinds in FUNCTIONS.items() if rack.model.family in kinds]
        found.append(
            loaded.problem(
                "serving.split", f"{split} is not for models that are {rack.model.family}s; use {' or '.join(fits)}"
            )
        )
    decoder = rack.model.family == "decoder"
    if decoder and work.output is None:
        found.append(loaded.problem("workload.output", "is missing; a decoder generates: say how many tokens"))
    if not decoder and work.output is not None:
        found.append(loaded.problem("workload.output", "an encoder generates nothing; remove it"))
    if split == "draft-verify" and rack.serving.speculation is None:
        found.append(loaded.problem("serving.speculation", "is missing; name the model that drafts"))
    if work.concurrency is not None:
        found += closed_loop_problems(loaded, rack)
    if not engine_decodes(rack):
        message = "is for decoders on GPUs under a serving engine: vllm, sglang or tensorrt-llm; remove it"
        stated = [f"serving.{pool}data_parallel" for pool in ("", "prefill.", "decode.")]
        found += [loaded.problem(path, message) for path in stated if path in loaded.nodes]
    if rack.sharing is not None and work.arrival_rate is None:
        found.append(loaded.problem("sharing", "needs workload.arrival_rate: an idle rack has nothing to share with"))
    if rack.sharing is not None and rack.accelerators.gpu is None:
        found.append(loaded.problem("sharing", "is about the GPUs' other work, and there are no GPUs; remove it"))
    return found


def _layer_groups(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Models whose layers differ, where the calculation needs them to be alike, or where groups lack a part."""
    models = {"model": rack.model}
    if rack.serving.speculation is not None and rack.serving.speculation.model is not None:
        models["serving.speculation.model"] = rack.serving.speculation.model
    found = []
    for path, model in models.items():
        if model.indexer is not None:
            found += _indexer(loaded, path, model)
        if not model.groups and model.ffn_layers is None and (model.experts is None or model.experts.latent is None):
            continue
        runtime = rack.serving.runtime
        step_by_step = runtime is not None and (runtime.engine or runtime.megakernel)
        if rack.serving.split != "gpu" and not prefills_on_own_gpus(rack):
            message = f"{model.name} has layers of several kinds, which are computed on GPUs only; use split gpu"
            found.append(loaded.problem(path, message))
        elif not step_by_step:
            message = f"{model.name} has layers of several kinds: name a serving engine (vllm, sglang, tensorrt-llm)"
            found.append(loaded.problem("serving.runtime", message))
        if model.groups and model.full_attention_layers is not None:
            message = "is for models without groups, which say what each layer attends to; remove it"
            found.append(loaded.problem(f"{path}.full_attention_layers", message))
        for name, group in model.groups.items():
            if group.kind == "latent-attention" and model.mla is None:
                found.append(loaded.problem(f"{path}.groups.{name}", "needs model.mla: the sizes of latent attention"))
            if (group.kind == "compressed-attention") != (group.compression is not None):
                message = "compressed-attention needs compression, and no other kind has it"
                found.append(loaded.problem(f"{path}.groups.{name}", message))
    return found


def _indexer(loaded: Loaded, path: str, model: Model) -> list[Problem]:
    if model.mla is None or model.groups or model.mla.q_lora_rank.value == 0:
        message = (
            "is for models all of whose layers have latent attention with compressed queries (model.mla); remove it"
        )
        return [loaded.problem(f"{path}.indexer", message)]
    assert model.indexer is not None
    if model.indexer.layers.value > model.layers.value:
        message = f"are {model.indexer.layers.value:g} of only {model.layers.value:g} layers"
        return [loaded.problem(f"{path}.indexer.layers", message)]
    return []


def _formats(loaded: Loaded, rack: Rack) -> list[Problem]:
    found, precision = [], rack.workload.precision
    if rack.model.experts is None and "model.formats.experts" in loaded.nodes:
        found.append(loaded.problem("model.formats.experts", f"{rack.model.name} has no experts; remove it"))
    needs_gpu, needs_lpu = _needed_pools(rack)
    gpus, lpus = rack.accelerators.gpu, rack.accelerators.lpu
    if needs_gpu and gpus is not None:
        # weights that are read in one format and computed in a wider one where the chip lacks theirs
        # (Marlin kernels of vLLM and SGLang: 8-bit floats from Ampere on, which computes in bf16)
        eight = rack.model.family == "decoder" and "bf16" in gpus.part.peak
        weight_only = eight or precision in ("int4", "mxfp4", "fp4")
        if not set(COMPUTE[precision] if weight_only else (precision,)) & set(gpus.part.peak):
            found.append(_no_format(loaded, "workload.precision", gpus.part.name, precision, gpus.part.peak))
    if needs_lpu and lpus is not None:
        able = set(lpus.part.peak) & set(lpus.part.cycles_per_row)
        if precision not in able:
            found.append(_no_format(loaded, "workload.precision", lpus.part.name, precision, able))
        elif rack.model.family == "decoder" and rack.serving.split != "attention-ffn" and kv_format(rack) not in able:
            found.append(_no_format(loaded, "workload.kv_precision", lpus.part.name, kv_format(rack), able))
    return found


def _no_format(loaded: Loaded, path: str, chip: str, wanted: str, able: Iterable[str]) -> Problem:
    does = "attend" if path.endswith("kv_precision") else "compute"
    whose = ""
    stated = loaded.nodes.get(path)
    if path == "workload.precision" and stated is not None and not stated.path:  # the rack leaves it out
        whose, path = ", in which the model's weights are published", "model"
        able = [f"workload.precision: {word}" for word in able]
    message = f"{chip} does not {does} in {wanted}{whose}; use {' or '.join(sorted(able)) or 'another chip'}"
    return loaded.problem(path, message)


def _cooling(loaded: Loaded, rack: Rack) -> list[Problem]:
    """A coolant of which some properties are missing."""
    cooling, found = rack.site.cooling, []
    wanted = ["coolant_density", "coolant_heat_capacity"] if cooling.coolant_rise is not None else []
    if cooling.method in (*ON_LIQUID, "rear-door"):
        wanted = ["coolant_supply", "coolant_rise", "coolant_density", "coolant_heat_capacity"]
    for name in wanted:
        if getattr(cooling, name) is None:
            problem = loaded.problem(f"site.cooling.{name}", f"is missing; {cooling.method} with a coolant needs it")
            found.append(problem)
    return found


def _prices(loaded: Loaded, _: Rack) -> list[Problem]:
    return price_problems(loaded)


def _money(loaded: Loaded, rack: Rack) -> list[Problem]:
    if rack.latency_value is None:
        return []
    kind = rack.latency_value.kind
    return [
        loaded.problem(f"latency_value.{name}", f"is missing; kind {kind} needs it")
        for name in missing(rack.latency_value)
    ]


def _ports(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Links for which a chip has no port, unless the file says that they are hypothetical."""
    found = []
    ends = {"gpu-gpu": ("gpu",), "lpu-lpu": ("lpu",), "gpu-lpu": ("gpu", "lpu"), "prefill-decode": ("gpu",)}
    for name, use in rack.links.items():
        for end in ends[name]:
            pool = getattr(rack.accelerators, end)
            if pool is None or set(use.part.ports) & set(pool.part.ports) or use.hypothetical:
                continue
            has = ", ".join(pool.part.ports)
            message = f"{pool.part.name} has no port for {use.part.name} (it has {has})"
            fix = "write hypothetical: true to compute it all the same"
            found.append(loaded.problem(f"links.{name}.part", f"{message}; {fix}"))
    pool = rack.accelerators.gpu
    alone = pool is not None and xp.decided(pool.count.value <= 1)  # one chip needs no link
    if pool is not None and not alone and "gpu-gpu" not in rack.links and default_link(pool.part.ports) is None:
        found.append(
            loaded.problem("links.gpu-gpu", f"is missing; the catalog has no link for the ports of {pool.part.name}")
        )
    return found
