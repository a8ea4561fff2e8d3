"""The parts of benchmarks/measure_gpu.py: what to measure, how long, on what, and how it is written down."""
