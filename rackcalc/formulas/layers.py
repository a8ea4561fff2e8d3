"""One transformer layer on a GPU as a list of kernels, or as one stage of a megakernel."""

from dataclasses import dataclass

from rackcalc import xp
from rackcalc.formulas.collective import all_reduce
from rackcalc.formulas.combine import total
from rackcalc.formulas.kernels import (
    SIXTEEN_BIT,
    Chip,
    activation_bytes,
    by_format,
    compute_format,
    decode_attention_time,
    elementwise,
    fused_attention_time,
    gemm,
    kernel_launch,
    latent_decode_attention_time,
    prefill_attention_time,
    repeated,
    roofline_time,
)
from rackcalc.formulas.transformer import (
    ModelSize,
    attended_share,
    attended_tokens,
    busiest_experts,
    count,
    experts_hit,
    rows,
    times,
    width,
)
from rackcalc.formulas.work import Job, Work, sum_of_dims
from rackcalc.parts import Experts, Megakernel, Model
from rackcalc.quantity import Quantity, formula
from rackcalc.units import Bytes, Count, Flop, Seconds

SHARDING = "M. Shoeybi et al., Megatron-LM, arXiv:1909.08053, section 3"
ONE, ZERO, TWO, THREE = count(1.0, "one"), count(0.0, "none"), count(2.0, "two"), count(3.0, "three")


@formula(cite=SHARDING)
def sharded(columns: Count, devices: Count) -> Count:
    """Columns (heads, experts) of a matrix that one of several GPUs holds.

    >>> sharded(columns=28672.0, devices=8.0)
    3584.0
    """
    return columns / devices


@formula(cite=SHARDING + "; KV heads are copied when there are more GPUs than heads")
def kv_heads_held(kv_heads: Count, devices: Count) -> Count:
    """KV heads on one of several GPUs.

    >>> kv_heads_held(kv_heads=8.0, devices=16.0)
    1.0
    """
    return xp.maximum(kv_heads / devices, kv_heads / kv_heads)


@formula(cite=SHARDING)
def qkv_columns(heads: Count, kv_heads: Count, head_dim: Count) -> Count:
    """Columns of the fused query, key and value projection.

    >>> qkv_columns(heads=8.0, kv_heads=1.0, head_dim=128.0)
    1280.0
    """
    return (heads + 2 * kv_heads) * head_dim


@formula(cite="N. Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202; " + SHARDING)
def up_columns(ffn: Count, matrices: Count, devices: Count) -> Count:
    """Columns of the first feed-forward product on one GPU: gate and up side by side when gated.

    >>> up_columns(ffn=28672.0, matrices=3.0, devices=8.0)
    7168.0
    """
    return (matrices - 1) * ffn / devices


@formula(cite="definition: a product")
def columns_of_heads(heads: Count, dims: Count) -> Count:
    """Columns of several heads.

    >>> columns_of_heads(heads=16.0, dims=192.0)
    3072.0
    """
    return heads * dims


@formula(cite="DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1")
def latent_down_columns(q_lora_rank: Count, kv_lora_rank: Count, qk_rope_head_dim: Count) -> Count:
    """Columns of the fused compression of queries, keys and values; every GPU computes it whole.

    >>> latent_down_columns(q_lora_rank=1536.0, kv_lora_rank=512.0, qk_rope_head_dim=64.0)
    2112.0
    """
    return q_lora_rank + kv_lora_rank + qk_rope_head_dim


@formula(cite="DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1")
def query_depth(q_lora_rank: Count, hidden: Count) -> Count:
    """Depth of the query projection: the compressed query, or the residual stream where there is none.

    >>> query_depth(q_lora_rank=0.0, hidden=2048.0)
    2048.0
    """
    return xp.where(q_lora_rank > 0, q_lora_rank, hidden)


@formula(cite="definition: a mean")
def mean_dim(keys: Count, values: Count) -> Count:
    """Head dimension that stands for unequal keys and values.

    >>> mean_dim(keys=192.0, values=128.0)
    160.0
    """
    return (keys + values) / 2


@formula(cite="definition: even routing")
def rows_per_expert(rows: Count, active: Count, hit: Count) -> Count:
    """Tokens per expert that is touched, mean.

    >>> rows_per_expert(rows=32.0, active=8.0, hit=64.0)
    4.0
    """
    return xp.divide(rows * active, hit)


