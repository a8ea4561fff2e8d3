"""`python -m rackcalc.validation.measured_runs`: every measured server with the error of its time per token.

An estimate names the one that is most like its rack (rackcalc/estimation/nearest_run.py).
"""

from collections import defaultdict
from collections.abc import Iterable
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


def servers(results: Iterable[Result]) -> list[MeasuredRun]:
    """Each server with the median of its errors, from its rows of times per token."""
    found: dict[MeasuredRun, list[float]] = defaultdict(list)
    for result in results:
        row = result.row
        if row.kind == "serving" and row.mode == "agg" and row.metric == "tpot_mean" and result.predicted is not None:
            found[server_of(row)].append(result.error)
    made = (run._replace(rows=len(errors), error=median(errors)) for run, errors in found.items())
    return sorted(made)


def main() -> None:
    """Write the file anew."""
    rows = read(bundled()["serving"], lambda problem: None)
    FILE.write_text(written(servers(validate(rows, 0))), encoding="utf-8")


if __name__ == "__main__":
    main()
