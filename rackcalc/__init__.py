"""rackcalc: how fast, how hot, how much, and why, for a rack of GPUs and LPUs."""

__version__ = "0.1.0"
