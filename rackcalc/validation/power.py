"""Power at the plug of servers under MLPerf loads, and what sites report."""

from rackcalc.estimation.server_power import BUSY, SERVER_SIZE, board_share, host_of
from rackcalc.formulas.heat.power import idle_wall_power, share_of_power, share_on_boards
from rackcalc.formulas.heat.power import wall_power as busy_wall_power
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.validation.encoders import mlperf_encoder
from rackcalc.validation.kernels import gpu
from rackcalc.validation.read import OTHER_MODELS, Row, Unanswerable


def _fitted(value: float, unit: str, name: str, low: float, high: float, note: str) -> Quantity:
    return Quantity(value, unit, name, source=Source("measured", "mlperf-power", note=note), low=low, high=high)


EFFICIENT = _fitted(0.643, "1", "busy GPU over its TDP, efficiency mode", 0.595, 0.665, "A100, A30")
PEAKS = {
    "power_p95": _fitted(1.010, "1", "95th percentile over mean power", 1.005, 1.02, "1 Hz samples"),
    "power_max": _fitted(1.02, "1", "highest over mean power", 1.01, 1.04, "1 Hz samples"),
}


def wall_power(row: Row) -> Quantity:
    """Wall power of a GPU server under a load that keeps its GPUs busy."""
    if row.metric == "sample_rate" and row.model not in OTHER_MODELS:
        return mlperf_encoder(row)
    if not row.metric.startswith("power"):
        raise Unanswerable("the rate during a power run: see the mlperf rows")
    part, chips = gpu(row), row.number("parts", "1")
    host = host_of(part, float(chips.value))
    one = board_share(part, row.cooling == "liquid")
    board = share_on_boards(share=one, chips=chips, per_board=SERVER_SIZE)
    if row.metric == "power_min":
        return idle_wall_power(
            host_power=host.idle, chips=chips, idle_power=part.idle_power, tdp=part.tdp, board_share=board
        )
    share = EFFICIENT if "maxq" in row.mode.split() else BUSY
    mean = busy_wall_power(host_power=host.busy, chips=chips, tdp=part.tdp, chip_share=share, board_share=board)
    if row.metric in PEAKS:
        return share_of_power(power=mean, share=PEAKS[row.metric])
    if row.metric != "power_mean":
        raise Unanswerable(f"{row.metric} of a server")
    return mean


def facility(row: Row) -> Quantity:
    """Node power; what sites report of themselves has no rack to compute."""
    if row.metric in ("power_max", "power_mean") and row.operation == "node":
        return wall_power(row)
    raise Unanswerable("a report of a site or of a training run, kept for reference")
