"""What an AI model is: a transformer by its published constants."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import Text, listing, number, section, table, text
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
class Indexer:
    """What chooses the tokens that latent attention reads (DeepSeek sparse attention)."""

    heads: Quantity = number("1", "heads of the indexer", above=0, whole=True)
    dim: Quantity = number("1", "dimensions of its key, one per token", above=0, whole=True)
    selected: Quantity = number("1", "tokens that a query attends to at most", above=0, whole=True)
    layers: Quantity = number("1", "layers with an indexer; the others use its choice", above=0, whole=True)


@record
class Experts:
    """Mixture of experts."""

    experts: Quantity = number("1", "routed experts per layer", above=0, whole=True)
    active: Quantity = number("1", "experts chosen per token", above=0, whole=True)
    shared: Quantity = number("1", "experts every token uses", at_least=0, default="0")
    ffn: Quantity = number("1", "inner width of one expert", above=0, whole=True)
    shared_ffn: Quantity | None = number("1", "inner width of all shared experts together", at_least=0, default=None)
    layers: Quantity = number("1", "layers that have experts; the others are dense", at_least=0, whole=True)
    latent: Quantity | None = number(
        "1", "width that routed experts see, where tokens are projected to a smaller one", above=0, default=None
    )
    format: str | None = text("format experts ship in, when it differs", default=None, choices=tuple(FORMATS))


@record
class Compression:
    """Attention to a sliding window and to a compressed past (DeepSeek-V4)."""

    ratio: Quantity = number("1", "tokens that leave one compressed entry (0: a window only)", at_least=0)
    selected: Quantity = number("1", "entries chosen per query by an indexer (0: all)", at_least=0, default="0")
    index_heads: Quantity = number("1", "heads of the indexer", at_least=0, default="0")
    index_dim: Quantity = number("1", "dimensions of a key of the indexer", at_least=0, default="0")
    query_rank: Quantity = number("1", "rank of the query compression", above=0)
    output_groups: Quantity = number("1", "groups of heads that are projected apart", above=0)
    output_rank: Quantity = number("1", "columns to which each group is projected", above=0)


@record
class LayerGroup:
    """Layers that mix tokens in the same way, in a model whose layers differ.

    A gated delta rule (Gated DeltaNet, Kimi Delta Attention) and Mamba-2 keep a state of fixed size in place of a KV
    cache: a matrix of head_dim x value_dim for each head.
    """

    kind: str = text(
        "attention, latent-attention (sizes in model.mla), compressed-attention, delta-rule or mamba2",
        choices=("attention", "latent-attention", "compressed-attention", "delta-rule", "mamba2"),
    )
    layers: Quantity = number("1", "layers of this kind", above=0, whole=True)
    heads: Quantity = number("1", "query heads; heads with a state", above=0, whole=True)
    kv_heads: Quantity = number("1", "key/value heads; key heads or groups of a recurrence", above=0, whole=True)
    head_dim: Quantity = number("1", "dimensions of a query and key; rows of a state", above=0, whole=True)
    value_dim: Quantity = number("1", "dimensions of a value; columns of a state", above=0, whole=True)
    value_projection: Quantity = number(
        "1",
        "1 when values have weights of their own, 0 when they are made of the keys",
        at_least=0,
        at_most=1,
        default="1",
    )
    output_gate: Quantity = number(
        "1", "1 when attention has an output gate as wide as its values", at_least=0, at_most=1, default="0"
    )
    window: Quantity | None = number("token", "sliding window, where there is one", above=0, default=None)
    convolution: Quantity = number("1", "taps of the convolution before a recurrence", at_least=0, default="4")
    decay_rank: Quantity = number(
        "1", "rank of the decay per channel of a recurrence (0: none)", at_least=0, default="0"
    )
    compression: Compression | None = section(Compression, "sizes of compressed-attention", optional=True)
    gate_rank: Quantity = number("1", "rank of the output gate of a recurrence (0: full)", at_least=0, default="0")


@record
class PartFormats:
    """Formats of the parts of a checkpoint that is not all in one format. What is left out follows from the whole."""

    attention: str | None = text("format of the attention", default=None, choices=tuple(FORMATS))
    ffn: str | None = text(
        "format of dense feed-forward layers and shared experts", default=None, choices=tuple(FORMATS)
    )
    experts: str | None = text("format of the routed experts", default=None, choices=tuple(FORMATS))
    head: str | None = text("format of embedding and output matrix", default=None, choices=tuple(FORMATS))


@record
class Kept:
    """Shares of the weights of a checkpoint's parts that stay in 16 bit. What is left out stays in none."""

    attention: Quantity | None = number("1", "share of the attention", at_least=0, at_most=1, default=None)
    ffn: Quantity | None = number(
        "1", "share of dense feed-forward layers and shared experts", at_least=0, at_most=1, default=None
    )
    experts: Quantity | None = number("1", "share of the routed experts", at_least=0, at_most=1, default=None)


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
    indexer: Indexer | None = section(Indexer, "choice of the tokens that latent attention reads", optional=True)
    groups: Mapping[str, LayerGroup] = table(LayerGroup, "groups of layers by name, where layers differ; else none")
    ffn_layers: Quantity | None = number(
        "1",
        "dense feed-forward layers, where their number is not that of the other layers",
        at_least=0,
        whole=True,
        default=None,
    )
    learned_positions: Quantity | None = number(
        "1",
        "1 when every position has a learned vector (default: with two matrices)",
        at_least=0,
        at_most=1,
        default=None,
    )
    format: str | None = text("format its weights are published in", default=None, choices=tuple(FORMATS))
    formats: PartFormats | None = section(PartFormats, "formats of its parts, where they differ", optional=True)
    kept_16_bit: Kept | None = section(Kept, "shares of its parts that stay in 16 bit", optional=True)
    bytes_per_weight: Quantity | None = number(
        "B",
        "bytes of a weight in its published format, scales included (default: those of the format)",
        above=0,
        default=None,
    )
    weights: Quantity | None = number(
        "B", "size of the checkpoint as it is served, where it is known", above=0, default=None, example="487 GB"
    )
    quantization: str | None = text("how its file says that the weights are quantized", default=None)
    notes: tuple[str, ...] = listing(Text("a sentence"), "what a reader must know of how its file was read")
    published_parameters: Quantity | None = number("1", "parameter count its makers state, for checking", default=None)
