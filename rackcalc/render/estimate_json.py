"""Estimates as JSON: figures in canonical units, with the unit in the data, under a schema with a version."""

from collections.abc import Mapping, Sequence
from typing import Any

from rackcalc.estimation.unseen import doubtful, unseen_by_path
from rackcalc.quantities.figures import nested, selected
from rackcalc.quantities.quantity import Quantity
from rackcalc.render.json_data import figure_data, json_text
from rackcalc.version import __version__

SCHEMA = "rackcalc.estimate/1"


def document(
    estimate: Any, interval: bool = True, paths: Sequence[str] = (), with_file: bool = False
) -> dict[str, Any]:
    """One estimate as plain data, the figures in nested mappings by their dotted paths.

    interval: with low and high, the 80 % interval. paths: the figures wanted; () for all. with_file: the name of the
    rack file too, by which a baseline tells racks of one name apart; without it a rack is the same from anywhere.
    """
    wanted = selected(estimate, paths)
    known = intervals_of(estimate, wanted if paths else None) if interval else {}
    unseen = unseen_by_path(wanted)
    leaves = {}
    for path, quantity in wanted.items():
        new, ends = unseen[path], known.get(path)
        leaves[path] = figure_data(quantity, ends, new.new, doubtful(quantity, new, ends))
    said = {"notes": [*estimate.notes], "novelty": [*estimate.novelty]}
    told = placed(nested(estimate), leaves)
    nearest = told.pop("nearest_measured")
    said |= {"nearest_measured": nearest} if nearest else {}
    found = {"schema": SCHEMA, "rackcalc": __version__} | told | said
    return found if with_file else {key: value for key, value in found.items() if key != "file"}


def placed(node: Any, leaves: Mapping[str, Any], path: str = "") -> Any:
    """Nested groups with the leaves at their paths. Groups without leaves are left out."""
    if isinstance(node, Quantity):
        return leaves.get(path)
    if not isinstance(node, dict):
        return node
    items = {name: placed(value, leaves, f"{path}.{name}" if path else name) for name, value in node.items()}
    kept = {name: value for name, value in items.items() if value is not None}
    return kept if not path or any(isinstance(value, dict) for value in kept.values()) else None


def intervals_of(estimate: Any, wanted: Mapping[str, Quantity] | None) -> dict[str, tuple[float, float]]:
    """80 % intervals by path, of all figures or of those wanted."""
    from rackcalc.replay.intervals import intervals  # not needed without intervals

    return intervals(estimate, wanted)


def render(reports: Sequence[Any], interval: bool = True, paths: Sequence[str] = ()) -> str:
    """One object for one estimate, an array for several."""
    documents = [document(report, interval, paths, with_file=len(reports) > 1) for report in reports]
    return json_text(documents[0] if len(documents) == 1 else documents)
