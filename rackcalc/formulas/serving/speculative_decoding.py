"""Speculative decoding in one engine: tokens per step, and the time per token that follows."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Seconds, SecondsPerToken, Tokens


@formula(cite="Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192, eq. 1")
def tokens_per_step(drafted: Count, acceptance: Ratio) -> Count:
    """Tokens one step yields per sequence when it verifies so many drafted ones; the first refused ends the run.

    >>> tokens_per_step(drafted=3.0, acceptance=0.5), tokens_per_step(drafted=3.0, acceptance=1.0)
    (1.875, 4.0)
    """
    many = xp.divide(1 - xp.power(xp.pure(acceptance), xp.pure(drafted + 1)), 1 - acceptance)
    return xp.where(acceptance < 1, many, drafted + 1)


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


@formula(cite="definition: a request's first token comes with its prompt, and each step yields several of the others")
def steps_of_answer(output: Tokens, tokens: Count) -> Tokens:
    """Steps that generate an answer, the prompt's own included, where a step yields so many tokens per sequence.

    >>> steps_of_answer(output=301.0, tokens=2.5)
    121.0
    """
    return TOKEN + (output - TOKEN) / tokens


@formula(cite="definition: a step yields several tokens per sequence")
def of_one_token(step: SecondsPerToken, tokens: Count) -> SecondsPerToken:
    """Time per output token from the time of a step.

    >>> of_one_token(step=0.03, tokens=1.5)
    0.02
    """
    return xp.divide(step, tokens)


@formula(cite="definition: a step yields several tokens per sequence")
def of_all_tokens(limit: SecondsPerToken, tokens: Count) -> SecondsPerToken:
    """Limit on the time of a step from that on the time per output token.

    >>> round(of_all_tokens(limit=0.02, tokens=1.5), 9)
    0.03
    """
    return limit * tokens


@formula(cite="definition: what a step yields is sent at once")
def steps_between_messages(interval: Count, tokens: Count) -> Count:
    """Steps from one message to a client to the next, of an engine that sends `interval` tokens at a time.

    >>> steps_between_messages(interval=10.0, tokens=2.5), steps_between_messages(interval=1.0, tokens=2.5)
    (4.0, 1.0)
    """
    return xp.maximum(interval / tokens, 1.0)


@formula(cite="definition: one pass of the drafter for each token")
def drafting_time(passes: Seconds, host: Seconds, drafted: Count) -> Seconds:
    """Time to draft so many tokens one after another. passes: of one pass; host: beside it.

    >>> round(drafting_time(passes=0.8e-3, host=0.2e-3, drafted=3.0), 9)
    0.003
    """
    return (passes + host) * drafted


@formula(cite="A. Saxena, Prompt Lookup Decoding (2023): a search for the last tokens in the sequence, by the host")
def search_time(each: Seconds, batch: Count) -> Seconds:
    """Time of the host to look up drafts in the sequences of a step.

    >>> round(search_time(each=10e-6, batch=64.0), 9)
    0.00064
    """
    return each * batch
