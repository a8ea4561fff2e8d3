"""What the law of an engine under load takes of the engine: times of its steps and of its prompts, and its limits."""

from collections.abc import Callable

from rackcalc.formulas.serving.concurrency import Prefill, base_and_work
from rackcalc.formulas.serving.engine_point import STEPS, node
from rackcalc.formulas.serving.front_end import SHARPNESS, paced_among_prompts, per_token_sent
from rackcalc.formulas.serving.sequence_lengths import twice_as_long
from rackcalc.formulas.transformer.counts import count
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.spec.runtimes import Engine

MIXED = {
    mixed: constant(float(mixed), "1", "prompts share steps", "published", note="1 where they do, 0 where not")
    for mixed in (True, False)
}


def timed_engine(
    engine: Engine,
    seats: Quantity,
    first: Prefill,
    longer: Prefill,
    prompt: Quantity,
    output: Quantity,
    step_of: Callable[[Quantity], Quantity],
) -> dict[str, Quantity]:
    """The engine without its load, and without lengths. prompt: its tokens that are computed. output: steps
    of an answer.

    seats: sequences that decode together at most. first: prompts of mean length; longer: prompts twice as long.
    step_of: time of a step with so many sequences and no prompt, written as if it yielded one token [s/token].
    """
    sent = per_token_sent(time=engine.token_time, interval=engine.stream_interval)
    base, work = base_and_work(engine, first, seats, prompt, output)
    _, twice = base_and_work(engine, longer, seats, twice_as_long(length=prompt), output)
    ends = {"work": first.work, "output": output, "front_end": sent, "sharpness": SHARPNESS}

    def step_at(place: int) -> Quantity:
        number = node(seats=seats, place=count(float(place), "place"))
        return paced_among_prompts(step=step_of(number), decoding=number, **ends)

    return {
        "seats": seats,
        "base": base,
        "work": work,
        "twice": twice,
        "budget": engine.chunk,
        "chunked": MIXED[engine.mixed],
        **{f"step_{place}": step_at(place) for place in range(STEPS)},
    }
