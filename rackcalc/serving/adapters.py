"""LoRA adapters in a serving engine on GPUs: the memory that they take, and the time that they add."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.joined_passes import stretched
from rackcalc.formulas.transformer.adapters import adapters_on_gpu, adapters_time, attention_adapter, ffn_adapter
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.formulas.transformer.parameters import times
from rackcalc.formulas.transformer.weights import weight_bytes, width
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.service_model import ONE
from rackcalc.spec.rack import Rack

SLOWDOWN = Quantity(
    1.2,
    "1",
    "time with adapters over that without",
    source=Source(
        "assumed",
        note="Punica (arXiv:2310.18547) adds 2 ms to a token; others keep 80 % of the speed; kernels differ much",
    ),
    low=1.05,
    high=1.6,
)


def adapters_in_memory(rack: Rack, deployed: GpuDeployment, size: ModelSize) -> Quantity | None:
    """Memory of the adapters on one GPU [B]; None where there are none."""
    plan, model = rack.serving.lora, rack.model
    if plan is None:
        return None
    heads = {"heads": model.heads, "kv_heads": model.kv_heads, "head_dim": model.head_dim}
    attention = attention_adapter(rank=plan.rank, hidden=model.hidden, **heads)
    ffn = ffn_adapter(rank=plan.rank, hidden=model.hidden, ffn=model.ffn, matrices=model.ffn_matrices)
    parameters = total(
        attention=times(parameters=attention, copies=model.layers), ffn=times(parameters=ffn, copies=size.dense_layers)
    )
    return adapters_on_gpu(
        adapter=weight_bytes(parameters=parameters, width=width("bf16")),
        adapters=plan.adapters,
        devices=deployed.devices,
        stages=ONE if deployed.stages is None else deployed.stages,
    )


def with_adapters(rack: Rack, passed: GpuPass) -> GpuPass:
    """A pass of a model with adapters beside it."""
    plan = rack.serving.lora
    if plan is None:
        return passed
    slowdown = SLOWDOWN if plan.slowdown is None else plan.slowdown
    return stretched(passed, "adapters", adapters_time(time=passed.time, slowdown=slowdown))
