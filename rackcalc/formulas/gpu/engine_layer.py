"""One transformer layer on the GPUs of a serving engine."""

from rackcalc.formulas.combine import mean_over_layers, smallest, total
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.compute_formats import by_format, compute_format
from rackcalc.formulas.gpu.kernel_counts import (
    ATTENTION_KERNELS,
    DENSE_KERNELS,
    EXPERT_LAUNCHES,
    INDEX_KERNELS,
    LAYER_KERNELS,
    MIXERS,
    OPERATIONS,
)
from rackcalc.formulas.gpu.kernels import repeated
from rackcalc.formulas.gpu.launches import launches_exposed, operations
from rackcalc.formulas.gpu.layer_parts import Parts
from rackcalc.formulas.gpu.serving_engine import (
    arithmetic_time,
    at_age,
    beyond,
    blended_time,
    by_kernels,
    crowded,
    crowding,
    kv_time,
    message,
    padded_flops,
    rest_of,
    routed_activations,
    rows_of_group,
    sampling,
    scores_time,
    sequences_time,
    softmax_rate,
    unbalanced,
    weights_time,
)
from rackcalc.formulas.gpu.two_batches import Overlap, of_two_batches
from rackcalc.formulas.links.all_reduce import all_reduce, library_collective
from rackcalc.formulas.links.domains import by_domain
from rackcalc.formulas.links.expert_exchange import Exchange, expert_exchange
from rackcalc.formulas.transformer.counts import ONE, in_group
from rackcalc.formulas.transformer.expert_routing import SPREAD, expert_imbalance, experts_held, with_copies
from rackcalc.formulas.transformer.flops import flops_per_device, mean_of_dims, sum_of_dims
from rackcalc.formulas.transformer.forward_pass import Job, Work, dims_of_prompt
from rackcalc.formulas.transformer.memory_traffic import bytes_per_device
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import record
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Engine

LATENT_SHARE = Quantity(
    0.54,
    "1",
    "share of dense 16-bit peak of latent attention while decoding",
    source=Source(
        "published", "flash-mla", note="660 of 989 TFLOP/s on H800 with a 16-bit cache, 410 with an 8-bit one"
    ),
    low=0.41,
    high=0.67,
)
CONTIGUOUS = Quantity(
    1.02,
    "1",
    "rate of grouped products over that of dense ones, tokens sorted by expert",
    source=Source(
        "measured",
        "deep-gemm",
        note="both products of an expert of DeepSeek-V3 in fp8 on H800, 4 groups of 8,192 tokens against 4,096 tokens: "
        "1,297 and 1,304 TFLOP/s, 1,099 and 1,025",
    ),
    low=0.8,
    high=1.07,
)
SORTED_PASSES = Quantity(
    20.0,
    "1",
    "passes over the routed activations, tokens sorted by expert",
    source=Source(
        "estimate",
        "serving-runs",
        note="nine that can be named (out of and into the exchange, activation and quantization, each once), and those "
        "over queries, keys and norms that a fit to other layouts counts here too: 27",
    ),
    low=9.0,
    high=30.0,
)
NAMED_PASSES = Quantity(
    9.0,
    "1",
    "passes over the routed activations of a decode step, tokens sorted by expert",
    source=Source("assumed", note="those that can be named; in decode steps the others are in the fixed times"),
    low=5.0,
    high=20.0,
)
FORMATS_8_BIT = ("fp8", "int8")
Times = dict[str, Quantity]  # s, by kind of kernel


def engine_parts(
    chip: Chip, engine: Engine, model: Model, size: ModelSize, job: Job, done: Work, half: Work | None = None
) -> Parts:
    """A layer in a serving engine. half: the work of one half of the batch, where two halves take turns."""
    path = size.formats.ffn if model.experts is None else size.formats.experts
    whole = Setting(chip, engine, model, job, done, path)
    if half is None:
        return layer_parts(whole, size)
    one = Setting(chip, engine, model, job, half, path)
    overlap = Overlap(
        exchange=one.sent_to_experts(),
        layers=size.expert_layers,
        rows=whole.rows_of_group,
        least=engine.two_batches[job.phase],
        sms=None if whole.decoding else chip.gpu.sms,
    )
    return of_two_batches(layer_parts(whole, size), layer_parts(one, size), overlap)


