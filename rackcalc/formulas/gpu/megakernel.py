"""A layer inside a persistent megakernel: a lower bound of its time."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.compute_formats import compute_format
from rackcalc.formulas.gpu.kernels import repeated
from rackcalc.formulas.gpu.layer_parts import Parts, exchange
from rackcalc.formulas.gpu.matrix_shapes import mean_dim
from rackcalc.formulas.gpu.roofline import roofline_time
from rackcalc.formulas.transformer.counts import NONE
from rackcalc.formulas.transformer.flops import flops_per_device
from rackcalc.formulas.transformer.forward_pass import Job, Work
from rackcalc.formulas.transformer.memory_traffic import bytes_per_device
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.quantities.quantity import Quantity
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Megakernel


def megakernel_parts(chip: Chip, bound: Megakernel, model: Model, size: ModelSize, job: Job, done: Work) -> Parts:
    """Times of a layer inside one persistent kernel: rooflines, grid synchronisations and exchanges."""
    syncs = bound.encoder_syncs if job.phase == "encode" else bound.decoder_syncs
    half = repeated(time=bound.grid_sync, copies=mean_dim(keys=syncs, values=NONE))
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