@formula(cite="definition: nothing to do takes no time")
def present(time: Seconds, amount: Count) -> Seconds:
    """The time, or 0 where a model has none of this part.

    >>> present(time=5.0, amount=0.0)
    0.0
    """
    return xp.where(amount > 0, time, 0 * time)


@formula(cite=SHARDING)
def flops_per_device(flops: Flop, devices: Count) -> Flop:
    """Arithmetic of one of several GPUs that share it evenly.

    >>> flops_per_device(flops=8.0, devices=4.0)
    2.0
    """
    return flops / devices


@formula(cite=SHARDING)
def bytes_per_device(size: Bytes, devices: Count) -> Bytes:
    """Traffic of one of several GPUs that share it evenly.

    >>> bytes_per_device(size=8.0, devices=4.0)
    2.0
    """
    return size / devices


@dataclass(frozen=True)
class Parts:
    """Times [s] by kernel kind: of one layer's attention, dense feed-forward, experts; and of embedding and head."""

    attention: dict[str, Quantity]
    ffn: dict[str, Quantity]
    experts: dict[str, Quantity]
    ends: dict[str, Quantity]


def exchange(chip: Chip, model: Model, job: Job) -> dict[str, Quantity]:
    """The all-reduce that ends each part of a layer, where GPUs share it."""
    if job.link is None:
        return {}
    size = activation_bytes(
        rows=rows(batch=job.batch, tokens=job.tokens), columns=model.hidden, passes=ONE, element=width("bf16")
    )
    return {"all_reduce": all_reduce(size, job.devices, job.link, chip.gpu, chip.family, chip.runtime).time}


def kernel_parts(chip: Chip, model: Model, size: ModelSize, job: Job) -> Parts:
    """A layer as its kernels, one after the other."""
    passed = rows(batch=job.batch, tokens=job.tokens)
    shared = exchange(chip, model, job)
    norm = {"norms": elementwise(chip, passed, model.hidden, THREE)}
    projections = _latent if model.mla is not None else _grouped
    ffn = _ffn(chip, model, model.ffn, passed, job, size.formats.ffn) | norm | shared
    experts = {}
    if model.experts is not None:
        experts = _experts(chip, model, model.experts, size, passed, job) | norm | shared
    return Parts(
        attention=projections(chip, model, size, passed, job) | norm | shared,
        ffn=ffn,
        experts=experts,
        ends=_ends(chip, model, size, passed, job),
    )


def _ends(chip: Chip, model: Model, size: ModelSize, passed: Quantity, job: Job) -> dict[str, Quantity]:
    embedding = elementwise(chip, passed, model.hidden, TWO)
    if model.family == "encoder":
        head = gemm(chip, job.batch, model.hidden, model.hidden, ONE, size.formats.head)
    else:
        columns = sharded(columns=model.vocabulary, devices=job.devices)
        head = gemm(chip, job.batch, columns, model.hidden, ONE, size.formats.head)
    return {"embedding": embedding, "head": head}


def _quantised(chip: Chip) -> bool:
    """Compiled engines keep activations quantised between kernels."""
    return chip.runtime.fused_attention is not None


def _grouped(chip: Chip, model: Model, size: ModelSize, passed: Quantity, job: Job) -> dict[str, Quantity]:
    heads = sharded(columns=model.heads, devices=job.devices)
    kv_heads = kv_heads_held(kv_heads=model.kv_heads, devices=job.devices)
    inner = columns_of_heads(heads=heads, dims=model.head_dim)
    columns = qkv_columns(heads=heads, kv_heads=kv_heads, head_dim=model.head_dim)
    stored, quantised = size.formats.attention, _quantised(chip)
    return {
        "qkv": gemm(chip, passed, columns, model.hidden, ONE, stored, quantised),
        "attention": _attention(chip, model, size, job, heads, kv_heads),
        "out": gemm(chip, passed, model.hidden, inner, ONE, stored, quantised),
    }


def _attention(chip: Chip, model: Model, size: ModelSize, job: Job, heads: Quantity, kv_heads: Quantity) -> Quantity:
    gpu = chip.gpu
    reach = {"layers": model.layers, "full_attention_layers": size.full_attention_layers, "window": size.window}
    if job.phase == "decode":
        kernel = by_format(chip.family.attention_decode, job.kv_format)
        return decode_attention_time(
            batch=job.batch,
            context=attended_tokens(context=job.context, **reach),
            heads=heads,
            kv_heads=kv_heads,
            head_dim=model.head_dim,
            element=width(job.kv_format),
            bandwidth=gpu.memory_bandwidth,
            sms=gpu.sms,
            **vars(kernel),
        )
    if job.phase == "encode" and chip.runtime.fused_attention is not None:
        return _fused_attention(chip, model, job)
    pairs = ONE if job.phase == "encode" else attended_share(tokens=job.tokens, **reach)
    return _whole_attention(chip, job, heads, kv_heads, model.head_dim, pairs)


