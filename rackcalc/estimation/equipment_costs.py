"""What the equipment around a rack costs: the one place where money meets cooling equipment and electrical supply."""

from rackcalc.estimation.facility import CoolingPlant, PowerSupply
from rackcalc.formulas.money.costs import cost_over_time
from rackcalc.quantities.quantity import Quantity


def equipment_costs(
    plant: CoolingPlant | None,
    supply: PowerSupply | None,
    idle: CoolingPlant | None = None,
    running: Quantity | None = None,
) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    """Costs by name: at the start [USD], and while it runs [USD/s], energy left out.

    Empty where the file states no equipment. idle: the equipment while the rack has no load; running: share of time in
    which it has one, None: always.
    """
    capex: dict[str, Quantity] = {}
    opex: dict[str, Quantity] = {}
    if plant is not None:
        capex |= {f"cooling_{name}": price for name, price in plant.capex_terms.items()}
        costs = plant.opex_terms
        if idle is not None and running is not None:
            costs = {
                name: cost_over_time(working=cost, idle=idle.opex_terms[name], utilization=running)
                for name, cost in costs.items()
            }
        opex |= {f"cooling_{name}": cost for name, cost in costs.items()}
    if supply is not None:
        capex["electrical_supply"] = supply.capex
    return capex, opex
