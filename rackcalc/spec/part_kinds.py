"""The kinds of part, as a table: folder of the catalog -> dataclass."""

from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.links import CpuPath, Link
from rackcalc.spec.models import Model
from rackcalc.spec.money import PriceBook
from rackcalc.spec.runtimes import Family, Runtime
from rackcalc.spec.site import Cooling, System

CATALOG: dict[str, type] = {
    "gpus": GPU,
    "lpus": LPU,
    "links": Link,
    "hosts": CpuPath,
    "models": Model,
    "families": Family,
    "runtimes": Runtime,
    "systems": System,
    "cooling": Cooling,
    "prices": PriceBook,
}
