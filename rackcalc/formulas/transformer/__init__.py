"""What a transformer is made of, whatever the hardware: parameters, weights, KV cache, arithmetic, memory traffic."""
