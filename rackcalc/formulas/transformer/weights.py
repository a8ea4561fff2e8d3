"""Memory of the weights, and the number formats in which a model stores them."""

from functools import cache

from rackcalc.quantities.kept_results import once
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, Count
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.models import Model


@formula(cite="definition: bytes of an array")
def weight_bytes(parameters: Count, width: Bytes) -> Bytes:
    """Memory that weights take. width: bytes per weight, block scales included.

    >>> weight_bytes(parameters=302309376.0, width=2.0)
    604618752.0
    """
    return parameters * width


@cache
def width(format_: str) -> Quantity:
    """Bytes of one element of a number format, block scales included."""
    return constant(
        FORMATS[format_], "B", f"bytes per {format_} element", "published", note="OCP MX and NVFP4 scales included"
    )


@record
class Formats:
    """Number formats of the parts of a model. In published 4-bit models, only experts go below 8 bits."""

    attention: str
    ffn: str
    experts: str
    head: str


def stated_share(model: Model, weight_format: str, part: str) -> Quantity | None:
    """Share of a part that stays in 16 bit in a checkpoint of weight_format, or None where none is stated.

    What the file of a model in 8 or 4 bit states is of that format alone.
    """
    if model.kept_16_bit is None:  # first: a format that is not read has no effect, and a note says so
        return None
    if model.format not in (None, weight_format) and FORMATS[model.format] < 2:
        return None
    return getattr(model.kept_16_bit, part)


@once
def formats(model: Model, weight_format: str) -> Formats:
    """Formats of a model that is served in weight_format. Embedding and head keep at least 16 bits.

    What stays in 16 bit is what the model's file or the rack says. Of 4-bit models with experts of which neither says
    it, all but the experts is taken to stay in 16 bit. A part of which most stays in 16 bit is computed in it.
    """
    small = FORMATS[weight_format] < 1
    sparse = model.experts is not None
    listed = model.quantization is not None and model.format == weight_format
    assumed = sparse and small and not listed and model.kept_16_bit is None
    shipped = (model.experts and model.experts.format) or weight_format

    def of(part: str, wide: bool) -> str:
        share = stated_share(model, weight_format, part)
        most = share is not None and float(share.value) > 0.5 and FORMATS[weight_format] < 2
        return "bf16" if most or (wide and assumed) else weight_format

    found = Formats(
        attention=of("attention", True),
        ffn=of("ffn", weight_format in ("mxfp4", "int4")),
        experts=min(shipped, weight_format, key=lambda name: FORMATS[name]),
        head=weight_format if FORMATS[weight_format] >= 2 else "bf16",
    )
    if model.formats is None:
        return found
    there = [name for name in vars(found) if sparse or name != "experts"]  # a word that is read counts as used
    parts = {name: getattr(model.formats, name) if name in there else None for name in vars(found)}
    return Formats(**{name: getattr(found, name) if part is None else part for name, part in parts.items()})
