"""The figures that sweeps and uncertainty show when none are named."""

HEADLINES = ("latency.p99", "throughput.capacity", "power.facility", "cost.tco")
