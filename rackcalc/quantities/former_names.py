"""Names that figures and keys had once: who types one is told the present name, and never gets another number."""

EQUIPMENT = {
    "leak detection": "leak_detection",
    "air handlers": "air_handlers",
    "outdoors of air": "outdoors_air",
    "outdoors of liquid": "outdoors_liquid",
}

FORMER: dict[str, str] = {
    # figures
    "roi.value_terms.tokens": "write roi.value_terms.output_tokens; there are input_tokens and cached_tokens too",
    "cost.opex_terms.rent of gpu": "write cost.opex_terms.rent_gpu",
    "cost.opex_terms.rent of lpu": "write cost.opex_terms.rent_lpu",
    "cost.opex_terms.rent of rack": "write cost.opex_terms.rent_rack",
    **{f"plant.capex_terms.{then}": f"write plant.capex_terms.{now}" for then, now in EQUIPMENT.items()},
    **{
        f"cost.{terms}.cooling, {then}": f"write cost.{terms}.cooling_{now}"
        for terms in ("capex_terms", "per_hour_terms")
        for then, now in EQUIPMENT.items()
    },
    **{
        f"cost.{terms}.cooling, {name}": f"write cost.{terms}.cooling_{name}"
        for terms in ("capex_terms", "opex_terms", "per_hour_terms")
        for name in ("cdu", "doors", "plates", "manifolds", "installation", "treatment", "water")
    },
    "cost.capex_terms.electrical supply": "write cost.capex_terms.electrical_supply",
    "cost.per_hour_terms.electrical supply": "write cost.per_hour_terms.electrical_supply",
    # keys of a rack file
    "token_price": "write token_prices: {input: ..., output: ...}; token_price was the price of output tokens",
}


def called_now(typed: str) -> str:
    """'; write ...' for a former name; "" for all others.

    >>> called_now("cost.opex_terms.rent of gpu")
    '; write cost.opex_terms.rent_gpu'
    """
    return f"; {FORMER[typed]}" if typed in FORMER else ""
