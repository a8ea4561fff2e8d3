"""Lengths of prompts, answers and contexts in tokens."""

from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Ratio, Tokens


@formula(cite="definition: prompt, and on average half of the answer")
def mean_context(prompt: Tokens, output: Tokens) -> Tokens:
    """Tokens a sequence holds while it generates, mean over the steps.

    >>> mean_context(prompt=1024.0, output=512.0)
    1280.0
    """
    return prompt + output / 2


@formula(cite="definition: twice a length, to see how work grows with it")
def twice_as_long(length: Tokens) -> Tokens:
    """A prompt of twice the length.

    >>> twice_as_long(length=1024.0)
    2048.0
    """
    return 2 * length


@formula(cite="definition: prompt and the whole answer")
def longest_context(prompt: Tokens, output: Tokens) -> Tokens:
    """Tokens a sequence holds at its end.

    >>> longest_context(prompt=1024.0, output=512.0)
    1536.0
    """
    return prompt + output


@formula(cite="definition: the prompt, and the reserved share of the answer")
def reserved_context(prompt: Tokens, output: Tokens, share: Ratio) -> Tokens:
    """Tokens of KV cache a running sequence is given.

    >>> reserved_context(prompt=1024.0, output=512.0, share=0.5)
    1280.0
    """
    return prompt + share * output


@formula(cite="definition: a share of the stated length")
def shortened(length: Tokens, share: Ratio) -> Tokens:
    """Mean length of requests that have a share of the stated one.

    >>> shortened(length=1000.0, share=0.5)
    500.0
    """
    return length * share


INSPECTION = "D. R. Cox, Renewal Theory (1962), section 5.4: who is met in service is long in proportion to his length"


@formula(cite=INSPECTION)
def lived_context(prompt: Tokens, output: Tokens, spread: Ratio) -> Tokens:
    """Mean tokens of a sequence that is being generated: its prompt and half of its answer.

    spread: mean square of the answers' lengths over the square of their mean; 1 where all are equal.

    >>> lived_context(prompt=100.0, output=200.0, spread=1.5)
    250.0
    """
    return prompt + spread * output / 2


@formula(cite=INSPECTION)
def lived_share(spread: Ratio) -> Ratio:
    """Tokens a sequence being generated has of its answer, over the mean length of all answers.

    >>> lived_share(spread=1.5)
    0.75
    """
    return spread / 2
