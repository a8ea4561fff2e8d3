"""The figures that sweeps and uncertainty show when none are named."""

HEADLINES = ("latency.p99", "throughput.capacity", "throughput.at_concurrency", "power.facility", "cost.tco")
