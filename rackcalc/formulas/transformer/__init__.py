"""Size and work of transformers on any hardware: parameters, weights, KV cache, arithmetic, memory traffic."""
