"""Speculative decoding in one engine: tokens per step, and the time per token that follows."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Seconds, SecondsPerToken, Tokens


@formula(cite="Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192, eq. 1")
def tokens_per_step(drafted: Count, acceptance: Ratio) -> Count:
    """Tokens one step yields per sequence when it verifies so many drafted ones; the first refused ends the run.

    >>> tokens_per_step(drafted=3.0, acceptance=0.5)
    1.875
    """
    return xp.divide(1 - xp.power(xp.pure(acceptance), xp.pure(drafted + 1)), 1 - acceptance)


@formula(cite="Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192")
def tokens_checked(drafted: Count) -> Tokens:
    """Tokens a verifying step computes per sequence: the drafted ones and one more.

    >>> tokens_checked(drafted=3.0)
    4.0
    """
    return (drafted + 1) * TOKEN


@formula(cite="definition: a step yields several tokens per sequence")
def speculative_tpot(step: Seconds, tokens: Count) -> SecondsPerToken:
    """Time per output token.

    >>> speculative_tpot(step=0.03, tokens=1.5)
    0.02
    """
    return step / (tokens * TOKEN)
