"""One transformer layer on a GPU as a sequence of kernels."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.attention import decode_attention, latent_decode_attention_time, prefill_attention
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.compute_formats import SIXTEEN_BIT, by_format, compute_format
from rackcalc.formulas.gpu.kernels import elementwise, gemm
from rackcalc.formulas.gpu.launches import kernel_launch
from rackcalc.formulas.gpu.layer_parts import Parts, exchange
from rackcalc.formulas.gpu.matrix_shapes import (
    columns_of_heads,
    kv_heads_held,
    latent_down_columns,
    mean_dim,
    qkv_columns,
    query_depth,
    rows_per_expert,
    sharded,
    up_columns,
)
from rackcalc.formulas.gpu.power_cap import share_under_cap
from rackcalc.formulas.transformer.counts import NONE, ONE, THREE, TWO
from rackcalc.formulas.transformer.expert_routing import SPREAD_CHOICES, busiest_experts, experts_hit, independent_rows
from rackcalc.formulas.transformer.flops import rows, sum_of_dims
from rackcalc.formulas.transformer.forward_pass import Job
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.formulas.transformer.parameters import times
from rackcalc.formulas.transformer.sliding_window import attended_share, attended_tokens
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.units import Count, Seconds
from rackcalc.spec.models import Experts, Model


@formula(cite="definition: nothing to do takes no time")
def present(time: Seconds, amount: Count) -> Seconds:
    """The time, or 0 where a model has none of this part.

    >>> present(time=5.0, amount=0.0)
    0.0
    """
    return xp.where(amount > 0, time, 0 * time)


@formula(cite="NVIDIA TensorRT-LLM: shared experts run on a second stream beside the routed ones")
def exposed(time: Seconds, behind: Seconds) -> Seconds:
    """What is left of a time that runs beside another.

    >>> exposed(time=30.0, behind=20.0)
    10.0
    """
    return xp.maximum(time - behind, 0 * time)


def kernel_parts(chip: Chip, model: Model, size: ModelSize, job: Job) -> Parts:
    """Times of a layer whose kernels run one after the other."""
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
    """Whether activations stay quantised between kernels, as in compiled engines."""
    return chip.runtime.compiled is not None


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
    reach = {"layers": model.layers, "full_attention_layers": size.full_attention_layers, "window": size.window}
    if job.phase == "decode":
        context = attended_tokens(context=job.context, **reach)
        return decode_attention(chip, job.kv_format, job.batch, context, heads, kv_heads, model.head_dim)
    pairs = ONE if job.phase == "encode" else attended_share(tokens=job.tokens, **reach)
    return _whole_attention(chip, job, heads, kv_heads, model.head_dim, pairs)


def _whole_attention(
    chip: Chip, job: Job, heads: Quantity, kv_heads: Quantity, head_dim: Quantity, pairs: Quantity
) -> Quantity:
    name = job.kv_format if job.kv_format in chip.gpu.peak else compute_format(chip, "bf16")
    if name not in chip.family.attention_prefill and SIXTEEN_BIT.get(name) not in chip.family.attention_prefill:
        name = compute_format(chip, "bf16")
    kernel = by_format(chip.family.attention_prefill, name)
    causal = NONE if job.phase == "encode" else ONE
    launch = kernel_launch(launch=kernel.launch, saving=chip.runtime.launch_saving)
    return prefill_attention(chip, name, job.batch, job.tokens, heads, kv_heads, head_dim, causal, pairs, launch)


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
    if job.phase == "decode":  # absorbed: up-projections of keys and values act on queries and results
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
        compute_share=share_under_cap(chip, by_format(chip.family.gemm, name), name),
    )


def _ffn(chip: Chip, model: Model, inner: Quantity, passed: Quantity, job: Job, stored: str) -> dict[str, Quantity]:
    held = sharded(columns=inner, devices=job.devices)
    up = up_columns(ffn=inner, matrices=model.ffn_matrices, devices=job.devices)
    quantised = _quantised(chip)
    kernels = {"ffn_up": gemm(chip, passed, up, model.hidden, ONE, stored, quantised)}
    if model.family == "decoder":  # encoders fuse the activation into the product
        kernels["activation"] = elementwise(chip, passed, held, THREE)
    return kernels | {"ffn_down": gemm(chip, passed, model.hidden, held, ONE, stored, quantised)}


def _experts(
    chip: Chip, model: Model, experts: Experts, size: ModelSize, passed: Quantity, job: Job
) -> dict[str, Quantity]:
    apart = independent_rows(rows=passed, spread=SPREAD_CHOICES)
    hit = experts_hit(experts=experts.experts, active=experts.active, rows=apart)
    per_expert = rows_per_expert(rows=passed, active=experts.active, hit=hit)
    slices = ONE if job.expert_parallel else job.devices
    groups = busiest_experts(hit=hit, experts=experts.experts, devices=job.devices) if job.expert_parallel else hit
    up = up_columns(ffn=experts.ffn, matrices=model.ffn_matrices, devices=slices)
    held = sharded(columns=experts.ffn, devices=slices)
    stored = size.formats.experts
    shared_ffn = (
        times(parameters=experts.ffn, copies=experts.shared) if experts.shared_ffn is None else experts.shared_ffn
    )
    shared = present(time=total(**_ffn(chip, model, shared_ffn, passed, job, size.formats.ffn)), amount=shared_ffn)
    routed = {
        "experts_up": gemm(chip, per_expert, up, model.hidden, groups, stored),
        "activation": elementwise(chip, times(parameters=passed, copies=experts.active), held, THREE),
        "experts_down": gemm(chip, per_expert, model.hidden, held, groups, stored),
    }
    router = total(
        scores=gemm(chip, passed, experts.experts, model.hidden, ONE, "bf16"),
        choice=elementwise(chip, passed, experts.experts, TWO),
    )
    if chip.runtime.launch == "graph":
        shared = exposed(time=shared, behind=total(**routed))
    return {"router": router} | routed | {"shared_experts": shared}
