"""Times of the parts of one transformer layer on GPUs, and of the all-reduce that ends each part."""

from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.links.all_reduce import all_reduce
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.formulas.transformer.flops import rows
from rackcalc.formulas.transformer.forward_pass import Job
from rackcalc.formulas.transformer.memory_traffic import activation_bytes
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.models import Model


@record
class Parts:
    """Times [s] by kind of kernel for attention, dense feed-forward and experts of one layer, and for both ends."""

    attention: dict[str, Quantity]
    ffn: dict[str, Quantity]
    experts: dict[str, Quantity]
    ends: dict[str, Quantity]


def exchange(chip: Chip, model: Model, job: Job) -> dict[str, Quantity]:
    """Time of the all-reduce that ends each part of a layer, if several GPUs share the layer."""
    if job.link is None:
        return {}
    size = activation_bytes(
        rows=rows(batch=job.batch, tokens=job.tokens), columns=model.hidden, passes=ONE, element=width("bf16")
    )
    return {"all_reduce": all_reduce(size, job.devices, job.link, chip.gpu, chip.family, chip.runtime).time}
