"""A serving engine as a whole: decode steps and prefills by few numbers fitted to published serving runs.

Fixed times per layer hold every launch, norm and host step of the engine; of the kernels only all-reduces are added.
"""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.kernels import Chip, by_format, compute_format, repeated
from rackcalc.formulas.gpu.layers import ONE, Parts
from rackcalc.formulas.links.exchange import all_reduce
from rackcalc.formulas.transformer.flops import flops_per_device
from rackcalc.formulas.transformer.forward_pass import Job, Work
from rackcalc.formulas.transformer.memory_traffic import bytes_per_device
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, PerSecond, Ratio, Seconds
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Engine

FITTED = "fitted to InferenceX and ML.ENERGY serving runs on H100 and B200 (8 to 9 % error on a GPU or model left out)"
MIXED = "A. Agrawal et al., Sarathi-Serve, arXiv:2403.02310: prefills and decodes share the steps of an engine"
BOTH_WAYS_BYTES = constant(3.0, "B", "bytes per element both ways", "published", note="8 bit out, 16 bit back")
FORMATS_8_BIT = ("fp8", "int8")
Times = dict[str, Quantity]  # s, by kind of kernel


@formula(cite=FITTED)
def weights_time(size: Bytes, bandwidth: BytesPerSecond, share: Ratio, factor: Ratio) -> Seconds:
    """Time to read weights at a share of memory bandwidth. factor: further share of dense 4-bit weights, else 1.

    >>> round(1e6 * weights_time(size=213909504.0, bandwidth=7.7e12, share=0.923, factor=1.0), 1)
    30.1
    """
    return size / (share * factor * bandwidth)


@formula(cite=FITTED)
def arithmetic_time(flops: Flop, peak: FlopPerSecond, share: Ratio, factor: Ratio) -> Seconds:
    """Time of arithmetic at a share of dense peak. factor: further share of mixtures of experts in prefill, else 1.

    >>> round(1e3 * arithmetic_time(flops=1.4e14, peak=2250e12, share=0.75, factor=1.0), 1)
    83.0
    """
    return flops / (share * factor * peak)


@formula(cite=FITTED)
def blended_time(memory: Seconds, arithmetic: Seconds) -> Seconds:
    """Memory and arithmetic time of a part whose kernels are partly bound by either: root of the sum of squares.

    >>> blended_time(memory=3.0, arithmetic=4.0)
    5.0
    """
    return (memory * memory + arithmetic * arithmetic) ** 0.5


@formula(cite=MIXED)
def beyond(whole: Seconds, arithmetic: Seconds) -> Seconds:
    """What reading weights adds to a prefill by itself. In a step that also decodes they are read anyway.

    >>> beyond(whole=5.0, arithmetic=3.0)
    2.0
    """
    return whole - arithmetic


@formula(cite=FITTED)
def kv_time(size: Bytes, devices: Count, kv_heads: Count, bandwidth: BytesPerSecond, share: Ratio) -> Seconds:
    """Time to read the KV cache of a group's batch in one layer; a head is never split. kv_heads 1: latent attention.

    >>> round(1e6 * kv_time(size=33554432.0, devices=8.0, kv_heads=8.0, bandwidth=7.7e12, share=0.92), 2)
    0.59
    """
    return size / xp.minimum(devices, kv_heads) / (share * bandwidth)


@formula(cite="definition: a decline by the same share every year; " + FITTED)
def at_age(time: Seconds, improvement: PerSecond, age: Seconds) -> Seconds:
    """Fixed time of a version released `age` after the reference.

    >>> round(1e6 * at_age(time=60e-6, improvement=1.6e-8, age=31557600.0), 1)
    36.2
    """
    return time * xp.exp(xp.pure(-improvement * age))


@formula(cite="definition: rows of each expert rounded up to whole tiles, which adds half a tile on average")
def padded_flops(flops: Flop, rows: Count, active: Count, hit: Count, tile: Count) -> Flop:
    """Arithmetic of the experts a prefill touches, as the matrix units do it.

    >>> padded_flops(flops=1e9, rows=1024.0, active=8.0, hit=256.0, tile=128.0) / 1e9
    3.0
    """
    return flops * (1 + xp.divide(tile * hit, 2 * rows * active))


@formula(cite="definition: sequences are independent; " + FITTED)
def sequences_time(rows: Count, each: Seconds) -> Seconds:
    """Work per step that grows with the sequences and is not split over GPUs.

    >>> round(1e3 * sequences_time(rows=64.0, each=10e-6), 2)
    0.64
    """
    return rows * each


@formula(cite="definition: a sort of each sequence's logits; " + FITTED)
def sampling(rows: Count, vocabulary: Count, each: Seconds) -> Seconds:
    """Time of top-p or top-k sampling in one step. Greedy decoding needs none.

    >>> round(1e3 * sampling(rows=64.0, vocabulary=128256.0, each=0.2e-9), 2)
    1.64
    """
    return rows * vocabulary * each


