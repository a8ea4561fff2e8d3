"""Passes of prompts, which those share that wait: how many fit, what one more adds, and how many passes there are."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Seconds, Tokens

PASSES = (
    "prompts that wait are computed in one pass, as engines batch them (max_num_batched_tokens, chunked_prefill_size)"
)


@formula(cite="definition: whole prompts within the tokens of a step, in each data-parallel group; one at least")
def prompts_per_pass(chunk: Tokens, prompt: Tokens, groups: Count) -> Count:
    """Most prompts that one engine computes in a pass. chunk: most tokens of a pass, in one group.

    >>> prompts_per_pass(chunk=8192.0, prompt=2000.0, groups=32.0)
    128.0
    """
    return groups * xp.maximum(xp.floor(xp.pure(chunk / prompt)), 1.0)


@formula(cite="definition: prompts of a pass leave together")
def time_per_prompt(time: Seconds, prompts: Count) -> Seconds:
    """Time of an engine for one of several prompts that share a pass.

    >>> time_per_prompt(time=2.0, prompts=128.0)
    0.015625
    """
    return xp.divide(time, prompts)


@formula(
    cite=PASSES + "; form of our own: the line through a pass with one prompt, and one with as many as share a pass"
)
def work_in_passes(alone: Seconds, full: Seconds, work: Seconds, groups: Count, passes: Ratio, own: Ratio) -> Seconds:
    """What a prompt adds to a pass of prompts that data-parallel groups compute side by side, at least nothing.

    alone, full: a pass of one prompt, while the other groups wait, and of one for each of `groups`; work: what each
    prompt beyond that adds. passes: over prompts; own: passes that one needs, which is less than 1 / groups where each
    group computes whole prompts.

    >>> round(work_in_passes(alone=0.1, full=0.4, work=0.4, groups=4.0, passes=0.5, own=0.01), 9)
    0.1
    >>> round(work_in_passes(alone=0.1, full=0.4, work=0.4, groups=4.0, passes=0.1, own=0.01), 9)
    0.3
    """
    number = xp.maximum(xp.divide(1, passes), 1.001)
    few = (full - alone) / xp.maximum(groups - 1, 1.0)
    many = xp.divide(full + (number - groups) * work - alone, number - 1)
    parts = xp.divide(full / groups - alone * own, 1 - xp.minimum(own, 0.999))
    return xp.maximum(xp.where(own * groups > 1, parts, xp.where(number > groups, many, few)), 0 * alone)


@formula(cite="definition: tokens of a prompt over those of a step")
def passes_of_prompt(prompt: Tokens, chunk: Tokens) -> Ratio:
    """Passes that a prompt takes where they are full of tokens.

    >>> passes_of_prompt(prompt=2000.0, chunk=256000.0)
    0.0078125
    """
    return xp.pure(xp.divide(prompt, chunk))


@formula(cite="definition: a pass as a line over its prompts")
def work_of_prompt(alone: Seconds, full: Seconds, most: Count, work: Seconds) -> Seconds:
    """What one more prompt adds to a pass. alone, full: a pass of 1, of `most`; work: of a prompt, where no other fits.

    >>> work_of_prompt(alone=0.5, full=2.0, most=4.0, work=0.4)
    0.5
    """
    return xp.where(most > 1, xp.divide(full - alone, xp.maximum(most - 1, 1.0)), work)


@formula(cite="assumption: prompts that wait share a pass, and come at random")
def passes_at_most(held: Count, output: Tokens, own: Ratio) -> Ratio:
    """Passes over prompts where `held` requests take all places. own: passes that one needs. output: an answer.

    >>> round(passes_at_most(held=64.0, output=101.0, own=0.01), 3), passes_at_most(held=64.0, output=1.0, own=0.25)
    (0.739, 0.25)
    """
    together = xp.pure(held * TOKEN / xp.maximum(output - TOKEN, 1e-9 * TOKEN))
    return xp.maximum(xp.divide(-xp.expm1(-together), together), xp.minimum(own, 1.0))
