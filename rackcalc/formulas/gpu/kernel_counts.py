"""How many kernels the parts of a layer are in a serving engine, by which fixed times and launches are shared."""

from rackcalc.quantities.quantity import Quantity, Source


def _kernels(number: float, name: str, note: str, low: float | None = None, high: float | None = None) -> Quantity:
    return Quantity(number, "1", f"kernels of {name}", source=Source("assumed", note=note), low=low, high=high)


ATTENTION_KERNELS = _kernels(6.0, "attention", "norm, projections in, rotation, cache, attention, projection out")
OPERATIONS = Quantity(
    1.5,
    "1",
    "launches where nothing is compiled over those of an eager prefill",
    source=Source(
        "assumed",
        note="26 operations of an eager layer, 17 to 30 us each, against 10 kernels at eager_launch, which holds what "
        "surrounds each of them in a prefill",
    ),
    low=1.2,
    high=2.2,
)
EXPERT_LAUNCHES = _kernels(12.0, "a layer of experts", "norm, router, choice, sorts, quantizing, products, sum")
DENSE_KERNELS = _kernels(4.0, "a feed-forward layer", "norm, two products, activation")
LAYER_KERNELS = _kernels(10.0, "a dense layer", "6 of attention and 4 of the feed-forward part")
INDEX_KERNELS = _kernels(
    8.0,
    "an indexer",
    "projections of queries, and of key and weights; norm, rotation and quantizing of both; scores, choice, places",
    low=5.0,
    high=12.0,
)
# Of layers without attention: kernels of a decode step, and of a prefill, whose scan is in chunks
RECURRENT_KERNELS = {
    "delta-rule": (
        _kernels(8.0, "a step of a delta rule", "norm, two projections, convolution, gates, state, gated norm, out"),
        _kernels(16.0, "a scan of a delta rule", "those of a step, norms of queries and keys, 6 of a chunked scan"),
    ),
    "mamba2": (
        _kernels(6.0, "a step of Mamba-2", "norm, projection, convolution, state, gated norm, projection out"),
        _kernels(10.0, "a scan of Mamba-2", "those of a step, 5 of a chunked scan in place of one"),
    ),
}
COMPRESSED_KERNELS = _kernels(
    14.0, "compressed attention", "queries in two steps, keys, compressor, two projections out"
)
MIXERS = RECURRENT_KERNELS | {
    "attention": (ATTENTION_KERNELS, ATTENTION_KERNELS),
    "latent-attention": (ATTENTION_KERNELS, ATTENTION_KERNELS),  # its further fixed time and launches are fitted
    "compressed-attention": (COMPRESSED_KERNELS, COMPRESSED_KERNELS),
}
