"""Numbers of a rack file that must fit each other: GPUs and engines, tokens and context, layers, heads, experts."""

from collections.abc import Iterable, Sequence
from functools import partial
from math import prod
from typing import Any

from rackcalc.config.racks import Loaded
from rackcalc.feasibility.conditions import Chain, Condition, at_most
from rackcalc.formulas.serving.length_moments import lognormal_cv, prompt_of_turns
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.problems import Problem
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import show
from rackcalc.serving.pool_engines import engines_of, that_decode, that_prefill, widths
from rackcalc.serving.pool_links import (
    GPUS_PER_SERVER,
    is_bridged,
    is_nvlink,
    link_beyond_domain,
    nvlink_domain,
)
from rackcalc.serving.service_model import batch_of
from rackcalc.spec.models import Model
from rackcalc.spec.rack import EngineSize, Rack

MOST_CV = 10.0  # as workload.input_cv


def size_requirements(loaded: Loaded) -> list[Chain]:
    """All conditions on the sizes given in the file."""
    rack = loaded.rack
    conditions = [*_work_sizes(loaded, rack), *_pool_sizes(loaded, rack), *_model_sizes(loaded, rack)]
    kinds = engines_of(rack)
    engine = [*_engine_sizes(loaded, rack)]  # a chain: the GPUs first have to be there
    engine += [condition for kind in kinds for condition in _in_one_domain(loaded, kind)]
    heads = [condition for kind in kinds for condition in _heads(loaded, kind)]
    return [engine, heads, *([condition] for condition in (*conditions, *_rack_sizes(loaded, rack)))]


