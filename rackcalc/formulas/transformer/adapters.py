"""Low-rank adapters (LoRA): their size, and what they cost in time."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Bytes, Count, Ratio, Seconds

LORA = "E. Hu et al., LoRA, arXiv:2106.09685: a matrix of m x n gets two of m x r and r x n beside it"


@formula(cite=LORA)
def attention_adapter(rank: Count, hidden: Count, heads: Count, kv_heads: Count, head_dim: Count) -> Count:
    """Parameters of an adapter of one layer's queries, keys, values and output.

    >>> attention_adapter(rank=16.0, hidden=4096.0, heads=32.0, kv_heads=8.0, head_dim=128.0)
    425984.0
    """
    return rank * (4 * hidden + 2 * (heads + kv_heads) * head_dim)


@formula(cite=LORA)
def ffn_adapter(rank: Count, hidden: Count, ffn: Count, matrices: Count) -> Count:
    """Parameters of an adapter of one dense feed-forward layer.

    >>> ffn_adapter(rank=16.0, hidden=4096.0, ffn=14336.0, matrices=3.0)
    884736.0
    """
    return rank * matrices * (hidden + ffn)


@formula(
    cite="S. Sheng et al., S-LoRA, arXiv:2311.03285: of the two matrices of an adapter, GPUs that share a layer divide "
    "one; vLLM keeps the other whole on each"
)
def adapters_on_gpu(adapter: Bytes, adapters: Count, devices: Count, stages: Count) -> Bytes:
    """Memory of the adapters on one GPU.

    >>> adapters_on_gpu(adapter=80e6, adapters=10.0, devices=4.0, stages=1.0)
    500000000.0
    """
    return adapter * adapters * (1 + 1 / devices) / 2 / stages


@formula(cite="definition: a factor on the time of a pass")
def adapters_time(time: Seconds, slowdown: Ratio) -> Seconds:
    """What adapters add to a pass.

    >>> round(adapters_time(time=0.02, slowdown=1.25), 9)
    0.005
    """
    return time * xp.maximum(slowdown - 1, 0.0)
