"""Time on deterministic SRAM chips: cycles, forward passes, generated tokens, and what fits."""
