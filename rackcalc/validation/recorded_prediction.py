"""Predictions for many rows, recorded once, then computed again with other values of the parameters that are fitted."""

from collections.abc import Mapping, Sequence
from typing import Any

from rackcalc.quantities.quantity import Quantity
from rackcalc.replay.program import program_of
from rackcalc.validation.read import Row


class RecordedPrediction:
    """One prediction over an array of rows, with what was measured. The model that is fitted is the model that answers.

    quantity: the prediction as computed with the values of the catalog. measured: array, in the same unit. leaves: id
    of a leaf -> name of the fitted parameter that it is. fitted: whether it counts in a fit; else it is only scored.
    parameters: names of those that it depends on. rows: what was measured, in order, where a fold asks for it.
    """

    def __init__(
        self,
        part: str,
        model: str,
        group: str,
        metric: str,
        quantity: Quantity,
        measured: Any,
        leaves: Mapping[int, str],
        fitted: bool = True,
        rows: Sequence[Row] = (),
    ) -> None:
        self.part, self.model, self.group, self.metric = part, model, group, metric
        self.quantity, self.measured, self.leaves, self.fitted, self.rows = quantity, measured, leaves, fitted, rows
        axes: dict[str, int] = {}

        def axis_of(leaf: Quantity) -> int | None:
            name = leaves.get(id(leaf))
            return None if name is None else axes.setdefault(name, len(axes))

        program, slots = program_of([quantity], axis_of)
        self.parameters = tuple(axes)
        self._run = program.start(slots)

    def __call__(self, trial: Mapping[str, float]) -> Any:
        """The prediction with other values of its parameters. trial: by name; others than its own do not matter."""
        values = [trial[name] for name in self.parameters]
        return self._run(values, values)[0]


def stack(quantities: Sequence[Quantity]) -> Quantity:
    """One Quantity with an array of values."""
    import numpy as np

    first = quantities[0]
    return Quantity(np.array([float(q.value) for q in quantities]), first.unit, first.name, source=first.source)


def errors(predictions: Sequence[RecordedPrediction], trial: Mapping[str, float]) -> list[Any]:
    """Log of predicted over measured, by prediction."""
    import numpy as np

    return [np.log(prediction(trial) / prediction.measured) for prediction in predictions]
