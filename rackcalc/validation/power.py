"""Power at the plug of servers under MLPerf loads, and what sites report."""

from functools import cache

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.heat.power import idle_wall_power, share_of_power
from rackcalc.formulas.heat.power import wall_power as busy_wall_power
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.validation.encoders import mlperf_encoder
from rackcalc.validation.kernels import gpu
from rackcalc.validation.read import OTHER_MODELS, Row, Unanswerable


def _fitted(value: float, unit: str, name: str, low: float, high: float, note: str) -> Quantity:
    return Quantity(value, unit, name, source=Source("measured", "mlperf-power", note=note), low=low, high=high)


HOST = _fitted(595.0, "W", "host of a busy two-socket server", 480.0, 630.0, "3 to 8 GPUs")
IDLE_HOST = _fitted(350.0, "W", "host of an idle two-socket server", 320.0, 440.0, "lowest samples")
BUSY = _fitted(0.993, "1", "busy GPU over its TDP", 0.97, 1.02, "B200")
EFFICIENT = _fitted(0.643, "1", "busy GPU over its TDP, efficiency mode", 0.595, 0.665, "A100, A30")
BOARD = _fitted(0.194, "1", "switches and fans of an 8-GPU board, over TDP", 0.18, 0.22, "HGX and DGX")
LIQUID_BOARD = _fitted(0.083, "1", "switches of a liquid-cooled 8-GPU board, over TDP", 0.07, 0.12, "one system")
NO_BOARD = _fitted(0.0, "1", "no board of switches", 0.0, 0.0, "cards, or GPUs joined without switches")
PEAKS = {
    "power_p95": _fitted(1.010, "1", "95th percentile over mean power", 1.005, 1.02, "1 Hz samples"),
    "power_max": _fitted(1.02, "1", "highest over mean power", 1.01, 1.04, "1 Hz samples"),
}


@cache
def on_a_board(part: str, count: str) -> bool:
    """Whether a system of the catalog holds this GPU, so many on a board with switches."""
    systems = [load_part("systems", name) for name in part_names("systems")]
    return any(system.accelerator == part and float(count) == system.count.value == 8 for system in systems)


def wall_power(row: Row) -> Quantity:
    """Wall power of a GPU server under a load that keeps its GPUs busy."""
    if row.metric == "sample_rate" and row.model not in OTHER_MODELS:
        return mlperf_encoder(row)
    if not row.metric.startswith("power"):
        raise Unanswerable("the rate during a power run: see the mlperf rows")
    part, chips = gpu(row), row.number("parts", "1")
    board = NO_BOARD
    if on_a_board(row.part, row.parts):
        board = LIQUID_BOARD if row.cooling == "liquid" else BOARD
    if row.metric == "power_min":
        return idle_wall_power(
            host_power=IDLE_HOST, chips=chips, idle_power=part.idle_power, tdp=part.tdp, board_share=board
        )
    share = EFFICIENT if "maxq" in row.mode.split() else BUSY
    mean = busy_wall_power(host_power=HOST, chips=chips, tdp=part.tdp, chip_share=share, board_share=board)
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
