"""Parameter counts of the parts of a transformer."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Tokens

VASWANI = "A. Vaswani et al., Attention Is All You Need, arXiv:1706.03762, sections 3.2-3.4"
DEEPSEEK = "DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1 (multi-head latent attention)"
BERT = "J. Devlin et al., BERT, arXiv:1810.04805, section 3"


@formula(cite="J. Ainslie et al., GQA, arXiv:2305.13245; " + VASWANI)
def attention_parameters(hidden: Count, heads: Count, kv_heads: Count, head_dim: Count) -> Count:
    """Weights of one attention layer: query, key, value and output projections.

    >>> attention_parameters(hidden=8192.0, heads=64.0, kv_heads=8.0, head_dim=128.0)
    150994944.0
    """
    return hidden * (heads + 2 * kv_heads) * head_dim + heads * head_dim * hidden


@formula(
    cite="J. Ainslie et al., GQA, arXiv:2305.13245; counted from the Qwen3-Next, Gemma 4 and MiMo-V2 implementations"
)
def sized_attention_parameters(
    hidden: Count,
    heads: Count,
    kv_heads: Count,
    key_dim: Count,
    value_dim: Count,
    value_projection: Ratio,
    output_gate: Ratio,
) -> Count:
    """Weights of one attention layer whose keys and values differ in size, which has an output gate, or in which
    values are made of the keys (value_projection 0).

    >>> sized_attention_parameters(hidden=2048.0, heads=16.0, kv_heads=2.0, key_dim=256.0, value_dim=256.0,
    ...                            value_projection=1.0, output_gate=1.0)
    27262976.0
    """
    query = heads * (key_dim + output_gate * value_dim)
    keys_values = kv_heads * (key_dim + value_projection * value_dim)
    return hidden * (query + keys_values) + heads * value_dim * hidden


@formula(cite=DEEPSEEK)
def latent_attention_parameters(
    hidden: Count,
    heads: Count,
    q_lora_rank: Count,
    kv_lora_rank: Count,
    qk_nope_head_dim: Count,
    qk_rope_head_dim: Count,
    v_head_dim: Count,
) -> Count:
    """Weights of one latent attention layer, norms of the compressed vectors included. q_lora_rank 0: no compression.

    >>> latent_attention_parameters(hidden=7168.0, heads=128.0, q_lora_rank=1536.0, kv_lora_rank=512.0,
    ...                             qk_nope_head_dim=128.0, qk_rope_head_dim=64.0, v_head_dim=128.0)
    187107328.0
    """
    query_columns = heads * (qk_nope_head_dim + qk_rope_head_dim)
    query = xp.where(q_lora_rank > 0, q_lora_rank * (hidden + query_columns + 1), hidden * query_columns)
    keys_values = hidden * (kv_lora_rank + qk_rope_head_dim)
    keys_values = keys_values + kv_lora_rank * (heads * (qk_nope_head_dim + v_head_dim) + 1)
    return query + keys_values + heads * v_head_dim * hidden


@formula(cite="N. Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202; " + VASWANI)
def ffn_parameters(hidden: Count, ffn: Count, matrices: Count) -> Count:
    """Weights of one feed-forward layer, or of one expert. matrices: 2 plain, 3 gated.

    >>> ffn_parameters(hidden=8192.0, ffn=28672.0, matrices=3.0)
    704643072.0
    """
    return matrices * hidden * ffn


@formula(cite="counted from the BERT, GPT-2 and Llama reference implementations")
def vector_parameters(
    hidden: Count, heads: Count, kv_heads: Count, head_dim: Count, ffn: Count, matrices: Count
) -> Count:
    """Norm gains, and for plain feed-forward models (the BERT and GPT-2 generation) all biases, of one layer.

    The attention biases of some gated models (gpt-oss, Qwen2) are neglected; they are below 0.1 % of the model.

    >>> vector_parameters(hidden=1024.0, heads=16.0, kv_heads=16.0, head_dim=64.0, ffn=4096.0, matrices=2.0)
    13312.0
    """
    biases = (heads + 2 * kv_heads) * head_dim + hidden + ffn + hidden
    return xp.where(matrices < 3, biases + 4 * hidden, 2 * hidden)


@formula(cite="counted from the GPT-2 and Llama reference implementations")
def embedding_parameters(vocabulary: Count, hidden: Count, max_context: Tokens, matrices: Count) -> Count:
    """Input embeddings of a decoder; plain feed-forward models (GPT-2) also learn one vector per position.

    >>> embedding_parameters(vocabulary=128256.0, hidden=8192.0, max_context=131072.0, matrices=3.0)
    1050673152.0
    """
    positions = xp.where(matrices < 3, max_context / TOKEN, 0 * max_context / TOKEN)
    return (vocabulary + positions) * hidden


@formula(cite=BERT)
def encoder_embedding_parameters(vocabulary: Count, hidden: Count, max_context: Tokens) -> Count:
    """Word, position and two segment embeddings of BERT, and their norm.

    >>> encoder_embedding_parameters(vocabulary=30522.0, hidden=1024.0, max_context=512.0)
    31782912.0
    """
    return (vocabulary + max_context / TOKEN + 2) * hidden + 2 * hidden


@formula(cite="counted from the GPT-2 and Llama reference implementations")
def head_parameters(vocabulary: Count, hidden: Count, matrices: Count) -> Count:
    """Final norm and output matrix of a decoder, as read in every step.

    >>> head_parameters(vocabulary=128256.0, hidden=8192.0, matrices=3.0)
    1050681344.0
    """
    return vocabulary * hidden + xp.where(matrices < 3, 2 * hidden, hidden)


@formula(cite="O. Press and L. Wolf, Using the Output Embedding to Improve Language Models, arXiv:1608.05859")
def own_head(head: Count, vocabulary: Count, hidden: Count, tied_embeddings: Ratio) -> Count:
    """Head parameters stored besides the input embeddings: without the output matrix when the two are tied.

    >>> own_head(head=1050681344.0, vocabulary=128256.0, hidden=8192.0, tied_embeddings=1.0)
    8192.0
    """
    return head - tied_embeddings * vocabulary * hidden


@formula(cite=BERT)
def pooler_parameters(hidden: Count) -> Count:
    """Pooler of BERT: one square matrix and its bias.

    >>> pooler_parameters(hidden=1024.0)
    1049600.0
    """
    return hidden * hidden + hidden


@formula(cite="definition: a product")
def times(parameters: Count, copies: Count) -> Count:
    """Parameters of several equal parts.

    >>> times(parameters=12596224.0, copies=24.0)
    302309376.0
    """
    return parameters * copies


@formula(cite="definition: the layers that have no experts")
def dense_layers(layers: Count, expert_layers: Count) -> Count:
    """Layers with an ordinary feed-forward part.

    >>> dense_layers(layers=61.0, expert_layers=58.0)
    3.0
    """
    return layers - expert_layers
