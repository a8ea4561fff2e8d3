"""Bytes of the weights as a checkpoint holds them: parts in several formats, a stated size, or one in doubt.

Published 8-bit and 4-bit checkpoints keep some of their layers' weights in 16 bit, and do not agree on how many: none
in most, all of the attention and the first and last feed-forward layers in others.
"""

from rackcalc.formulas.combine import total
from rackcalc.formulas.transformer.weights import Formats, formats, stated_share, weight_bytes, width
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, Count, Ratio
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.models import Model

# Llama 3.1 405B FP8 keeps its attention and two feed-forward layers in bf16: 77 of 402 G weights of its layers. With
# scales and padding its engine holds 496 GB, as if it were 0.21. Most checkpoints keep none.
KEPT_IN_16_BIT = Quantity(
    0.0,
    "1",
    "share of the weights of dense layers that the checkpoint keeps in 16 bit",
    source=Source("assumed", note="0 in most published checkpoints, 0.21 in Llama 3.1 405B FP8"),
    low=0.0,
    high=0.25,
)
# With experts, what is not an expert is a small part of the weights; in some checkpoints all of it stays in 16 bit.
KEPT_BESIDE_EXPERTS = Quantity(
    0.0,
    "1",
    "share of the weights beside the routed experts that the checkpoint keeps in 16 bit",
    source=Source("assumed", note="from none to all in published checkpoints"),
    low=0.0,
    high=1.0,
)
# The same where it is computed in 16 bit: of 4-bit models with experts, as most publish them.
ALL_BESIDE_EXPERTS = Quantity(
    1.0,
    "1",
    "share of the weights beside the routed experts that the checkpoint keeps in 16 bit",
    source=Source("assumed", note="all in most published 4-bit checkpoints, none in some of AWQ and GPTQ"),
    low=0.0,
    high=1.0,
)


@formula(cite="definition: a share of the weights in 16 bit, the rest in the format")
def mixed_bytes(parameters: Count, width: Bytes, kept: Ratio, wide: Bytes) -> Bytes:
    """Memory of weights of which a share `kept` stays `wide`.

    >>> mixed_bytes(parameters=100.0, width=1.0, kept=0.25, wide=2.0)
    125.0
    """
    return parameters * (width + kept * (wide - width))


@formula(cite="definition: in proportion to the stated size of the checkpoint, embedding and head as computed")
def scaled_to_checkpoint(size: Bytes, layers: Bytes, ends: Bytes, checkpoint: Bytes) -> Bytes:
    """Bytes of a part of the layers in a checkpoint of a stated size. layers, ends: as computed from the formats.

    >>> scaled_to_checkpoint(size=10.0, layers=100.0, ends=20.0, checkpoint=140.0)
    12.0
    """
    return size * (checkpoint - ends) / layers


@record
class Stored:
    """Weights of the parts: parameters [1], or their bytes [B]. head: as stored in a whole, as read in one layer."""

    attention: Quantity
    ffn: Quantity
    shared: Quantity
    experts: Quantity
    embedding: Quantity
    head: Quantity


@record
class Held:
    """Bytes of the parts: of the whole model, and of one layer, expert or end."""

    whole: Stored
    one: Stored


def in_doubt(model: Model, weight_format: str) -> bool:
    """Whether nobody has stated how much of a checkpoint in weight_format stays in 16 bit."""
    parts = formats(model, weight_format)
    if model.family != "decoder" or min(FORMATS[weight_format], FORMATS[parts.attention], FORMATS[parts.ffn]) >= 2:
        return False
    if model.experts is not None and model.experts.format == weight_format:
        return False  # the checkpoint is known: its experts alone are in the format
    stated = any(value is not None for value in (model.weights, model.formats, model.kept_16_bit))
    return not stated and model.format != weight_format


def stored_weights(
    model: Model, stored: Formats, weight_format: str, checkpoint: bool, whole: Stored, one: Stored
) -> Held:
    """Bytes of the parts of a model in its formats. whole, one: their parameters. checkpoint: a published file."""
    kept: dict[str, Quantity | None] = {}
    if checkpoint and model.kept_16_bit is not None:
        kept = {part: stated_share(model, weight_format, part) for part in ("attention", "ffn", "experts")}
    elif checkpoint and in_doubt(model, weight_format):
        for part in ("attention", "ffn"):
            beside = ALL_BESIDE_EXPERTS if FORMATS[getattr(stored, part)] >= 2 else KEPT_BESIDE_EXPERTS
            kept[part] = KEPT_IN_16_BIT if model.experts is None else beside

    def each(format_: str) -> Quantity:
        if model.bytes_per_weight is not None and format_ == model.format == weight_format:
            return model.bytes_per_weight
        return width(format_)

    def bytes_of(parameters: Quantity, format_: str, part: str) -> Quantity:
        stated = model.formats is not None and getattr(model.formats, part) is not None
        narrow = format_ if stated or FORMATS[format_] < 2 else weight_format
        share = kept.get(part)
        if share is not None and FORMATS[narrow] < 2:
            return mixed_bytes(parameters=parameters, width=each(narrow), kept=share, wide=width("bf16"))
        return weight_bytes(parameters=parameters, width=each(format_))

    def sizes(parts: Stored) -> Stored:
        return Stored(
            attention=bytes_of(parts.attention, stored.attention, "attention"),
            ffn=bytes_of(parts.ffn, stored.ffn, "ffn"),
            shared=bytes_of(parts.shared, stored.ffn, "ffn"),
            experts=bytes_of(parts.experts, stored.experts, "experts"),
            embedding=weight_bytes(parameters=parts.embedding, width=width(stored.head)),
            head=weight_bytes(parameters=parts.head, width=width(stored.head)),
        )

    held = Held(sizes(whole), sizes(one))
    size = model.weights
    if size is None or not checkpoint:
        return held
    in_layers = ("attention", "ffn", "shared", "experts")
    layers = total(**{name: getattr(held.whole, name) for name in in_layers})
    ends = total(embedding=held.whole.embedding, head=held.whole.head)

    def scaled(parts: Stored) -> Stored:
        changed = {
            name: scaled_to_checkpoint(size=getattr(parts, name), layers=layers, ends=ends, checkpoint=size)
            for name in in_layers
        }
        return Stored(**(vars(parts) | changed))

    return Held(scaled(held.whole), scaled(held.one))
