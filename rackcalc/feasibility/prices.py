"""Prices of a rack file that do not go together: rents, and APIs."""

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.config.racks import Loaded
from rackcalc.quantities.problems import Problem, suggest
from rackcalc.spec.money import Api


def api_of(loaded: Loaded) -> Api | None:
    """List prices to compare with: those that the file names, else those of the model in the catalog; None without."""
    stated = loaded.rack.economics.api
    if stated is not None or "model" not in loaded.nodes:
        return stated
    name = loaded.nodes["model"].value
    return load_part("apis", name) if isinstance(name, str) and name in part_names("apis") else None


POOLS = ("gpu", "lpu")


def _price_keys(loaded: Loaded) -> list[Problem]:
    """Prices under a name that is of a pool which the rack does not have, or almost that of one."""
    rack, found = loaded.rack, []
    for name in rack.economics.price:
        path, meant = f"economics.price.{name}", name.casefold().removesuffix("s")
        if name in POOLS and getattr(rack.accelerators, name) is None:
            found.append(loaded.problem(path, f"the rack has no {name.upper()}s, whose price this is; leave it out"))
        elif name not in POOLS and meant in POOLS:
            message = (
                f"would be an item beside the {meant.upper()}s; write {meant} for their price, or give it another name"
            )
            found.append(loaded.problem(path, message))
    for table, known in (("purchase", POOLS), ("rent", (*POOLS, "rack"))):
        for name in getattr(rack.economics.prices, table):
            if name not in known:
                message = f'no pool is called "{name}"{suggest(name, known)}'
                found.append(loaded.problem(f"economics.prices.{table}.{name}", message))
    return found


def price_problems(loaded: Loaded) -> list[Problem]:
    """All problems with the prices in the file."""
    spec, found = loaded.rack.economics, _price_keys(loaded)
    if spec.rent_per_gpu is not None and loaded.rack.accelerators.gpu is None:
        found.append(loaded.problem("economics.rent_per_gpu", "the rack has no GPUs; write economics.rent"))
    if spec.rent_per_gpu is not None and spec.rent is not None:
        message = "is stated beside economics.rent, the rent of the whole rack; leave one of them out"
        found.append(loaded.problem("economics.rent_per_gpu", message))
    if loaded.rack.site.plant is not None and spec.equipment.cooling is not None:
        message = "is stated beside site.plant, which prices the same equipment; leave one of them out"
        found.append(loaded.problem("economics.equipment.cooling", message))
    if spec.acquisition == "api":
        for key, what in (("sharing", "other work of GPUs"), ("latency_value", "the latency of the rack")):
            if getattr(loaded.rack, key) is not None:
                message = f"an API earns nothing by {what}; leave {key} out, or choose another economics.acquisition"
                found.append(loaded.problem(key, message))
    if spec.acquisition != "api" and spec.provider is None:
        return found
    api, model = api_of(loaded), loaded.rack.model.name
    if loaded.rack.workload.output is None:
        message = f"{model} generates no tokens that an API sells"
        found.append(loaded.problem("economics.acquisition", message))
    elif api is None:
        message = f"no API prices of {model} are known; write economics.api: {{name: ..., date: ..., offers: ...}}"
        found.append(loaded.problem("economics.acquisition", message))
    elif not api.offers:
        found.append(loaded.problem("economics.api.offers", "is empty; write PROVIDER: {input: ..., output: ...}"))
    elif spec.provider is not None and spec.provider not in api.offers:
        near = suggest(spec.provider, api.offers)
        message = f'no prices of "{spec.provider}" for {model}{near}'
        found.append(loaded.problem("economics.provider", message))
    return found
