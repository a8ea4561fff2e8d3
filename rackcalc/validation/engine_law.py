"""What the law of an engine under load takes, of a row of measurements."""

from rackcalc.formulas.serving.sequence_lengths import twice_as_long
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.serving.timed_engine import timed_engine
from rackcalc.validation.runs import Numbers, Run, per_token, prefill_of, stand


def engine_law(
    run: Run, numbers: Numbers, seats: Quantity, prompt_cv: Quantity, output_cv: Quantity
) -> dict[str, Quantity]:
    """The engine without its load. seats: sequences that decode together at most; cv: of the lengths."""
    first = prefill_of(run, numbers)
    longer = prefill_of(run, replace(numbers, prompt=twice_as_long(length=numbers.prompt)))
    timed = timed_engine(
        stand(run).engine,
        seats,
        first,
        longer,
        numbers.prompt,
        numbers.output,
        lambda number: per_token(run, numbers, number),
    )
    lengths = {"prompt": numbers.prompt, "output": numbers.output}
    return timed | lengths | {"prompt_cv": prompt_cv, "output_cv": output_cv}
