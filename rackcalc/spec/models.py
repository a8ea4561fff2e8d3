"""What an AI model is: a transformer by its published constants."""

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import number, section, text
from rackcalc.spec.formats import FORMATS


@record
class MLA:
    """Multi-head latent attention (DeepSeek): dimensions of the compressed cache."""

    q_lora_rank: Quantity = number("1", "rank of the query compression (0: none)", at_least=0)
    kv_lora_rank: Quantity = number("1", "rank of the cached latent", above=0)
    qk_nope_head_dim: Quantity = number("1", "query/key dimensions without rotation", above=0)
    qk_rope_head_dim: Quantity = number("1", "rotated query/key dimensions, cached once", at_least=0)
    v_head_dim: Quantity = number("1", "value dimensions per head", above=0)


@record
class Experts:
    """Mixture of experts."""

    experts: Quantity = number("1", "routed experts per layer", above=0, whole=True)
    active: Quantity = number("1", "experts chosen per token", above=0, whole=True)
    shared: Quantity = number("1", "experts every token uses", at_least=0, default="0")
    ffn: Quantity = number("1", "inner width of one expert", above=0, whole=True)
    shared_ffn: Quantity | None = number("1", "inner width of all shared experts together", at_least=0, default=None)
    layers: Quantity = number("1", "layers that have experts; the others are dense", at_least=0, whole=True)
    format: str | None = text("format experts ship in, when it differs", default=None, choices=tuple(FORMATS))


@record
class Model:
    """An AI model: a transformer encoder or decoder, by its published constants."""

    name: str = text("full name")
    family: str = text("encoder (BERT) or decoder", choices=("encoder", "decoder"))
    layers: Quantity = number("1", "transformer layers", above=0, whole=True)
    hidden: Quantity = number("1", "width of the residual stream", above=0, whole=True)
    heads: Quantity = number("1", "query heads", above=0, whole=True)
    kv_heads: Quantity = number("1", "key/value heads", above=0, whole=True)
    head_dim: Quantity = number("1", "dimensions per head", above=0, whole=True)
    ffn: Quantity = number("1", "inner width of a dense feed-forward layer (0: no dense layer)", at_least=0, whole=True)
    ffn_matrices: Quantity = number("1", "matrices of a feed-forward layer: 2 plain, 3 gated", above=0, whole=True)
    vocabulary: Quantity = number("1", "tokens in the vocabulary", above=0, whole=True)
    max_context: Quantity = number("token", "longest sequence", above=0, example="131072 token")
    tied_embeddings: Quantity = number(
        "1", "1 when input and output embeddings are one matrix", at_least=0, at_most=1, default="0"
    )
    full_attention_layers: Quantity | None = number(
        "1", "layers that attend to everything, where others do not", at_least=0, whole=True, default=None
    )
    sliding_window: Quantity | None = number(
        "token", "window of the other layers (0 token: no KV cache, linear attention)", at_least=0, default=None
    )
    experts: Experts | None = section(Experts, "mixture of experts", optional=True)
    mla: MLA | None = section(MLA, "multi-head latent attention", optional=True)
    published_parameters: Quantity | None = number("1", "parameter count its makers state, for checking", default=None)
