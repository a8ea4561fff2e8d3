"""Mean and coefficient of variation of lengths, from what a rack file or a trace says of them; prefix-cache hits."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Tokens

LOG_NORMAL = "N. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions 1 (1994), chapter 14"
Z99 = 2.3263478740408408  # 99th percentile of the standard normal law


@formula(cite=LOG_NORMAL + ": the median is e^mu, the mean e^(mu + sigma^2 / 2)")
def lognormal_mean(p50: Tokens, p99: Tokens) -> Tokens:
    """Mean of log-normal lengths with this median and 99th percentile.

    >>> round(lognormal_mean(p50=800.0, p99=6000.0), 1)
    1164.1
    """
    sigma = xp.log(xp.pure(xp.divide(p99, p50))) / Z99
    return p50 * xp.exp(sigma * sigma / 2)


@formula(cite=LOG_NORMAL)
def lognormal_cv(p50: Tokens, p99: Tokens) -> Ratio:
    """Coefficient of variation of log-normal lengths with this median and 99th percentile.

    >>> round(lognormal_cv(p50=800.0, p99=6000.0), 3)
    1.057
    """
    sigma = xp.log(xp.pure(xp.divide(p99, p50))) / Z99
    return xp.sqrt(xp.expm1(sigma * sigma))


@formula(cite="standard deviation of the continuous uniform law: its half-width over the root of 3")
def even_cv(spread: Ratio) -> Ratio:
    """Coefficient of variation of lengths evenly between mean x (1 - spread) and mean x (1 + spread).

    >>> round(even_cv(spread=0.5), 4)
    0.2887
    """
    return spread / 3**0.5


@formula(cite="definition of the coefficient of variation")
def relative_square(cv: Ratio) -> Ratio:
    """Mean square of lengths over the square of their mean.

    >>> relative_square(cv=1.0)
    2.0
    """
    return 1 + cv * cv


@formula(cite="assumption: arrivals more regular than Poisson are computed as Poisson, which is on the safe side")
def at_least_poisson(gap_cv: Ratio) -> Ratio:
    """Burstiness that is computed with, from the coefficient of variation of the gaps in a trace.

    >>> at_least_poisson(gap_cv=0.8)
    1.0
    """
    return xp.maximum(gap_cv, 1.0)


@formula(
    cite="definition: what the prefix cache lacks, at least one token (vLLM recomputes the last of a known prompt)"
)
def computed_tokens(prompt: Tokens, cached: Ratio) -> Tokens:
    """Tokens of a prompt that the prefill computes.

    >>> computed_tokens(prompt=2000.0, cached=0.5)
    1000.0
    """
    return xp.maximum(prompt * (1 - cached), xp.minimum(prompt, TOKEN + 0 * prompt))


@formula(cite="definition: the tokens of a prompt that are not computed")
def tokens_before(prompt: Tokens, computed: Tokens) -> Tokens:
    """Tokens of a prompt whose keys and values are in the prefix cache.

    >>> tokens_before(prompt=2000.0, computed=900.0)
    1100.0
    """
    return prompt - computed


@formula(cite="definition: turn k holds k messages and k - 1 answers; mean over the turns of a conversation")
def prompt_of_turns(message: Tokens, answer: Tokens, turns: Count) -> Tokens:
    """Mean prompt of the turns of a conversation, each of which repeats all that was said before.

    >>> prompt_of_turns(message=100.0, answer=200.0, turns=3.0)
    400.0
    """
    return message * (turns + 1) / 2 + answer * (turns - 1) / 2


@formula(cite="definition: all of the prompts but the new messages was computed in earlier turns")
def cached_of_turns(message: Tokens, prompt: Tokens) -> Ratio:
    """Share of the prompts of a conversation that the prefix cache holds, if it forgets nothing between turns.

    >>> cached_of_turns(message=100.0, prompt=400.0)
    0.75
    """
    return 1 - xp.pure(xp.divide(message, prompt))