def layer_parts(on: "Setting", size: ModelSize) -> Parts:
    """A layer with one batch. A prefill adds attention arithmetic; its launches overlap with kernels."""
    engine, model, done = on.engine, on.model, on.done
    fixed, exchanged, stored = on.fixed(engine.layer_overhead), on.exchanged(), size.formats
    attention_fixed = {"overhead": repeated(time=fixed, copies=engine.attention_share)}
    if model.groups:
        step = on.mean_of_groups({kind: kernels for kind, (kernels, _) in MIXERS.items()})
        attention_fixed = {"overhead": by_kernels(time=attention_fixed["overhead"], kernels=step, of=ATTENTION_KERNELS)}
        latent = [group.layers for group in model.groups.values() if group.kind == "latent-attention"]
    else:
        latent = [] if model.mla is None else [model.layers]
    if latent:
        share = {"layers": total(**{f"group_{i}": layers for i, layers in enumerate(latent)}), "of": model.layers}
        attention_fixed["latent_overhead"] = mean_over_layers(each=on.fixed(engine.latent_overhead), **share)
    if model.indexer is not None:
        own = by_kernels(time=fixed, kernels=INDEX_KERNELS, of=LAYER_KERNELS)
        attention_fixed["index_overhead"] = mean_over_layers(each=own, layers=model.indexer.layers, of=model.layers)
    attention = {
        **on.part("attention_weights", done.projection_flops, size.attention_weights, stored.attention, on.group),
        "attention": on.context(),
    } | exchanged
    rest = {"overhead": rest_of(time=fixed, share=engine.attention_share)}
    ffn = on.part("ffn_weights", done.ffn_flops, size.ffn_weights, stored.ffn, on.dense_holders)
    ffn |= on.after_ffn(exchanged)
    experts = {}
    if model.experts is not None:
        path = expert_kernels(on.chip, stored.experts)
        extra = on.fixed(engine.expert_overhead[path])
        kernels = on.experts(size) | on.dispatched(exchanged)
        experts = on.launched(kernels, rest | {"expert_overhead": extra}, EXPERT_LAUNCHES)
    ends = on.part("head", done.head_flops, size.head_weights, stored.head, on.group) | on.sequences()
    return Parts(
        attention=on.launched(attention, attention_fixed, on.mixing_launches()),
        ffn=on.launched(ffn, rest, DENSE_KERNELS),
        experts=experts,
        ends=ends,
    )


def expert_kernels(chip: Chip, stored: str) -> str:
    """The kernels that experts stored in a format take on a GPU, one of EXPERT_KERNELS."""
    if FORMATS[stored] < 1:  # no matrix unit here computes with 4-bit integers
        return "4-bit" if stored != "int4" and "fp4" in chip.gpu.peak else "widened"
    return "8-bit" if FORMATS[stored] < 2 else "16-bit"


