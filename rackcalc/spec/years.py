"""A year of a rack file: what the rack is then, and what the makers of its parts have said about that year."""

import re

from rackcalc.quantities.record import record
from rackcalc.spec.fields import listing, text

STANDINGS = ("shipping", "announced", "analyst", "press", "cancelled")
PARTS = {"": 0.0, "early": 0.0, "mid": 0.5, "late": 0.75}
_LABEL = r"(?:(early|mid|late)-)?((?:19|20|21)\d\d)"


@record
class RoadmapItem:
    """What is known of a product in a year."""

    says: str = text("what ships, or is said to ship")
    standing: str = text("how far it is known", choices=STANDINGS)
    source: str | None = text("who says so, where", default=None)


@record
class Year:
    """A year of the rack. set: dotted paths and values, as in a scenario; they hold in later years too."""

    says: str | None = text("what the rack is in that year", default=None)
    vendor: tuple[RoadmapItem, ...] = listing(RoadmapItem, "the makers' own roadmap in that year")


def year_number(label: str) -> float | None:
    """The time that a label means, in years; None for a text that is none.

    >>> year_number("2026"), year_number("mid-2025"), year_number("soon")
    (2026.0, 2025.5, None)
    """
    match = re.fullmatch(_LABEL, label)
    return None if match is None else float(match[2]) + PARTS[match[1] or ""]
