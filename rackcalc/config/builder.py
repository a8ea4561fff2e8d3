"""Builds spec objects from a node tree by the declarations of their fields, and collects every problem."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rackcalc.config.catalog_files import part_node
from rackcalc.config.document import Node
from rackcalc.config.part_aliases import find_part, no_part
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.problems import InputError, Problem, suggest
from rackcalc.quantities.quantity import KINDS, Quantity, Source, same_leaf
from rackcalc.quantities.spelling import meant
from rackcalc.quantities.words_read import watch
from rackcalc.spec.fields import (
    REQUIRED,
    Declared,
    Flag,
    Length,
    Listing,
    Number,
    Part,
    Section,
    Table,
    Text,
    declarations,
)
from rackcalc.spec.formats import OTHER_NAMES
from rackcalc.spec.lengths import Lengths, TraceFile
from rackcalc.spec.part_kinds import CATALOG, NOUNS

HOTTEST = 5000.0  # K: beyond it no part of a rack is solid
LONGEST_NUMBER = 200  # characters of a number with its unit
_FLAG_WORDS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
VALUE_KEYS = ("value", "low", "high", "kind", "source", "note")  # of a number that is written as a mapping


def is_exact(declared: Number, value: float) -> bool:
    """Whether a value without a range is certain: a count, or a share at its upper limit."""
    return declared.whole or (declared.unit == "1" and value == declared.at_most)


class Builder:
    """Builds spec objects and collects every problem. nodes: by dotted path, for messages about values that are built.

    default_kind: kind of source of a number that names none.
    words_read: paths of the words that the user wrote and that a calculation has read since.
    """

    def __init__(self, default_kind: str = "given", problems: list[Problem] | None = None) -> None:
        self.default_kind = default_kind
        self.problems: list[Problem] = [] if problems is None else problems
        self.nodes: dict[str, Node] = {}
        self.words_read: set[str] = set()

    def fail(self, node: Node, path: str, message: str) -> None:
        """Add a problem at a node."""
        self.problems.append(node.problem(path, message))

    def build(self, cls: type, node: Node, path: str = "") -> Any:
        """Build an instance of a declared dataclass. None when a problem was found in it."""
        self.nodes[path] = node
        declared = declarations(cls)
        if node.value is None:
            node = node._replace(value={})
        if not isinstance(node.value, dict):
            self.fail(node, path, f"expected a mapping with {', '.join(list(declared)[:4])} ..., got {node.kind}")
            return None
        found = len(self.problems)
        for key, child in node.value.items():
            if key not in declared:
                dotted = key.partition(".")[0] in declared  # dotted paths are for scenarios and --set only
                hint = "; write it nested, not as a dotted path" if dotted else hint_for(_join(path, key), declared)
                self.problems.append(child.key_problem(_join(path, key), f"unknown key{hint}"))
        values = {name: self.field(d, node, name, _join(path, name)) for name, d in declared.items()}
        if len(self.problems) > found:
            return None
        built = cls(**values)
        words = {
            name: _join(path, name)
            for name, child in node.value.items()
            if isinstance(declared[name], Text | Flag) and child.written and name != "name"
        }
        if words:
            watch(built, words, self.words_read)
        return built

    def missing(self, parent: Node, path: str, expected: str) -> None:
        """Add the problem of a key that a mapping lacks."""
        self.problems.append(parent.key_problem(path, f"is missing{expected}"))

    def field(self, declared: Declared, parent: Node, name: str, path: str) -> Any:
        """The value of one field of a mapping, or its default."""
        assert isinstance(parent.value, dict)
        node = parent.value.get(name)
        if node is not None and node.value is None and not isinstance(declared, Section):
            node = None
        if node is None:
            return self.default(declared, parent, path)
        self.nodes[path] = node
        return self.value(declared, node, path)

    def default(self, declared: Declared, parent: Node, path: str) -> Any:
        """The value of a field that is not given; None and a problem where it has no default."""
        match declared:
            case Number(default=None) | Text(default=None) | Part(default=None):
                return None
            case Length(elsewhere=other) if other and _has(parent, other):
                return None
            case Number(default=default) if default != REQUIRED:
                value = unit_text.parse(str(default), declared.unit, absolute=declared.absolute)
                source = Source("assumed", note="default: " + declared.doc)
                exact = is_exact(declared, value)
                where = parent.file, parent.line, parent.column
                return same_leaf(value, declared.unit, path, source, None, None, declared.absolute, exact, where)
            case Number():
                self.missing(parent, path, f"; expected {unit_text.expected(declared.unit, declared.example)}")
            case Text(default=default) if default != REQUIRED:
                return default
            case Text():
                self.missing(parent, path, f"; expected {declared.doc}{_choices(declared.choices)}")
            case Part(default=default) if default != REQUIRED:
                return self.value(declared, parent._replace(value=default, path=""), path)
            case Part():
                self.missing(parent, path, f"; expected {declared.doc}; `rackcalc parts` lists the names")
            case Flag():
                return declared.default
            case Section(optional=True):
                return None
            case Section(required=True):
                self.missing(parent, path, f"; expected a section: {declared.doc}")
            case Section():
                return self.build(declared.type, parent._replace(value=None), path)
            case Table(required=True):
                self.missing(parent, path, f"; expected {declared.doc}")
            case Table():
                return {}
            case Listing():
                return ()
        return None

    def value(self, declared: Declared, node: Node, path: str) -> Any:
        """The value of a field that is given. None when a problem was found in it."""
        match declared:
            case Length() if isinstance(node.value, dict) and "value" not in node.value:
                return self.lengths(node, path)
            case Number():
                return self.number(declared, node, path)
            case Text():
                return self.text(declared, node, path)
            case Flag():
                word = str(node.value).lower()
                if word in ("true", "false"):
                    return word == "true"
                fix = f": write {_FLAG_WORDS[word]}" if word in _FLAG_WORDS else ""
                self.fail(node, path, f"expected true or false, got {node.kind}{fix}")
            case Section():
                if node.value is None and declared.optional:
                    return None
                short = declared.short and _stands_for_one(node)
                built = self.shortened(declared, node, path) if short else self.build(declared.type, node, path)
                return self.with_trace(built, path) if declared.type is TraceFile else built
            case Part():
                return self.part(declared, node, path)
            case Table():
                return self.table(declared, node, path)
            case Listing():
                if not isinstance(node.value, tuple):
                    self.fail(node, path, f"expected a list of {declared.doc}, got {node.kind}")
                    return None
                if declared.length is not None and len(node.value) != declared.length:
                    self.fail(node, path, f"expected {declared.doc}; it has {len(node.value)}, not {declared.length}")
                    return None
                return tuple(self.item(declared.of, child, f"{path}[{i}]") for i, child in enumerate(node.value))
        return None

    def shortened(self, declared: Section, node: Node, path: str) -> Any:
        """A section of which the file says one field alone, without its name."""
        return self.build(declared.type, node._replace(value={declared.short: node}), path)

    def item(self, of: Any, node: Node, path: str) -> Any:
        """One entry of a table or list. of: its declaration, or its dataclass."""
        self.nodes[path] = node
        return self.build(of, node, path) if isinstance(of, type) else self.value(of, node, path)

    def table(self, declared: Table, node: Node, path: str) -> Any:
        """A mapping with free keys, or with the declared choices as keys."""
        if not isinstance(node.value, dict):
            self.fail(node, path, f"expected a mapping: {declared.doc}, got {node.kind}")
            return None
        result = {}
        for key, child in node.value.items():
            if child.value is None and isinstance(declared.of, type):
                continue  # a scenario removes an entry by leaving it empty
            if declared.choices and key not in declared.choices:
                message = f"unknown key{suggest(key, declared.choices)}"
                self.problems.append(child.key_problem(_join(path, key), message))
            elif not key.isprintable():
                self.problems.append(child.key_problem(_join(path, key), "cannot be printed; choose another name"))
            else:
                result[key] = self.item(declared.of, child, _join(path, key))
        return result

    def lengths(self, node: Node, path: str) -> Any:
        """A distribution of lengths, such as {p50: 800 token, p99: 6000 token}."""
        from rackcalc.config.written_lengths import column_read, wrong_form  # seldom needed

        wrong = wrong_form(node, path)
        if wrong:
            self.problems += wrong
            return None
        built = self.build(Lengths, node, path)
        if built is None or built.trace is None:
            return built
        try:
            return column_read(built, self.nodes[f"{path}.trace"], path)
        except InputError as error:
            self.problems += error.problems
            return None

    def with_trace(self, trace: Any, path: str) -> Any:
        """A trace with what its file says."""
        if trace is None:
            return None
        from rackcalc.config.written_lengths import trace_read  # seldom needed

        try:
            return trace_read(trace, self.nodes[f"{path}.file"], path)
        except InputError as error:
            self.problems += error.problems
            return None

    def text(self, declared: Text, node: Node, path: str) -> Any:
        """A word or sentence; where choices or a catalog are declared, one of their words."""
        if not isinstance(node.value, str):
            self.fail(node, path, f"expected {declared.doc}, got {node.kind}")
        elif declared.choices:
            word = word_meant(node.value, declared.choices)
            if word is not None:
                return word
            near = suggest(node.value, declared.choices)
            wanted = f"expected one of {', '.join(declared.choices)}, got {node.kind}"
            self.fail(node, path, wanted + (near if "mean" in near else ""))
        elif declared.catalog:
            part = find_part(declared.catalog, node.value)
            if part is not None:
                return part
            self.fail(node, path, no_part(declared.catalog, node.value))
        elif not node.value.strip() and declared.default == REQUIRED:
            self.fail(node, path, f"is empty; expected {declared.doc}")
        elif not node.value.replace("\n", "").replace("\t", "").isprintable():
            self.fail(node, path, "holds characters that cannot be printed; remove them")
        elif path.rpartition(".")[2] == "name" and (not node.value.isprintable() or node.value.startswith("::")):
            self.fail(node, path, 'expected one line of text that does not begin with "::"')
        else:
            return node.value
        return None

    def number(self, declared: Number, node: Node, path: str) -> Quantity | None:
        """A Quantity from "900 GB/s", or from {value: 900 GB/s, low:, high:, kind:, source:, note:}."""
        parts = self.number_parts(declared, node, path)
        if "value" not in parts:
            return None
        place = parts["value"]
        value = self.scalar(declared, place, path)
        low, high = (self.scalar(declared, parts[k], _join(path, k)) if k in parts else None for k in ("low", "high"))
        if value is None:
            return None
        if (low is not None and low > value) or (high is not None and high < value):
            self.fail(place, path, "the value lies outside its own low and high")
        words = {key: str(parts[key].value or "") for key in ("kind", "source", "note") if key in parts}
        kind = words["kind"] if words.get("kind") in KINDS else self.default_kind
        reference, note = words.get("source", ""), words.get("note", "")
        source = Source(kind, reference, place.file, place.line, place.column, note, place.path)
        exact = is_exact(declared, value)
        return same_leaf(value, declared.unit, path, source, low, high, declared.absolute, exact)

    def number_parts(self, declared: Number, node: Node, path: str) -> Mapping[str, Node]:
        """The nodes of the value, its range and its source, by key. Words are checked here, numbers in scalar()."""
        if not isinstance(node.value, dict):
            return {"value": node}
        for key, child in node.value.items():
            if key not in VALUE_KEYS:
                problem = child.key_problem(_join(path, key), f"unknown key{suggest(key, VALUE_KEYS)}")
                self.problems.append(problem)
            elif key in ("kind", "source", "note") and child.value is not None:
                self.text(Text("text", default="", choices=KINDS if key == "kind" else ()), child, _join(path, key))
        if "value" not in node.value:
            self.fail(node, path, f"has no value; expected {unit_text.expected(declared.unit, declared.example)}")
        return node.value

    def scalar(self, declared: Number, node: Node, path: str) -> float | None:
        """One number in canonical units, within the declared bounds; None and a problem otherwise."""
        example = declared.example or ("8" if declared.whole and declared.unit == "1" else "")
        if not isinstance(node.value, str) or len(node.value) > LONGEST_NUMBER:
            self.fail(node, path, f"expected {unit_text.expected(declared.unit, example)}, got {node.kind}")
            return None
        try:
            value = unit_text.parse(node.value, declared.unit, example=example, absolute=declared.absolute)
        except units.UnitError as error:
            self.fail(node, path, str(error))
            return None
        broken = broken_bound(declared, value)
        if broken:
            share = declared.unit == "1" and declared.at_most is not None and declared.at_most <= 1
            percent = share and 1 < value <= 100
            meant = f"; in percent: {value:g} percent" if percent and broken.startswith("at most") else ""
            self.fail(node, path, f"must be {broken}, got {node.kind}{meant}")
            return None
        return value

    def part(self, declared: Part, node: Node, path: str) -> Any:
        """A catalog part by name, a part with overrides ({from: name, ...}), or a whole part written in place."""
        if isinstance(node.value, str):
            return self.named_part(declared.kind, node, {}, path)
        if not isinstance(node.value, dict):
            self.fail(node, path, f"expected the name of a {NOUNS[declared.kind]}, or a mapping, got {node.kind}")
            return None
        if "hf_config" in node.value and declared.kind == "models":
            from rackcalc.config.hugging_face_file import model_node  # seldom needed

            try:
                return self.build(CATALOG["models"], model_node(node, path), path)
            except InputError as error:
                self.problems.extend(error.problems)
                return None
        if "weather" in node.value and declared.kind == "climates":
            from rackcalc.config.weather_file import climate_node  # seldom needed

            try:
                return self.build(CATALOG["climates"], climate_node(node, path), path)
            except InputError as error:
                self.problems.extend(error.problems)
                return None
        if "from" in node.value:
            own = {key: child for key, child in node.value.items() if key != "from"}
            return self.named_part(declared.kind, node.value["from"], own, path)
        return self.build(CATALOG[declared.kind], node, path)

    def named_part(self, kind: str, name: Node, overrides: dict[str, Node], path: str) -> Any:
        """A part of the catalog with some of its keys overridden."""
        if not isinstance(name.value, str):
            self.fail(name, path, f"expected the name of a {NOUNS[kind]}, got {name.kind}")
            return None
        known = find_part(kind, name.value)
        if known is None:
            self.fail(name, path, f"{no_part(kind, name.value)}; `rackcalc parts {kind}` lists them")
            return None
        if overrides:
            base = part_node(kind, known)
            for key, child in overrides.items():
                base = _override(base, key, child)
            part = self.build(CATALOG[kind], base, path)
        else:
            part, nodes, problems = _part_at(self.default_kind, kind, known, path)
            self.nodes.update(nodes)
            self.problems += problems
        self.nodes[path] = name._replace(value=known)  # messages name the user's line, not the catalog's
        return part


@lru_cache(maxsize=256)
def _part_at(default_kind: str, kind: str, name: str, path: str) -> tuple[Any, dict[str, Node], list[Problem]]:
    """A part of the catalog as it stands, at a path: built once for all racks that have it there."""
    builder = Builder(default_kind)
    return builder.build(CATALOG[kind], part_node(kind, name), path), builder.nodes, builder.problems


def word_meant(typed: str, choices: Sequence[str]) -> str | None:
    """The one of the allowed words that is meant, whatever its case and hyphens; None when it is none of them."""
    word = meant(typed, choices)
    if word is None:
        other = meant(typed, OTHER_NAMES)
        word = OTHER_NAMES[other] if other is not None and OTHER_NAMES[other] in choices else None
    return word


def hint_for(path: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown key: what an engine's option is called here, or a key that is near."""
    from rackcalc.config.engine_names import called_here  # only a mistake needs it

    return called_here(path) or suggest(path.rpartition(".")[2], known)