@formula(cite="NVIDIA TensorRT-LLM and DeepSeek DeepEP: dispatch in 8 bit, combine in 16 bit; " + FITTED)
def exchange(
    rows: Count, groups: Count, active: Count, hidden: Count, element: Bytes, bandwidth: BytesPerSecond, fixed: Seconds
) -> Seconds:
    """Dispatch to the experts' GPUs and back, one layer, at the full link rate. element: bytes sent both ways.

    >>> round(1e6 * exchange(rows=256.0, groups=8.0, active=8.0, hidden=7168.0, element=3.0, bandwidth=900e9,
    ...                      fixed=16e-6), 1)
    38.1
    """
    return 2 * fixed + rows / groups * active * hidden * element / bandwidth


@formula(cite="definition: a hidden state per row")
def message(rows: Count, hidden: Count, element: Bytes) -> Bytes:
    """What an all-reduce sums up on every GPU.

    >>> message(rows=64.0, hidden=8192.0, element=2.0)
    1048576.0
    """
    return rows * hidden * element


@formula(cite="definition: tensor-parallel groups side by side")
def in_group(devices: Count, groups: Count) -> Count:
    """GPUs that share one sequence's attention.

    >>> in_group(devices=8.0, groups=4.0)
    2.0
    """
    return devices / groups


@formula(
    cite="PyTorch documentation, CUDA semantics: kernels run asynchronously, the slower of host and GPU sets the pace"
)
def launches_exposed(captured: Seconds, copies: Count, share: Ratio, kernels: Seconds) -> Seconds:
    """What the host adds to a part of a layer when it launches its kernels one by one. captured: the part's fixed time
    inside a captured step; copies: host time over that; share: of the launches that are not captured.

    >>> round(1e6 * launches_exposed(captured=40e-6, copies=10.0, share=1.0, kernels=150e-6))
    210
    """
    return xp.maximum(captured * copies * share - captured - kernels, 0 * kernels)


@formula(cite="definition: what the attention part leaves")
def rest_of(time: Seconds, share: Ratio) -> Seconds:
    """The part of a time that another part does not take.

    >>> rest_of(time=60.0, share=0.75)
    15.0
    """
    return time * (1 - share)


def engine_parts(chip: Chip, engine: Engine, model: Model, size: ModelSize, job: Job, done: Work) -> Parts:
    """A layer under a serving engine. Prefill adds attention arithmetic; its launches hide behind the kernels."""
    on = Setting(chip, engine, model, job, done)
    fixed, exchanged, stored = on.fixed(engine.layer_overhead), on.exchanged(), size.formats
    attention_fixed = {"overhead": repeated(time=fixed, copies=engine.attention_share)}
    if model.mla is not None:
        attention_fixed["latent_overhead"] = on.fixed(engine.latent_overhead)
    attention = {
        **on.part("attention_weights", done.projection_flops, size.attention_weights, stored.attention, on.group),
        "attention": on.context(),
    } | exchanged
    rest = {"overhead": rest_of(time=fixed, share=engine.attention_share)}
    ffn = on.part("ffn_weights", done.ffn_flops, size.ffn_weights, stored.ffn, job.devices) | exchanged
    experts = {}
    if model.experts is not None:
        small = compute_format(chip, stored.experts) == "fp4"
        extra = on.fixed(engine.fp4_expert_overhead if small else engine.expert_overhead)
        kernels = on.experts(size) | on.dispatched(exchanged)
        experts = on.launched(kernels, rest | {"expert_overhead": extra})
    ends = on.part("head", done.head_flops, size.head_weights, stored.head, on.group) | on.sequences()
    return Parts(
        attention=on.launched(attention, attention_fixed), ffn=on.launched(ffn, rest), experts=experts, ends=ends
    )


