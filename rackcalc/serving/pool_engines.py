"""The engines of a pool that prefills and of a pool that decodes, which may differ in width."""

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.spec.rack import EngineSize, Rack


def of_pool(rack: Rack, size: EngineSize | None) -> Rack:
    """The rack with the engines of one pool: what serving.prefill or serving.decode states, else what serving does."""
    if size is None:
        return rack
    stated = {name: value for name, value in vars(size).items() if value is not None}
    return replace(rack, serving=replace(rack.serving, **stated))


def that_prefill(rack: Rack) -> Rack:
    """The rack with the engines that prefill."""
    return of_pool(rack, rack.serving.prefill)


def that_decode(rack: Rack) -> Rack:
    """The rack with the engines that decode."""
    return of_pool(rack, rack.serving.decode)


def widths(rack: Rack) -> list[Quantity]:
    """The sizes whose product is the number of GPUs of one engine, as far as stated."""
    stated = rack.serving.tensor_parallel, rack.serving.data_parallel
    return [size for size in stated if size is not None]
