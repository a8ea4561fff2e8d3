"""rackcalc: how fast, how hot, how much, and why, for a rack of GPUs and LPUs."""

from rackcalc.version import __version__

__all__ = ["__version__"]
