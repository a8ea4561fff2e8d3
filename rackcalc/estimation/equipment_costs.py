"""What the equipment around a rack costs: the one place where money meets cooling equipment and electrical supply."""

from rackcalc.estimation.facility import CoolingPlant, PowerSupply
from rackcalc.quantities.quantity import Quantity


def equipment_costs(
    plant: CoolingPlant | None, supply: PowerSupply | None
) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    """Costs by name: at the start [USD], and while it runs [USD/s], energy left out.

    Empty where the file states no equipment.
    """
    capex: dict[str, Quantity] = {}
    opex: dict[str, Quantity] = {}
    if plant is not None:
        capex |= {f"cooling_{name}": price for name, price in plant.capex_terms.items()}
        opex |= {f"cooling_{name}": cost for name, cost in plant.opex_terms.items()}
    if supply is not None:
        capex["electrical_supply"] = supply.capex
    return capex, opex