@record
class Setting:
    """An engine on a chip with a model and a job; methods give the times [s] of parts of one layer."""

    chip: Chip
    engine: Engine
    model: Model
    job: Job
    done: Work

    @property
    def decoding(self) -> bool:
        return self.job.phase == "decode"

    @property
    def group(self) -> Quantity:
        """GPUs that share one sequence's attention."""
        groups = self.job.data_parallel
        return self.job.devices if groups is None else in_group(devices=self.job.devices, groups=groups)

    def fixed(self, time: Quantity) -> Quantity:
        """A fixed time of this version, in a captured step."""
        return at_age(time=time, improvement=self.engine.improvement, age=self.engine.age)

    def launched(self, kernels: dict[str, Quantity], fixed: dict[str, Quantity]) -> dict[str, Quantity]:
        """Kernels with their fixed times; of a prefill, also what the host adds by launching them one by one."""
        if self.decoding:
            return kernels | fixed
        added = launches_exposed(
            captured=total(**fixed),
            copies=self.engine.eager_layers,
            share=self.engine.eager_prefill,
            kernels=total(**kernels),
        )
        return kernels | fixed | {"launches": added}

    def exchanged(self) -> dict[str, Quantity]:
        """The all-reduce after half a layer. None between the groups of data-parallel attention."""
        if self.job.link is None or self.job.data_parallel is not None:
            return {}
        size = message(rows=self.done.rows, hidden=self.model.hidden, element=width("bf16"))
        chip = self.chip
        summed = all_reduce(size, self.job.devices, self.job.link, chip.gpu, chip.family, chip.runtime, "graph")
        return {"all_reduce": summed.time}

    def dispatched(self, exchanged: dict[str, Quantity]) -> dict[str, Quantity]:
        """What an expert layer exchanges: under data-parallel attention, tokens with the experts' GPUs."""
        experts, groups, link = self.model.experts, self.job.data_parallel, self.job.link
        if experts is None or groups is None or link is None:
            return exchanged
        sent = exchange(
            rows=self.done.rows,
            groups=groups,
            active=experts.active,
            hidden=self.model.hidden,
            element=BOTH_WAYS_BYTES,
            bandwidth=link.bandwidth,
            fixed=self.engine.dispatch_time,
        )
        return {"dispatch": sent}

    def context(self) -> Quantity:
        """Attention over the context: reading the cache (decode) beside its arithmetic, or arithmetic (prefill)."""
        gpu, decoding = self.chip.gpu, self.decoding
        arithmetic = arithmetic_time(
            flops=flops_per_device(flops=self.done.score_flops, devices=self.job.devices),
            peak=gpu.peak[compute_format(self.chip, "bf16")],
            share=self.engine.decode_share if decoding else self.engine.attention_prefill_share,
            factor=ONE,
        )
        if not decoding:
            return arithmetic
        groups = self.job.data_parallel
        size = self.done.kv_bytes if groups is None else bytes_per_device(size=self.done.kv_bytes, devices=groups)
        memory = kv_time(
            size=size,
            devices=self.group,
            kv_heads=ONE if self.model.mla is not None else self.model.kv_heads,
            bandwidth=gpu.memory_bandwidth,
            share=self.engine.kv_share,
        )
        return blended_time(memory=memory, arithmetic=arithmetic)

    def arithmetic(self, flops: Quantity, stored: str) -> Quantity:
        """Time of matrix products, spread over all GPUs."""
        name = compute_format(self.chip, stored)
        share = self.engine.decode_share
        if not self.decoding:
            share = by_format(self.engine.prefill_share, "fp8" if name in FORMATS_8_BIT else name)
        return arithmetic_time(
            flops=flops_per_device(flops=flops, devices=self.job.devices),
            peak=self.chip.gpu.peak[name],
            share=share,
            factor=ONE,
        )

    def both(self, name: str, memory: Quantity, arithmetic: Quantity) -> Times:
        """A part that reads weights and computes; of a prefill, the reading apart: a decode step shares it."""
        whole = blended_time(memory=memory, arithmetic=arithmetic)
        if self.decoding:
            return {name: whole}
        return {name: arithmetic, f"{name}_reading": beyond(whole=whole, arithmetic=arithmetic)}

    def part(self, name: str, flops: Quantity, weights: Quantity, stored: str, holders: Quantity) -> Times:
        """Dense products; holders: GPUs over which the weights are split."""
        arithmetic = self.arithmetic(flops, stored)
        memory = weights_time(
            size=bytes_per_device(size=weights, devices=holders),
            bandwidth=self.chip.gpu.memory_bandwidth,
            share=self.engine.weight_share,
            factor=self.engine.fp4_share if stored in ("fp4", "mxfp4", "int4") else ONE,
        )
        return self.both(name, memory, arithmetic)

    def experts(self, size: ModelSize) -> Times:
        """Routed experts that the batch touches, and shared ones."""
        done, model = self.done, self.model
        assert model.experts is not None
        routed = weights_time(
            size=bytes_per_device(size=done.expert_bytes, devices=self.job.devices),
            bandwidth=self.chip.gpu.memory_bandwidth,
            share=self.engine.expert_share,
            factor=ONE,
        )
        flops = done.expert_flops
        if not self.decoding:
            load = {"rows": done.rows, "active": model.experts.active, "hit": done.hit}
            flops = padded_flops(flops=flops, **load, tile=self.engine.expert_tile)
        arithmetic = self.arithmetic(flops, size.formats.experts)
        shared = self.part("shared_experts", done.shared_flops, size.shared_weights, size.formats.ffn, self.job.devices)
        return self.both("experts", routed, arithmetic) | shared

    def sequences(self) -> dict[str, Quantity]:
        """Work of a decode step that grows with its sequences, outside the layers."""
        if not self.decoding:
            return {}
        terms = {"sequences": sequences_time(rows=self.done.rows, each=self.engine.sequence_time)}
        if self.job.sampled:
            each = self.engine.sampling_time
            terms["sampling"] = sampling(rows=self.done.rows, vocabulary=self.model.vocabulary, each=each)
        return terms