@record
class Setting:
    """An engine on a chip with a model and a job; methods give the times [s] of parts of one layer.

    path: the format of most of the weights, by which kernels differ.
    """

    chip: Chip
    engine: Engine
    model: Model
    job: Job
    done: Work
    path: str

    @property
    def decoding(self) -> bool:
        """Whether the pass is a decode step."""
        return self.job.phase == "decode"

    @property
    def group(self) -> Quantity:
        """GPUs that share one sequence's attention."""
        groups = self.job.data_parallel
        return self.job.devices if groups is None else in_group(devices=self.job.devices, groups=groups)

    @property
    def dense_holders(self) -> Quantity:
        """GPUs that share what is neither attention nor a routed expert: all, or those of a group over a network."""
        network = self.job.network
        if network is None or self.job.data_parallel is None:
            return self.job.devices
        return by_domain(inside=self.job.devices, beyond=self.group, devices=self.job.devices, domain=network.domain)

    @property
    def rows_of_group(self) -> Quantity:
        """Rows of the fullest data-parallel group, each of which has its own sequences, whole."""
        groups, rows = self.job.data_parallel, self.done.rows
        if groups is None:
            return rows
        return rows_of_group(rows=rows, batch=self.job.batch, groups=groups)

    def of_fullest(self, time: Quantity) -> Quantity:
        """The time of the fullest data-parallel group, from the mean over all."""
        groups = self.job.data_parallel
        if groups is None:
            return time
        return crowded(time=time, crowding=crowding(batch=self.job.batch, groups=groups))

    @property
    def whole_experts(self) -> bool:
        """Whether each expert is whole on one GPU, or divided over all of them."""
        stated = self.job.expert_parallel
        return self.job.data_parallel is not None if stated is None else stated

    def imbalance(self) -> Quantity:
        """The work of the GPU with the busiest experts over the mean, where experts stay whole."""
        experts, job = self.model.experts, self.job
        if experts is None or job.link is None or not self.whole_experts:
            return ONE
        if job.imbalance is not None:
            return job.imbalance
        held = experts_held(experts=experts.experts, redundant=job.redundant, devices=job.devices)
        return expert_imbalance(spread=SPREAD, held=held, devices=job.devices)

    def fixed(self, time: Quantity) -> Quantity:
        """A fixed time in this version of the engine, inside a captured step, with kernels for this GPU and format."""
        time = at_age(time=time, improvement=self.engine.improvement, age=self.engine.age)
        factor = self.engine.fixed_factors.get(f"{self.chip.gpu.family} {self.path}")
        return time if factor is None else repeated(time=time, copies=factor)

    def launched(
        self, kernels: dict[str, Quantity], fixed: dict[str, Quantity], launches: Quantity
    ) -> dict[str, Quantity]:
        """Kernels with their fixed times, and the host's time to launch them where the pass is not captured."""
        if self.decoding and self.engine.cuda_graphs:
            return kernels | fixed
        if not self.engine.cuda_graphs:
            launches = operations(launches=launches, each=OPERATIONS)
        added = launches_exposed(
            captured=total(**fixed),
            launches=launches,
            launch=self.engine.eager_launch,
            share=ONE if self.decoding else self.engine.eager_prefill,
            kernels=total(**kernels),
        )
        return kernels | fixed | {"launches": added}

    def mean_of_groups(self, kernels: dict[str, Quantity]) -> Quantity:
        """Kernels that mix tokens in a layer, mean over the groups of layers. kernels: by kind of group."""
        each = {}
        for name, group in self.model.groups.items():
            found = kernels[group.kind]
            if group.compression is not None and group.compression.selected.value > 0:
                found = total(attention=found, indexer=INDEX_KERNELS)
            each[name] = mean_over_layers(each=found, layers=group.layers, of=self.model.layers)
        return total(**each)

    def mixing_launches(self) -> Quantity:
        """Kernels that the host launches for the attention side of a layer, where nothing is captured."""
        model, latent = self.model, self.engine.latent_launches
        if model.groups:
            return self.mean_of_groups(
                {kind: scan for kind, (_, scan) in MIXERS.items()} | {"latent-attention": latent}
            )
        launches = ATTENTION_KERNELS if model.mla is None else latent
        if model.indexer is None:
            return launches
        return total(
            attention=launches,
            indexer=mean_over_layers(each=INDEX_KERNELS, layers=model.indexer.layers, of=model.layers),
        )

    def exchanged(self) -> dict[str, Quantity]:
        """The all-reduce after half a layer, among the GPUs that share the attention of a sequence."""
        if self.job.link is None:
            return {}
        size = message(rows=self.rows_of_group, hidden=self.model.hidden, element=width("bf16"))
        chip = self.chip
        summed = all_reduce(size, self.group, self.job.link, chip.gpu, chip.family, chip.runtime, "graph")
        return {"all_reduce": summed.time}

    def after_ffn(self, exchanged: dict[str, Quantity]) -> dict[str, Quantity]:
        """The all-reduce after a dense feed-forward part; between data-parallel groups it is not computed."""
        return {} if self.job.data_parallel is not None else exchanged

    def dispatched(self, exchanged: dict[str, Quantity]) -> dict[str, Quantity]:
        """Exchange of an expert layer. With data-parallel attention, tokens are sent to the GPUs of their experts.

        Where experts are divided, each GPU needs the tokens of all groups, and adds to the results of all.
        """
        experts, groups, link = self.model.experts, self.job.data_parallel, self.job.link
        if experts is None or groups is None or link is None:
            return exchanged
        if not self.whole_experts:
            size = message(rows=self.done.rows, hidden=self.model.hidden, element=width("bf16"))
            over = size, self.job.devices, link, self.chip.gpu, self.chip.family
            both = {name: library_collective(name, *over) for name in ("all_gather", "reduce_scatter")}
            return {"dispatch": total(**both)}
        return {"dispatch": self.sent_to_experts().time}

    def sent_to_experts(self) -> Exchange:
        """The exchange of a layer whose experts are whole, between data-parallel groups."""
        experts, link = self.model.experts, self.job.link
        assert experts is not None and link is not None
        return expert_exchange(
            rows=self.rows_of_group,
            experts=experts.experts,
            active=experts.active,
            hidden=self.model.hidden,
            imbalance=self.imbalance(),
            devices=self.job.devices,
            link=link,
            network=self.job.network,
            fixed=self.engine.dispatch_time,
            decoding=self.decoding,
        )

    def context(self) -> Quantity:
        """Attention over the context: a decode step reads the cache and computes, as does a prefill with a past.

        Any other prefill only computes.
        """
        gpu, decoding = self.chip.gpu, self.decoding
        flops = flops_per_device(flops=self.done.score_flops, devices=self.job.devices)
        peak = gpu.peak[compute_format(self.chip, "bf16")]
        if decoding:
            arithmetic = arithmetic_time(flops=flops, peak=peak, share=self.attention_share, factor=ONE)
        else:
            kernel = by_format(self.chip.family.attention_prefill, "bf16")
            arithmetic = scores_time(
                flops=flops,
                head_dim=self.score_dim(),
                peak=peak,
                rate=softmax_rate(sms=gpu.sms, lanes=gpu.fp32_lanes, clock=gpu.clock),
                score_operations=kernel.score_operations,
                overlap=kernel.overlap,
                share=self.engine.attention_prefill_share,
            )
        arithmetic = self.of_fullest(arithmetic)
        if not decoding and self.job.past is None:
            return arithmetic
        if self.done.caches:
            each = {f"group_{i}": self.cache_time(*cache) for i, cache in enumerate(self.done.caches)}
            return blended_time(memory=total(**each), arithmetic=arithmetic)
        heads = ONE if self.model.mla is not None else self.model.kv_heads
        return blended_time(memory=self.cache_time(self.done.kv_bytes, heads), arithmetic=arithmetic)

    @property
    def attention_share(self) -> Quantity:
        """Share of peak of the arithmetic of scores and values in a decode step."""
        if self.model.mla is None:
            return self.engine.decode_share
        return smallest(products=self.engine.decode_share, latent=LATENT_SHARE)

    def cache_time(self, moved: Quantity, kv_heads: Quantity) -> Quantity:
        """Time of reading a cache that GPUs divide by its heads [s]. moved [B]: of all sequences, in one layer."""
        groups = self.job.data_parallel
        read = kv_time(
            size=moved if groups is None else bytes_per_device(size=moved, devices=groups),
            devices=self.group,
            kv_heads=kv_heads,
            bandwidth=self.chip.gpu.memory_bandwidth,
            share=self.engine.kv_share,
        )
        return self.of_fullest(read)

    def score_dim(self) -> Quantity:
        """Dimensions of a head's queries and values, mean of both."""
        mla = self.model.mla
        if mla is None:
            return self.model.head_dim
        key = sum_of_dims(first=mla.qk_nope_head_dim, second=mla.qk_rope_head_dim)
        expanded = {"key_dim": key, "value_dim": mla.v_head_dim}
        if self.model.indexer is not None:
            key = sum_of_dims(first=mla.kv_lora_rank, second=mla.qk_rope_head_dim)
            latent = {"key_dim": key, "value_dim": mla.kv_lora_rank}
            expanded = dims_of_prompt(self.model, self.job.context, expanded, latent)
        return mean_of_dims(first=expanded["key_dim"], second=expanded["value_dim"])

    def arithmetic(self, flops: Quantity, stored: str, factor: Quantity = ONE) -> Quantity:
        """Time of matrix products that are spread over all GPUs. factor: on the rate of dense ones."""
        name = compute_format(self.chip, stored)
        share = self.engine.decode_share
        if not self.decoding:
            share = by_format(self.engine.prefill_share, "fp8" if name in FORMATS_8_BIT else name)
        return arithmetic_time(
            flops=flops_per_device(flops=flops, devices=self.job.devices),
            peak=self.chip.gpu.peak[name],
            share=share,
            factor=factor,
        )

    def both(self, name: str, memory: Quantity, arithmetic: Quantity) -> Times:
        """Part that reads weights and computes. A prefill lists the reading apart, as a decode step shares it."""
        whole = blended_time(memory=memory, arithmetic=arithmetic)
        if self.decoding:
            return {name: whole}
        return {name: arithmetic, f"{name}_reading": beyond(whole=whole, arithmetic=arithmetic)}

    def part(self, name: str, flops: Quantity, weights: Quantity, stored: str, holders: Quantity) -> Times:
        """Terms of dense products. holders: GPUs over which the weights are split."""
        arithmetic = self.of_fullest(self.arithmetic(flops, stored))
        memory = weights_time(
            size=bytes_per_device(size=weights, devices=holders),
            bandwidth=self.chip.gpu.memory_bandwidth,
            share=self.engine.weight_share,
            factor=self.engine.fp4_share if stored in ("fp4", "mxfp4", "int4") else ONE,
        )
        return self.both(name, memory, arithmetic)

    @property
    def sorted_by_expert(self) -> bool:
        """Whether tokens are sent between data-parallel groups, which leaves them in the order of their experts."""
        alone = not self.decoding or self.job.only_decodes or self.job.network is not None
        return alone and self.job.data_parallel is not None and self.whole_experts

    @property
    def routed_passes(self) -> Quantity:
        """Passes over the routed activations of an expert layer."""
        if not self.sorted_by_expert:
            return self.engine.routed_passes
        return NAMED_PASSES if self.decoding else SORTED_PASSES

    def experts(self, size: ModelSize) -> Times:
        """Terms of the routed experts that the batch uses, and of the shared experts."""
        done, model = self.done, self.model
        assert model.experts is not None
        read = with_copies(size=done.expert_bytes, experts=model.experts.experts, redundant=self.job.redundant)
        path = expert_kernels(self.chip, size.formats.experts)
        routed = weights_time(
            size=bytes_per_device(size=read, devices=self.job.devices),
            bandwidth=self.chip.gpu.memory_bandwidth,
            share=self.engine.expert_share[path],
            factor=ONE,
        )
        flops, factor = done.expert_flops, ONE
        if not self.decoding:
            factor = CONTIGUOUS if self.sorted_by_expert else self.engine.expert_prefill_share[path]
            load = {"rows": done.rows, "active": model.experts.active, "hit": done.hit}
            flops = padded_flops(flops=flops, **load, tile=self.engine.expert_tile)
        arithmetic = self.arithmetic(flops, size.formats.experts, factor)
        arithmetic = unbalanced(time=arithmetic, imbalance=self.imbalance())
        holders = self.dense_holders
        shared = self.part("shared_experts", done.shared_flops, size.shared_weights, size.formats.ffn, holders)
        moved = routed_activations(
            rows=done.rows,
            active=model.experts.active,
            hidden=model.hidden,
            passes=self.routed_passes,
            element=width("bf16"),
        )
        routing = weights_time(
            size=bytes_per_device(size=moved, devices=self.job.devices),
            bandwidth=self.chip.gpu.memory_bandwidth,
            share=ONE,
            factor=ONE,
        )
        return self.both("experts", routed, arithmetic) | {"routing": routing} | shared

    def sequences(self) -> dict[str, Quantity]:
        """Work outside the layers that grows with the number of sequences that one scheduler has in a decode step."""
        if not self.decoding:
            return {}
        rows = self.rows_of_group
        terms = {"sequences": sequences_time(rows=rows, each=self.engine.sequence_time)}
        if self.job.sampled:
            each = self.engine.sampling_time
            terms["sampling"] = sampling(rows=rows, vocabulary=self.model.vocabulary, each=each)
        return terms
