"""`rackcalc parts`: the catalog as text and as data, from its kinds down to one part with the source of every value."""

from typing import Any

from rackcalc.config.catalog_files import part_names
from rackcalc.config.part_aliases import find_part, no_part
from rackcalc.config.parts import load_part
from rackcalc.quantities.display import show_value
from rackcalc.quantities.figures import figures, nested
from rackcalc.quantities.problems import failure, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.spelling import meant
from rackcalc.questions.explain import provenance
from rackcalc.render.json_data import figure_data
from rackcalc.spec.part_kinds import CATALOG


def as_text(kind: str | None, name: str | None) -> str:
    """All kinds with their parts; the parts of one kind; or one part, with a line for every value."""
    if kind is None:
        return "".join(f"{kind}: {', '.join(part_names(kind))}\n" for kind in CATALOG)
    kind, name = _known(kind, name)
    if name is None:
        width = max(map(len, part_names(kind)), default=0)
        return "".join(f"{part:{width}}  {load_part(kind, part).name}\n" for part in part_names(kind))
    part = load_part(kind, name)
    lines = [f"{name}: {part.name}"]
    pairs = [(path, show_value(quantity), provenance(quantity)) for path, quantity in figures(part)]
    widths = [max((len(pair[i]) for pair in pairs), default=0) for i in (0, 1)]
    lines += [f"  {path:{widths[0]}}  {value:{widths[1]}}  {source}" for path, value, source in pairs]
    return "\n".join(lines) + "\n"


def as_data(kind: str | None, name: str | None) -> Any:
    """The same as nested data. Values are {value, unit, kind, low, high, source, note}."""
    if kind is None:
        return {kind: list(part_names(kind)) for kind in CATALOG}
    kind, name = _known(kind, name)
    if name is None:
        return {part: load_part(kind, part).name for part in part_names(kind)}

    def convert(node: Any) -> Any:
        if isinstance(node, Quantity):
            source = node.source
            extra = {"source": source.reference, "note": source.note} if source else {}
            return figure_data(node) | {"low": node.low, "high": node.high} | extra
        return {key: convert(value) for key, value in node.items()} if isinstance(node, dict) else node

    return convert(nested(load_part(kind, name)))


def _known(kind: str, name: str | None) -> tuple[str, str | None]:
    """The kind and the name that are meant, as the catalog writes them."""
    known = meant(kind, CATALOG)
    if known is None:
        raise failure(f'no kind of part "{kind}"{suggest(kind, CATALOG)}')
    part = find_part(known, name) if name is not None else None
    if name is not None and part is None:
        raise failure(no_part(known, name))
    return known, part
