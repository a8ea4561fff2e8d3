"""Limits that a serving engine starts with, which depend on the memory of the GPU."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Bytes, Count, Tokens

BY_MEMORY = "vLLM source, engine/arg_utils.py, get_batch_defaults: larger limits on GPUs of 70 GiB and more"


@formula(cite=BY_MEMORY)
def seats_by_memory(memory: Bytes, least: Bytes, large: Count, usual: Count) -> Count:
    """Most sequences that decode together.

    >>> seats_by_memory(memory=80e9, least=75e9, large=1024.0, usual=256.0)
    1024.0
    """
    return xp.where(memory >= least, large, usual)


@formula(cite=BY_MEMORY)
def budget_by_memory(memory: Bytes, least: Bytes, large: Tokens, usual: Tokens) -> Tokens:
    """Most tokens computed in one step.

    >>> budget_by_memory(memory=24e9, least=75e9, large=8192.0, usual=2048.0)
    2048.0
    """
    return xp.where(memory >= least, large, usual)
