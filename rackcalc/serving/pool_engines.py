"""The engines of a pool that prefills and of a pool that decodes, which may differ in width."""

from math import prod

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import fields, replace
from rackcalc.spec.rack import EngineSize, Rack


def of_pool(rack: Rack, size: EngineSize | None) -> Rack:
    """The rack with the engines of one pool: what serving.prefill or serving.decode states, else what serving does."""
    if size is None:
        return rack
    sizes = {each.name: getattr(size, each.name) for each in fields(size)}
    stated = {name: value for name, value in sizes.items() if value is not None}
    return replace(rack, serving=replace(rack.serving, **stated))


def that_prefill(rack: Rack) -> Rack:
    """The rack with the engines that prefill."""
    return of_pool(rack, rack.serving.prefill)


def that_decode(rack: Rack) -> Rack:
    """The rack with the engines that decode. Only prompts are divided over ranks."""
    then = of_pool(rack, rack.serving.decode)
    if then.serving.context_parallel is None:
        return then
    return replace(then, serving=replace(then.serving, context_parallel=None))


def engines_of(rack: Rack) -> list[Rack]:
    """The rack with each kind of engine that it has: two where those that prefill and those that decode differ."""
    serving = rack.serving
    if serving.prefill is None and serving.decode is None and serving.context_parallel is None:
        return [rack]
    return [that_prefill(rack), that_decode(rack)]


def gpus_of_engine(rack: Rack) -> float | None:
    """GPUs that share a copy of the model; None where the file does not say."""
    return None if rack.serving.tensor_parallel is None else prod(float(size.value) for size in widths(rack))


def widths(rack: Rack) -> list[Quantity]:
    """The sizes whose product is the number of GPUs of one engine, as far as stated."""
    stated = rack.serving.tensor_parallel, rack.serving.data_parallel, rack.serving.context_parallel
    return [size for size in stated if size is not None]
