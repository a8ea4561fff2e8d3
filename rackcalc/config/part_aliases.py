"""Which catalog part a name means, as people type it: in any case, by its full name, by an alias."""

from collections.abc import Iterator, Mapping
from functools import cache

from rackcalc.config.catalog_files import catalog_tree, part_names, part_node
from rackcalc.config.document import Node
from rackcalc.quantities.problems import shortened
from rackcalc.quantities.spelling import MAKERS, folded, meant, suggestion
from rackcalc.spec.part_kinds import NOUNS


def find_part(kind: str, typed: str) -> str | None:
    """The name in the catalog of the part that is meant; None when it is none, or could be several."""
    names = part_names(kind)
    if typed in names:
        return typed
    return meant(typed, names) or _by_folded_alias(kind).get(folded(typed))


def no_part(kind: str, typed: str) -> str:
    """The message for a name that means no part, with those that it may mean."""
    near = suggestion(typed, part_names(kind), aliases(kind))
    return f'no {NOUNS[kind]} is called "{shortened(typed)}"{near}'


@cache
def aliases(kind: str) -> Mapping[str, str]:
    """Every other name of a part of that kind -> its name in the catalog. A name of several parts is left out."""
    found: dict[str, set[str]] = {}
    for name, texts in _written(kind).items():
        for text in texts:
            for spelling in _shorter(text):
                found.setdefault(spelling, set()).add(name)
    return {spelling: min(parts) for spelling, parts in found.items() if len(parts) == 1}


def _written(kind: str) -> Mapping[str, tuple[str, ...]]:
    """Name in the catalog -> its full name, and the aliases that aliases.yaml gives."""
    listed = _file().get(kind, Node(None)).value
    given = listed if isinstance(listed, dict) else {}
    result = {}
    for name in part_names(kind):
        fields, extra = part_node(kind, name).value, given.get(name, Node(())).value
        full = fields.get("name", Node(None)).value if isinstance(fields, dict) else None
        nodes = extra if isinstance(extra, tuple) else ()
        result[name] = tuple(text for text in (full, *(node.value for node in nodes)) if isinstance(text, str))
    return result


@cache
def _file() -> Mapping[str, Node]:
    root = catalog_tree("catalog/aliases.yaml").value
    assert isinstance(root, dict)
    return root


def _shorter(text: str) -> Iterator[str]:
    """The name; without its maker, where more than a model number remains; without the owner of a Hugging Face id."""
    yield text
    _, slash, rest = text.rpartition("/")
    if slash:
        yield rest
    words = text.split()
    while len(words) > 1 and words[0].casefold() in MAKERS:
        words = words[1:]
        if len(words) > 1 or "-" in words[0]:
            yield " ".join(words)


@cache
def _by_folded_alias(kind: str) -> Mapping[str, str]:
    found: dict[str, set[str]] = {}
    for alias, name in aliases(kind).items():
        found.setdefault(folded(alias), set()).add(name)
    return {alias: min(names) for alias, names in found.items() if len(names) == 1}
