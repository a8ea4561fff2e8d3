"""Cost and price of tokens: of prompts, of prompts found in a cache, and of answers."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    TOKEN,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    Tokens,
    TokensPerSecond,
    UsDollarsPerSecond,
    UsDollarsPerToken,
)


@formula(cite="definition: tokens of a prompt, times requests, less what a cache holds")
def tokens_read(requests: RequestsPerSecond, tokens: Tokens, cached: Ratio) -> TokensPerSecond:
    """Tokens of prompts per second that no cache holds. tokens: of one prompt.

    >>> tokens_read(requests=2.0, tokens=1000.0, cached=0.25)
    1500.0
    """
    return requests / REQUEST * tokens * (1 - cached)


@formula(cite="definition: the share of a prompt that a cache holds")
def tokens_cached(requests: RequestsPerSecond, tokens: Tokens, cached: Ratio) -> TokensPerSecond:
    """Tokens of prompts per second that are found in a cache.

    >>> tokens_cached(requests=2.0, tokens=1000.0, cached=0.25)
    500.0
    """
    return requests / REQUEST * tokens * cached


@formula(cite="definition: a prompt takes the chips once, a step is shared by those that decode together")
def share_of_prompts(prefill: Seconds, step: Seconds, together: Count, output: Tokens, per_step: Count) -> Ratio:
    """Share of the chips' time that prompts take: time of one prompt, over that and its share of all decode steps.

    together: requests in one step. per_step: tokens that a request gets from one.

    >>> round(share_of_prompts(prefill=0.1, step=0.02, together=10.0, output=200.0, per_step=1.0), 6)
    0.2
    """
    generating = step * xp.pure(output / TOKEN) / (per_step * xp.maximum(together, 1.0))
    return xp.divide(prefill, prefill + generating)


@formula(cite="definition: the chips that read prompts, of all")
def share_of_chips(prefill: Count, all_chips: Count) -> Ratio:
    """Share of the chips that do nothing but read prompts.

    >>> share_of_chips(prefill=4.0, all_chips=16.0)
    0.25
    """
    return prefill / all_chips


@formula(cite="definition: those that decode while the chips work")
def while_working(decoding: Count, busy: Ratio) -> Count:
    """Requests in a step, from their mean number over all time and the share of the time in which there are steps.

    >>> while_working(decoding=0.6, busy=0.3)
    2.0
    """
    return xp.divide(decoding, busy)


@formula(cite="definition: the share of the cost that tokens of one kind carry, over their number")
def cost_of_tokens(
    cost: UsDollarsPerSecond, share: Ratio, tokens: TokensPerSecond, utilization: Ratio
) -> UsDollarsPerToken:
    """Cost of one token of a kind that carries a share of the cost; unbounded when there are none.

    >>> round(1e6 * cost_of_tokens(cost=0.005, share=0.25, tokens=2500.0, utilization=0.5), 6)
    1.0
    """
    return xp.divide(cost * share, tokens * utilization)


@formula(cite="definition: what one share leaves")
def other_share(share: Ratio) -> Ratio:
    """The rest of one.

    >>> other_share(share=0.25)
    0.75
    """
    return 1 - share


@formula(cite="definition: tokens of one kind, of all")
def share_of_tokens(tokens: TokensPerSecond, all_tokens: TokensPerSecond) -> Ratio:
    """Share of the tokens that are of one kind.

    >>> share_of_tokens(tokens=1500.0, all_tokens=2000.0)
    0.75
    """
    return xp.divide(tokens, all_tokens)


@formula(cite="definition: what is paid here over what is paid there")
def cost_ratio(cost: UsDollarsPerSecond, other: UsDollarsPerSecond) -> Ratio:
    """How many times as much the rack costs as another way to the same tokens.

    >>> cost_ratio(cost=3.0, other=2.0)
    1.5
    """
    return xp.divide(cost, other)
