"""`python -m rackcalc.validation.measured_runs`: every measured server with the error of its time per token.

An estimate names the one that is most like its rack (rackcalc/estimation/nearest_run.py).
"""

from collections import defaultdict
from pathlib import Path
from statistics import median

from rackcalc.config.parts import load_part
from rackcalc.estimation.nearest_run import FILE, MeasuredRun, written
from rackcalc.formulas.gpu.novelty import architecture
from rackcalc.validation import Result, validate
from rackcalc.validation.read import Row, bundled, read
from rackcalc.validation.runs import COMPILED, YEAR, run_of, stand


def server_of(row: Row) -> MeasuredRun:
    """The server of a row."""
    run = run_of(row)
    on = stand(run)
    part, model = load_part("gpus", row.part), load_part("models", row.model)
    version = "" if run.version == COMPILED else run.version.replace("at-", "of ")
    gpus = float(row.tensor_parallel or row.parts or 1) * float(row.data_parallel or 1)
    return MeasuredRun(
        gpu=part.name,
        family=part.family,
        model=model.name,
        architecture=architecture(model),
        runtime=on.runtime.name,
        version=version,
        years=round(float(on.engine.age.value) / YEAR, 2),
        precision=row.precision,
        gpus=min(gpus, float(row.parts or gpus)),
        prompt=float(row.input_tokens or 1),
    )


class Servers:
    """Collects the errors of each server, from its rows of times per token."""

    def __init__(self) -> None:
        self.errors: dict[MeasuredRun, list[float]] = defaultdict(list)

    def add(self, result: Result) -> None:
        """Take one result in."""
        row = result.row
        if row.kind == "serving" and row.mode == "agg" and row.metric == "tpot_mean" and result.predicted is not None:
            self.errors[server_of(row)].append(result.error)

    def write(self) -> None:
        """Write the file anew, each server with the median of its errors."""
        made = (run._replace(rows=len(errors), error=median(errors)) for run, errors in self.errors.items())
        Path(FILE).write_text(written(sorted(made)), encoding="utf-8")


def main() -> None:
    """Write the file anew."""
    servers = Servers()
    for result in validate(read(bundled()["serving"], lambda problem: None), 0):
        servers.add(result)
    servers.write()


if __name__ == "__main__":
    main()
