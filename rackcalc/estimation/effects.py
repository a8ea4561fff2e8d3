"""Which settings of a rack have an effect: what the user wrote and no figure and no condition rests on is named.

The recorded graph knows every number that a figure rests on, and words tell when they are read. So this holds for all
keys alike, those of parts that the user changed too, and no list has to be kept.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rackcalc.config.racks import Loaded
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import Quantity, leaves_behind
from rackcalc.spec.fields import Declared, Flag, Length, Listing, Number, Part, Section, Table, Text, declarations
from rackcalc.spec.lengths import Lengths
from rackcalc.spec.part_kinds import CATALOG
from rackcalc.spec.rack import Rack

DESCRIPTIVE = ("name", "notes", "gates", "claims")  # they say something about the rack, and no figure follows from them
TOLD = ("name", "condition", "date")  # words that tell a reader something about a number, wherever they stand


class Reached(NamedTuple):
    """The leaves that figures rest on: by identity, and by file and dotted path where they have a place."""

    ids: frozenset[int]
    places: frozenset[tuple[str, str]]

    def has(self, leaf: Quantity) -> bool:
        """Whether a figure rests on a leaf, or on another from the same place of the same file."""
        source = leaf.source
        placed = source is not None and bool(source.path) and (source.file, source.path) in self.places
        return placed or id(leaf) in self.ids


def reached_by(quantities: Iterable[Quantity]) -> Reached:
    """All leaves below these quantities."""
    leaves = leaves_behind(quantities)
    places = frozenset((leaf.source.file, leaf.source.path) for leaf in leaves if leaf.source is not None)
    return Reached(frozenset(map(id, leaves)), places)


def without_effect(loaded: Loaded, quantities: Iterable[Quantity]) -> list[str]:
    """Dotted paths of what the user wrote and nothing rests on.

    quantities: all figures, and those of all conditions.
    """
    search = _Search(loaded, reached_by(quantities))
    found = []
    for name, declared in declarations(Rack).items():
        if name not in DESCRIPTIVE:
            found += search.unused(declared, getattr(loaded.rack, name), name)
    return found


class _Search:
    def __init__(self, loaded: Loaded, reached: Reached) -> None:
        self.reached, self.words_read = reached, frozenset(loaded.words_read)  # the search itself reads all
        written = [path for path, node in loaded.nodes.items() if node.written and node.value is not None]
        self.written = {path[:end] for path in written for end in _ends(path)}  # with the groups around each

    def unused(self, declared: Declared, value: Any, path: str) -> list[str]:
        """Paths at or below this one that have no effect; the whole where nothing in it has one."""
        if path not in self.written or value is None:
            return []
        match declared:
            case Length() if isinstance(value, Lengths):
                return self.unused(Section(Lengths, ""), value, path)
            case Number():
                return [] if self.reached.has(value) else [path]
            case Text() | Flag():
                told = path.rpartition(".")[2] in TOLD
                return [] if path in self.words_read or told else [path]
            case Listing(of=Number()):
                return [] if any(self.reached.has(one) for one in value) else [path]
            case Listing():
                return []
            case Section() | Part():
                fields = declarations(declared.type if isinstance(declared, Section) else CATALOG[declared.kind])
                below = ((field, getattr(value, name, None), f"{path}.{name}") for name, field in fields.items())
                return self._of_group(below, value, path)
            case Table():
                of = Section(declared.of, "") if isinstance(declared.of, type) else declared.of
                return self._of_group(((of, item, f"{path}.{key}") for key, item in value.items()), value, path)
        return []

    def _of_group(self, below: Iterable[tuple[Any, Any, str]], value: Any, path: str) -> list[str]:
        fields = [(field, item, name) for field, item, name in below if name in self.written]
        found = [unused for field, item, name in fields for unused in self.unused(field, item, name)]
        whole = all(name in found for _, _, name in fields)
        return [path] if whole and not self._rests_on(value) else found

    def _rests_on(self, value: Any) -> bool:
        """Whether a figure rests on something in a section or part, be it written or a default."""
        return any(self.reached.has(leaf) for _, leaf in figures(value))


def _ends(path: str) -> Iterator[int]:
    """The lengths of a dotted path and of all paths above it."""
    end = len(path)
    while end > 0:
        yield end
        end = path.rfind(".", 0, end)


def conditions_of(chains: Iterable[Iterable[Any]]) -> Iterator[Quantity]:
    """The quantities that conditions are about."""
    for chain in chains:
        for condition in chain:
            yield from condition.quantities


def note_on(paths: list[str]) -> str:
    """The note that names settings without an effect; "" where there are none."""
    if not paths:
        return ""
    return f"no figure depends on {', '.join(paths)}: {'it has' if len(paths) == 1 else 'they have'} no effect here"
