"""Time on deterministic SRAM chips: cycles, pipelines, encoder passes, decode steps; and the memory of these chips."""
