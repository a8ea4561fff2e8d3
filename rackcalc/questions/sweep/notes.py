"""Notes beside a sweep: those on the rack as the file describes it, at the first value of every axis."""

from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.problems import InputError
from rackcalc.replay.design_space import DesignSpace, VariedRack


def notes_of(question: VariedRack) -> tuple[str, ...]:
    """What must be known before a figure of the sweep is quoted; nothing where the first point cannot be computed."""
    try:
        return tuple(estimate(DesignSpace(question, ()).loaded({})).notes)
    except InputError:
        return ()