def _pool_sizes(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """Where some GPUs prefill and the others decode, both are enough for an engine."""
    path, asked, pool = "serving.prefill_gpus", rack.serving.prefill_gpus, rack.accelerators.gpu
    if asked is None or pool is None:
        return
    yield Condition(
        "no GPUs are left to decode",
        (asked, pool.count),
        lambda here, all_: here < all_,
        lambda: loaded.problem(path, f"leaves none of the {pool.count.value:g} GPUs to decode; lower it"),
    )
    first, then = widths(that_prefill(rack)), widths(that_decode(rack))

    def too_few(count: float, what: str, stated: EngineSize | None, sizes: list[Quantity]) -> Problem:
        width = prod(float(each.value) for each in sizes)
        where = "serving" if stated is None else f"serving.{what}"
        message = f"{count:g} GPUs that {what} are no engine of {width:g}; lower {where}.tensor_parallel"
        fix = f" or {where}.data_parallel" if len(sizes) > 1 else ""
        if stated is None and len(sizes) > 1:
            fix += f", or state serving.{what}: {{data_parallel: ...}} for engines of another size"
        return loaded.problem(path, message + fix)

    yield Condition(
        "fewer GPUs that prefill than an engine has",
        (asked, *first),
        lambda here, *each: here >= prod(each),
        lambda: too_few(asked.value, "prefill", rack.serving.prefill, first),
    )
    yield Condition(
        "fewer GPUs that decode than an engine has",
        (pool.count, asked, *then),
        lambda all_, here, *each: (all_ - here >= prod(each)) | (all_ <= here),  # none at all: the condition above
        lambda: too_few(pool.count.value - asked.value, "decode", rack.serving.decode, then),
    )


def _rack_sizes(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """No server is divided among racks: the racks are at most as many as the servers or systems in them."""
    pools = [pool for pool in (rack.accelerators.gpu, rack.accelerators.lpu) if pool is not None]
    counts = [pool.count for pool in pools]
    sizes = [GPUS_PER_SERVER if pool.system is None else float(pool.system.count.value) for pool in pools]

    def servers(counts: Sequence[Any]) -> Any:
        return sum(xp.ceil(count / size) for count, size in zip(counts, sizes, strict=True))

    def too_many() -> Problem:
        have = f"{servers([float(count.value) for count in counts]):g} servers or systems"
        message = f"the equipment is {have}, which cannot fill {rack.site.racks.value:g} racks"
        return loaded.problem(
            "site.racks", f"{message}; for more racks of the same, raise the count of the accelerators"
        )

    yield Condition(
        "more racks than servers to fill them",
        (rack.site.racks, *counts),
        lambda racks, *counts: racks <= servers(counts),
        too_many,
    )


def _work_sizes(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """The workload and the serving plan fit the rack and the model."""
    work, model, serving = rack.workload, rack.model, rack.serving
    yield Condition(
        "longer than the model's context",
        (model.max_context, work.input, *[tokens for tokens in [work.output] if tokens is not None]),
        lambda most, *tokens: sum(tokens) <= most,
        lambda: _too_long(loaded, rack),
    )
    yield from _lengths(loaded, rack)
    layers, micro = serving.gpu_layers, serving.microbatches
    if layers is not None and serving.split == "encoder-pipeline":
        yield Condition(
            "no layer is left to the LPUs",
            (layers, model.layers),
            lambda here, all_: here < all_,
            lambda: loaded.problem(
                "serving.gpu_layers", f"leaves none of the {model.layers.value:g} layers to the LPUs"
            ),
        )
    if serving.split == "attention-ffn":
        yield at_most(
            "more microbatches than sequences",
            micro,
            batch_of(rack),
            lambda: loaded.problem(
                "serving.microbatches",
                f"{batch_of(rack).value:g} sequence(s) cannot be cut into {micro.value:g} microbatches",
            ),
        )


def _lengths(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """The percentiles of lengths are in order, no lengths differ too much for the law, the last turn has room."""
    talk, prompt, output, model = rack.workload.conversation, rack.workload.input, rack.workload.output, rack.model
    if talk is not None and output is not None and prompt.formula is prompt_of_turns:
        yield Condition(
            "a conversation longer than the model's context",
            (model.max_context, talk.turns, prompt.inputs["message"], output),
            lambda most, turns, message, answer: turns * (message + answer) <= most,
            lambda: loaded.problem(
                "workload.conversation.turns",
                f"this many turns are more than {model.name} takes ({show(float(model.max_context.value), 'token')})",
            ),
        )
    for name in ("input", "output"):
        cv, path = getattr(rack.workload, f"{name}_cv"), f"workload.{name}"
        if cv is None or cv.formula is not lognormal_cv:
            continue
        p50, p99 = cv.inputs["p50"], cv.inputs["p99"]
        yield Condition(
            f"{path}: p99 below p50",
            (p50, p99),
            lambda p50, p99: p50 <= p99,
            partial(loaded.problem, f"{path}.p99", "is less than p50; no 99th percentile is below the median"),
        )
        yield Condition(
            f"{path}: lengths that differ too much",
            (p50, p99, cv),
            lambda p50, p99, cv: (cv <= MOST_CV) | (p99 < p50),  # not in order: the condition above
            partial(_too_spread, loaded, path, cv),
        )


def _too_spread(loaded: Loaded, path: str, cv: Quantity) -> Problem:
    message = (
        f"p50 and p99 make a coefficient of variation of {float(cv.value):.3g}, and at most {MOST_CV:g} is computed"
    )
    return loaded.problem(f"{path}.p99", message)


def _engine_sizes(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """The GPUs that share one copy of the model are there."""
    serving, pool = rack.serving, rack.accelerators.gpu
    width, groups = serving.tensor_parallel, serving.data_parallel
    if pool is None or serving.split == "lpu":
        return
    gpus = pool.count
    if width is not None:
        yield at_most(
            "more GPUs per copy than there are",
            width,
            gpus,
            lambda: loaded.problem("serving.tensor_parallel", f"is more than the {gpus.value:g} GPUs there are"),
        )
    if groups is not None:
        widths = [] if width is None else [width]

        def too_many() -> Problem:
            each = 1.0 if width is None else float(width.value)
            needed = f"{groups.value:g} groups of {each:g} are {groups.value * each:g} GPUs"
            return loaded.problem("serving.data_parallel", f"{needed}, and there are {gpus.value:g}; lower it")

        yield Condition(
            "more groups than there are GPUs for",
            (gpus, groups, *widths),
            lambda all_, groups, *each: groups * prod(each) <= all_,
            too_many,
        )
    stages = serving.pipeline_parallel
    if stages is not None:
        yield from _stages(loaded, rack, stages, gpus)
    parts = serving.context_parallel
    if parts is not None and width is not None and serving.prefill_gpus is None:

        def too_wide() -> Problem:
            needed = f"{parts.value:g} groups of {width.value:g} are {parts.value * width.value:g} GPUs"
            return loaded.problem("serving.context_parallel", f"{needed}, and there are {gpus.value:g}; lower it")

        yield Condition(
            "more groups that share a prompt than there are GPUs for",
            (gpus, parts, width),
            lambda all_, n, each: n * each <= all_,
            too_wide,
        )
    if groups is not None and width is None and serving.prefill_gpus is None:

        def uneven() -> Problem:
            message = f"{groups.value:g} does not divide the {gpus.value:g} GPUs; say serving.tensor_parallel too"
            return loaded.problem("serving.data_parallel", message)

        yield Condition(
            "groups that do not divide the GPUs",
            (gpus, groups),
            lambda all_, groups: all_ % groups == 0,
            uneven,
        )


def _stages(loaded: Loaded, rack: Rack, stages: Quantity, gpus: Quantity) -> Iterable[Condition]:
    """A pipeline has its GPUs, and a layer at least on each of its stages."""
    width, path = rack.serving.tensor_parallel, "serving.pipeline_parallel"
    yield at_most(
        "more stages than layers",
        stages,
        rack.model.layers,
        lambda: loaded.problem(path, f"is more than the {rack.model.layers.value:g} layers of {rack.model.name}"),
    )
    if width is None:

        def uneven() -> Problem:
            message = f"{stages.value:g} stages do not divide the {gpus.value:g} GPUs; say serving.tensor_parallel too"
            return loaded.problem(path, message)

        yield Condition("stages that do not divide the GPUs", (gpus, stages), lambda all_, n: all_ % n == 0, uneven)
        return

    def too_many() -> Problem:
        needed = f"{stages.value:g} stages of {width.value:g} are {stages.value * width.value:g} GPUs"
        return loaded.problem(path, f"{needed}, and there are {gpus.value:g}; lower it")

    yield Condition(
        "more stages than there are GPUs for", (gpus, stages, width), lambda all_, n, each: n * each <= all_, too_many
    )


def _heads(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """The GPUs of a tensor-parallel group can share the heads of the model; by default all GPUs are one group."""
    serving, pool, model = rack.serving, rack.accelerators.gpu, rack.model
    if pool is None or serving.split == "lpu":
        return
    if serving.tensor_parallel is not None:
        yield from _divided_heads(loaded, model, (serving.tensor_parallel,))
    elif model.family == "decoder" and serving.prefill_gpus is None:
        groups = serving.data_parallel if serving.pipeline_parallel is None else serving.pipeline_parallel
        yield from _divided_heads(loaded, model, (pool.count,) if groups is None else (pool.count, groups))


def _in_one_domain(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """NVLink joins the GPUs of a tensor-parallel group; or the file names another link between them.

    Data-parallel groups may be in other servers, over the network of these; cards without a bridge use PCIe, but only
    within one server. Experts that are divided over the GPUs of all groups need one domain.
    """
    serving, pool, use = rack.serving, rack.accelerators.gpu, rack.links.get("gpu-gpu")
    width, groups = serving.tensor_parallel, serving.data_parallel
    if serving.pipeline_parallel is not None:
        groups = serving.pipeline_parallel  # stages too may be in other servers
    if pool is None or serving.split == "lpu" or (width is None and rack.model.family == "encoder"):
        return
    domain = nvlink_domain(pool)
    if domain is None or (use is not None and (use.hypothetical or not is_nvlink(use.part))):
        return
    if width is None and serving.prefill_gpus is not None:
        return
    sizes = [pool.count] if width is None else [width]
    reachable = use is None and link_beyond_domain(pool) is not None and serving.expert_parallel is not False
    if groups is not None and not (reachable and not is_bridged(pool)):
        sizes += [] if width is None else [groups]
    elif groups is not None and width is None:
        sizes.append(groups)  # of all GPUs, each group has its share

    def together(sizes: Sequence[Any]) -> Any:
        return sizes[0] / sizes[1] if width is None and len(sizes) > 1 else prod(sizes)

    least = GPUS_PER_SERVER if reachable and is_bridged(pool) else 0.0

    def too_far() -> Problem:
        joined = f"{together([float(size.value) for size in sizes]):g} GPUs share a copy of the model"
        message = f"{joined}, and NVLink joins {domain.value:g} {pool.part.name}"
        fix = "name the link between them, such as links: {gpu-gpu: {part: infiniband-ndr}}, or let fewer share a copy"
        where = "links.gpu-gpu" if use is not None else "serving.tensor_parallel"
        return loaded.problem(where, f"{message}; {fix}")

    yield Condition(
        "GPUs beyond one NVLink domain",
        (domain, *sizes),
        lambda domain, *sizes: together(sizes) <= xp.maximum(domain, least + 0 * domain),
        too_far,
    )


def _divided_heads(loaded: Loaded, model: Model, sizes: tuple[Quantity, ...]) -> Iterable[Condition]:
    """Tensor parallelism divides the query heads; the KV heads are divided, or each is kept by as many GPUs.

    sizes: the GPUs of a tensor-parallel group; or those of all groups, and the number of groups.
    """

    def width(sizes: Sequence[Any]) -> Any:
        return xp.maximum(sizes[0] // sizes[1], 1.0) if len(sizes) > 1 else sizes[0]  # 0: more groups than GPUs

    def refusal(what: str, fix: str) -> Problem:
        number = width([float(size.value) for size in sizes])
        message = f"{number:g} GPUs cannot share the {what} of {model.name}"
        return loaded.problem("serving.tensor_parallel", f"{message}; {fix}")

    yield Condition(
        "tensor parallelism that does not divide the heads",
        (model.heads, *sizes),
        lambda heads, *sizes: heads % width(sizes) == 0,
        lambda: refusal(f"{model.heads.value:g} attention heads", "use a divisor of their number"),
    )
    yield Condition(
        "tensor parallelism that does not divide the KV heads",
        (model.kv_heads, *sizes),
        lambda heads, *sizes: (heads % width(sizes) == 0) | (width(sizes) % heads == 0),
        lambda: refusal(f"{model.kv_heads.value:g} KV heads", "use a divisor or a multiple of their number"),
    )


def _too_long(loaded: Loaded, rack: Rack) -> Problem:
    work = rack.workload
    length = float(work.input.value) + (0.0 if work.output is None else float(work.output.value))
    limit = show(float(rack.model.max_context.value), "token")
    return loaded.problem("workload.input", f"{show(length, 'token')} are more than {rack.model.name} takes ({limit})")


def _model_sizes(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """The constants of a model do not contradict each other, as those of a user's own model may."""
    model = rack.model
    yield Condition(
        "heads that cannot be grouped",
        (model.heads, model.kv_heads),
        lambda heads, groups: heads % groups == 0,
        lambda: loaded.problem(
            "model.kv_heads", f"{model.kv_heads.value:g} does not divide the {model.heads.value:g} heads"
        ),
    )
    parts: dict[str, tuple[Quantity | None, Quantity, str]] = {}
    if model.family == "decoder":
        parts["model.full_attention_layers"] = (model.full_attention_layers, model.layers, "layers")
    if model.groups:
        layers = [group.layers for group in model.groups.values()]
        yield Condition(
            "groups that are not all layers",
            (model.layers, *layers),
            lambda layers, *groups: sum(groups) == layers,
            lambda: loaded.problem(
                "model.groups",
                f"hold {sum(float(n.value) for n in layers):g} layers, and model.layers is {model.layers.value:g}",
            ),
        )
    if model.experts is not None:
        parts["model.experts.active"] = (model.experts.active, model.experts.experts, "experts there are")
        if model.ffn_layers is None:
            parts["model.experts.layers"] = (model.experts.layers, model.layers, "layers")
    for path, (part, whole, noun) in parts.items():
        if part is not None:
            message = f"is more than the {_count_text(whole)} {noun}"
            yield at_most(f"{path} beyond what there is", part, whole, partial(loaded.problem, path, message))


def _count_text(quantity: Quantity) -> str:
    """A count as text; an array, in a sweep, has none."""
    return f"{quantity.value:g}" if isinstance(quantity.value, float) else "given"