def _fused_attention(chip: Chip, model: Model, job: Job) -> Quantity:
    fused = chip.runtime.fused_attention
    assert fused is not None
    name = compute_format(chip, "bf16")
    launch = by_format(chip.family.gemm, name).launch
    return fused_attention_time(
        batch=job.batch,
        tokens=job.tokens,
        heads=model.heads,
        head_dim=model.head_dim,
        element=width("bf16"),
        peak=chip.gpu.peak[name],
        bandwidth=chip.gpu.memory_bandwidth,
        sms=chip.gpu.sms,
        launch=kernel_launch(launch=launch, saving=chip.runtime.launch_saving),
        **vars(fused),
    )


def _whole_attention(
    chip: Chip, job: Job, heads: Quantity, kv_heads: Quantity, head_dim: Quantity, pairs: Quantity
) -> Quantity:
    name = job.kv_format if job.kv_format in chip.gpu.peak else compute_format(chip, "bf16")
    if name not in chip.family.attention_prefill and SIXTEEN_BIT.get(name) not in chip.family.attention_prefill:
        name = compute_format(chip, "bf16")
    kernel = by_format(chip.family.attention_prefill, name)
    return prefill_attention_time(
        batch=job.batch,
        tokens=job.tokens,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        causal=ZERO if job.phase == "encode" else ONE,
        pairs=pairs,
        element=width("bf16"),
        peak=chip.gpu.peak[name],
        bandwidth=chip.gpu.memory_bandwidth,
        sms=chip.gpu.sms,
        **{key: value for key, value in vars(kernel).items() if key != "launch"},
        launch=kernel_launch(launch=kernel.launch, saving=chip.runtime.launch_saving),
    )


def _latent(chip: Chip, model: Model, size: ModelSize, passed: Quantity, job: Job) -> dict[str, Quantity]:
    mla = model.mla
    assert mla is not None
    heads = sharded(columns=model.heads, devices=job.devices)
    key = sum_of_dims(first=mla.qk_nope_head_dim, second=mla.qk_rope_head_dim)
    inner = columns_of_heads(heads=heads, dims=mla.v_head_dim)
    down = latent_down_columns(
        q_lora_rank=mla.q_lora_rank, kv_lora_rank=mla.kv_lora_rank, qk_rope_head_dim=mla.qk_rope_head_dim
    )
    depth = query_depth(q_lora_rank=mla.q_lora_rank, hidden=model.hidden)
    stored = size.formats.attention
    kernels = {
        "latent_down": gemm(chip, passed, down, model.hidden, ONE, stored),
        "latent_norm": elementwise(chip, passed, down, TWO),
        "query_up": gemm(chip, passed, columns_of_heads(heads=heads, dims=key), depth, ONE, stored),
    }
    if job.phase == "decode":  # absorbed: the up-projections of keys and values act on queries and results
        kernels["absorb"] = total(
            keys=gemm(chip, passed, mla.kv_lora_rank, mla.qk_nope_head_dim, heads, "bf16"),
            values=gemm(chip, passed, mla.v_head_dim, mla.kv_lora_rank, heads, "bf16"),
        )
        kernels["attention"] = _latent_attention(chip, model, size, job, heads)
    else:
        both = sum_of_dims(first=mla.qk_nope_head_dim, second=mla.v_head_dim)
        kernels["latent_up"] = gemm(
            chip, passed, columns_of_heads(heads=heads, dims=both), mla.kv_lora_rank, ONE, stored
        )
        dim = mean_dim(keys=key, values=mla.v_head_dim)
        kernels["attention"] = _whole_attention(chip, job, heads, heads, dim, ONE)
    return kernels | {"out": gemm(chip, passed, model.hidden, inner, ONE, stored)}


