"""An encoder whose first layers run on GPUs and whose other layers run on LPUs."""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.lpu.encoder import LpuPass
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, Count


@formula(cite="definition: bytes of the layers a pool holds")
def layers_weights(attention: Bytes, feed_forward: Bytes, layers: Count) -> Bytes:
    """Weights of so many dense layers.

    >>> layers_weights(attention=8.4e6, feed_forward=16.8e6, layers=24.0)
    604800000.0
    """
    return (attention + feed_forward) * layers


@formula(cite="definition: the layers that are not elsewhere")
def remaining_layers(layers: Count, elsewhere: Count) -> Count:
    """Layers left for the other pool.

    >>> remaining_layers(layers=24.0, elsewhere=4.0)
    20.0
    """
    return layers - elsewhere


@record
class EncoderPipeline:
    """Times in seconds. terms: gpu, forth, lpu, back. bottleneck: between two results of the full pipeline."""

    time: Quantity
    bottleneck: Quantity
    terms: dict[str, Quantity]


def encoder_pipeline(gpu: Quantity, lpu: LpuPass, forth: Quantity, back: Quantity) -> EncoderPipeline:
    """First layers on the GPU [s], other layers on a pipeline of LPUs. Hidden states go forth, a result comes back."""
    terms = {"gpu": gpu, "forth": forth, "lpu": lpu.time, "back": back}
    return EncoderPipeline(
        time=total(**terms),
        bottleneck=largest(gpu=gpu, forth=forth, lpu=lpu.bottleneck, back=back),
        terms=terms,
    )
