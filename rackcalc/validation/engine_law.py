"""What the law of an engine under load takes, of a row of measurements."""

from rackcalc.formulas.serving.engine_load import STEPS, node
from rackcalc.formulas.serving.front_end import SHARPNESS, paced, per_token_sent
from rackcalc.formulas.serving.request_time import left_over
from rackcalc.formulas.serving.sequence_lengths import twice_as_long
from rackcalc.formulas.transformer.counts import count
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import replace
from rackcalc.validation.runs import Numbers, Run, per_token, prefill_of, stand

MIXED = {
    mixed: constant(float(mixed), "1", "prompts share steps", "published", note="1 where they do, 0 where not")
    for mixed in (True, False)
}


def engine_law(
    run: Run, numbers: Numbers, seats: Quantity, prompt_cv: Quantity, output_cv: Quantity
) -> dict[str, Quantity]:
    """The engine without its load. seats: sequences that decode together at most; cv: of the lengths."""
    on, first = stand(run), prefill_of(run, numbers)
    longer = prefill_of(run, replace(numbers, prompt=twice_as_long(length=numbers.prompt)))
    front_end = per_token_sent(time=on.engine.token_time, interval=on.engine.stream_interval)

    def step_at(place: int) -> Quantity:
        number = node(seats=seats, place=count(float(place), "place"))
        return paced(tpot=per_token(run, numbers, number), decoding=number, front_end=front_end, sharpness=SHARPNESS)

    return {
        "seats": seats,
        "base": left_over(whole=first.alone.time, part=first.work),
        "work": first.work,
        "twice": longer.work,
        "budget": on.engine.chunk,
        "chunked": MIXED[on.engine.mixed],
        "prompt": numbers.prompt,
        "output": numbers.output,
        "prompt_cv": prompt_cv,
        "output_cv": output_cv,
        **{f"step_{place}": step_at(place) for place in range(STEPS)},
    }