def broken_bound(declared: Number, value: float) -> str:
    """The declared bound that the value breaks, in words ("at least 1"); "" when all bounds hold."""
    unit = "" if declared.unit == "1" else f" {declared.unit}"
    if declared.above is not None and value <= declared.above:
        return f"more than {declared.above:g}{unit}"
    if declared.at_least is not None and value < declared.at_least:
        return f"at least {declared.at_least:g}{unit}"
    if declared.at_most is not None and value > declared.at_most:
        return f"at most {unit_text.show(declared.at_most, declared.unit) if unit else f'{declared.at_most:g}'}"
    if declared.absolute and value > HOTTEST:
        return f"at most {HOTTEST:g}{unit}"
    return "a whole number" if declared.whole and value != int(value) else ""


def _stands_for_one(node: Node) -> bool:
    """Whether a node in place of a section says one field of it: a word, or a number with its range."""
    return not isinstance(node.value, dict) or "value" in node.value


def _override(base: Node, key: str, child: Node) -> Node:
    """The node with one key overridden. Mappings are merged key by key; numbers and words are replaced whole."""
    assert isinstance(base.value, dict)
    old = base.value.get(key)
    if old is not None and isinstance(old.value, dict) and "value" not in old.value and isinstance(child.value, dict):
        for inner, grandchild in child.value.items():
            old = _override(old, inner, grandchild)
        child = old
    return base._replace(value=base.value | {key: child})


def _has(node: Node, key: str) -> bool:
    """Whether a mapping has something at a key."""
    child = node.value.get(key) if isinstance(node.value, dict) else None
    return child is not None and child.value is not None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _choices(choices: tuple[str, ...]) -> str:
    return f": one of {', '.join(choices)}" if choices else ""


def option_quantity(name: str, text: str, unit: str, problems: list[Problem], **bounds: Any) -> Quantity | None:
    """A number given on the command line, as a Quantity. None, and a problem added to the list, when it is wrong."""
    builder = Builder(problems=problems)
    return builder.number(Number(unit, name, **bounds), Node(text, name, 0, 0), "")