def _latent_attention(chip: Chip, model: Model, size: ModelSize, job: Job, heads: Quantity) -> Quantity:
    mla = model.mla
    assert mla is not None
    kernel = by_format(chip.family.attention_decode, job.kv_format)
    name = compute_format(chip, "bf16")
    return latent_decode_attention_time(
        batch=job.batch,
        context=job.context,
        heads=heads,
        kv_lora_rank=mla.kv_lora_rank,
        qk_rope_head_dim=mla.qk_rope_head_dim,
        element=width(job.kv_format),
        peak=chip.gpu.peak[name],
        bandwidth=chip.gpu.memory_bandwidth,
        launch=kernel.launch,
        memory_share=kernel.memory_share,
        compute_share=by_format(chip.family.attention_prefill, name).compute_share,
    )


def _ffn(chip: Chip, model: Model, inner: Quantity, passed: Quantity, job: Job, stored: str) -> dict[str, Quantity]:
    held = sharded(columns=inner, devices=job.devices)
    up = up_columns(ffn=inner, matrices=model.ffn_matrices, devices=job.devices)
    quantised = _quantised(chip)
    kernels = {"ffn_up": gemm(chip, passed, up, model.hidden, ONE, stored, quantised)}
    if model.family == "decoder":  # encoders fuse it into the product
        kernels["activation"] = elementwise(chip, passed, held, THREE)
    return kernels | {"ffn_down": gemm(chip, passed, model.hidden, held, ONE, stored, quantised)}


def _experts(
    chip: Chip, model: Model, experts: Experts, size: ModelSize, passed: Quantity, job: Job
) -> dict[str, Quantity]:
    hit = experts_hit(experts=experts.experts, active=experts.active, rows=passed)
    per_expert = rows_per_expert(rows=passed, active=experts.active, hit=hit)
    slices = ONE if job.expert_parallel else job.devices
    groups = busiest_experts(hit=hit, experts=experts.experts, devices=job.devices) if job.expert_parallel else hit
    up = up_columns(ffn=experts.ffn, matrices=model.ffn_matrices, devices=slices)
    held = sharded(columns=experts.ffn, devices=slices)
    stored = size.formats.experts
    shared_ffn = (
        times(parameters=experts.ffn, copies=experts.shared) if experts.shared_ffn is None else experts.shared_ffn
    )
    together = total(**_ffn(chip, model, shared_ffn, passed, job, size.formats.ffn))
    return {
        "router": total(
            scores=gemm(chip, passed, experts.experts, model.hidden, ONE, "bf16"),
            choice=elementwise(chip, passed, experts.experts, TWO),
        ),
        "experts_up": gemm(chip, per_expert, up, model.hidden, groups, stored),
        "activation": elementwise(chip, times(parameters=passed, copies=experts.active), held, THREE),
        "experts_down": gemm(chip, per_expert, model.hidden, held, groups, stored),
        "shared_experts": present(time=together, amount=shared_ffn),
    }


def megakernel_parts(chip: Chip, bound: Megakernel, model: Model, size: ModelSize, job: Job, done: Work) -> Parts:
    """A layer inside one persistent kernel: rooflines, grid synchronisations and exchanges."""
    syncs = bound.encoder_syncs if job.phase == "encode" else bound.decoder_syncs
    half = repeated(time=bound.grid_sync, copies=mean_dim(keys=syncs, values=ZERO))
    shared = exchange(chip, model, job)

    def stage(name: str, flops: Quantity, size: Quantity, stored: str) -> dict[str, Quantity]:
        time = roofline_time(
            flops=flops_per_device(flops=flops, devices=job.devices),
            size=bytes_per_device(size=size, devices=job.devices),
            peak=chip.gpu.peak[compute_format(chip, stored)],
            bandwidth=chip.gpu.memory_bandwidth,
            compute_share=bound.compute_share,
            memory_share=bound.memory_share,
        )
        return {name: time}

    stored = size.formats
    attention_flops = total(projections=done.projection_flops, scores=done.score_flops)
    attention_bytes = total(weights=size.attention_weights, kv=done.kv_bytes)
    rest = {"grid_sync": half} | shared
    experts = {}
    if model.experts is not None:
        flops = total(routed=done.expert_flops, shared=done.shared_flops)
        moved = total(routed=done.expert_bytes, shared=size.shared_weights)
        experts = stage("experts", flops, moved, stored.experts) | rest
    return Parts(
        attention=stage("attention", attention_flops, attention_bytes, stored.attention) | rest,
        ffn=stage("ffn", done.ffn_flops, size.ffn_weights, stored.ffn) | rest,
        experts=experts,
        ends=stage("head", done.head_flops, size.head_weights, stored.head),
    )
