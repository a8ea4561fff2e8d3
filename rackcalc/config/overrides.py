"""Scenarios and --set: dotted paths that replace values in a rack file before its rack is built."""

from typing import Any

from rackcalc.config.builder import VALUE_KEYS, Builder, hint_for
from rackcalc.config.document import Node, assign, parse
from rackcalc.quantities.problems import InputError, Problem, shortened, suggest
from rackcalc.spec.fields import REQUIRED, Length, Number, Part, Section, Table, Text, declarations
from rackcalc.spec.lengths import FORMS, Lengths
from rackcalc.spec.part_kinds import CATALOG, FILES
from rackcalc.spec.rack import Rack

# Scenarios that every rack has, unless its file says otherwise: who pays for the hardware.
WAYS_TO_PAY = {"buy": "purchase", "rent": "rent", "api": "api"}


def apply_scenario(root: Node, scenarios: Node | None, chosen: str, builder: Builder) -> Node:
    """The tree with the overrides of the chosen scenario. The form of all scenarios is checked."""
    if scenarios is None or scenarios.value is None:
        table: dict[str, Node] = {}
    elif isinstance(scenarios.value, dict):
        table = scenarios.value
    else:
        builder.fail(scenarios, "scenarios", f"expected a mapping of names to overrides, got {scenarios.kind}")
        return root
    for name, node in table.items():
        if not isinstance(node.value, dict | None):
            builder.fail(node, f"scenarios.{name}", f"expected a mapping of paths to values, got {node.kind}")
            continue
        for path, override in (node.value or {}).items():
            unknown = unknown_step(path)
            if unknown:
                builder.problems.append(override.key_problem(f"scenarios.{name}.{path}", unknown))
    if chosen in WAYS_TO_PAY and chosen not in table:
        return assign_or_report(root, "economics.acquisition", Node(WAYS_TO_PAY[chosen], "--scenario"), builder)
    if chosen and chosen not in table:
        place = scenarios or root
        builder.problems.append(
            place.key_problem("scenarios", f'no scenario "{chosen}"{suggest(chosen, [*table, *WAYS_TO_PAY])}')
        )
    overrides = table[chosen].value if chosen in table else None
    for path, node in (overrides if isinstance(overrides, dict) else {}).items():
        if not unknown_step(path):
            root = assign_or_report(root, path, node, builder)
    return root


def assign_or_report(root: Node, path: str, node: Node, builder: Builder) -> Node:
    """The tree with the node put at the path; where that is not possible, the tree itself and a problem."""
    try:
        root = with_form(with_default_parts(with_short_fields(root, path), path, node), path)
        return assign(without_other_base(root, path), path, node)
    except InputError as error:
        builder.problems += error.problems
        return root


def with_default_parts(root: Node, path: str, place: Node) -> Node:
    """The tree with the default names of the catalog parts on the path that the file does not name itself."""
    steps = path.split(".")
    for length in range(1, len(steps)):
        before = ".".join(steps[:length])
        declared, node = declared_at(before), root
        for step in steps[:length]:
            node = node.value.get(step, Node(None)) if isinstance(node.value, dict) else Node(None)
        if isinstance(declared, Part) and node.value is None and declared.default not in (None, REQUIRED):
            root = assign(root, before, place._replace(value=declared.default))
    return root


def with_short_fields(root: Node, path: str) -> Node:
    """The tree in which the sections on the path name the one field that a word or number stands for."""
    steps = path.split(".")
    for length in range(1, len(steps)):
        before = ".".join(steps[:length])
        declared, node = _declared_at(before), root
        for step in steps[:length]:
            node = node.value.get(step, Node(None)) if isinstance(node.value, dict) else Node(None)
        if isinstance(declared, Section) and declared.short and isinstance(node.value, str):
            root = assign(root, before, node._replace(value={declared.short: node}))
    return root


# The keys that say what a part is before its other keys change it: setting one replaces the other.
_BASES = ("from", *(key for key, _ in FILES.values()))


def without_other_base(root: Node, path: str) -> Node:
    """The tree in which a part is no longer what it was, where the path sets a file or a part to start from.

    Keys beside a former base stay, as they do under another part; one that is written out goes as a whole.
    """
    before, _, last = path.rpartition(".")
    declared = declared_at(before) if last in _BASES and before else None
    if not isinstance(declared, Part) or declared.kind not in FILES:
        return root
    node = root
    for step in before.split("."):
        node = node.value.get(step, Node(None)) if isinstance(node.value, dict) else Node(None)
    fields = node.value if isinstance(node.value, dict) else {}
    kept = {key: child for key, child in fields.items() if key not in _BASES} if set(_BASES) & set(fields) else {}
    return assign(root, before, node._replace(value=kept)) if node.value is not None else root


def with_form(root: Node, path: str) -> Node:
    """The tree in which lengths above the last key keep only what goes together with it.

    A number is the mean beside spread or cv, and goes before p50.
    """
    before, _, key = path.rpartition(".")
    declared, node = declared_at(before) if before else None, root
    for step in before.split("."):
        node = node.value.get(step, Node(None)) if isinstance(node.value, dict) else Node(None)
    if not isinstance(declared, Length) or key in VALUE_KEYS or node.value is None:
        return root
    fields = node.value if isinstance(node.value, dict) and "value" not in node.value else {"mean": node}
    together = {word for form in FORMS if key in form for word in form} - {key}
    if key in ("spread", "cv"):
        together.discard("spread" if key == "cv" else "cv")
    return assign(
        root, before, node._replace(value={name: child for name, child in fields.items() if name in together})
    )


def apply_set(root: Node, assignment: str, builder: Builder) -> Node:
    """The tree with one --set PATH=VALUE. The value is YAML; its field decides how it is read."""
    path, equals, value = (part.strip() for part in assignment.partition("="))
    if not equals or not path:
        message = f'expected PATH=VALUE such as "workload.batch=8", got "{shortened(assignment)}"'
        builder.problems.append(Problem("--set", 0, 0, "", message))
        return root
    unknown = unknown_step(path)
    if unknown:
        builder.problems.append(Problem("--set", 0, 0, path, unknown))
        return root
    try:
        flow = value[:1] in ("[", "{")
        node = parse(value, "--set", root_path=path) if flow else Node(value or None, "--set", path=path)
    except InputError as error:
        builder.problems += [Problem("--set", 0, 0, path, problem.message) for problem in error.problems]
        return root
    return assign_or_report(root, path, node, builder)


def unknown_step(path: str) -> str:
    """Why a dotted path names nothing in a rack file; "" when it names something."""
    found = declared_at(path)
    return found if isinstance(found, str) else ""


def declared_at(path: str) -> Any:
    """The declaration (Number, Text, Part, ...) at a dotted path of a rack file; a str says why there is none.

    Of a section that one of its fields can stand for, it is that field's.
    """
    found = _declared_at(path)
    if isinstance(found, Section) and found.short:
        return declarations(found.type)[found.short]
    return found


def whole_path(path: str) -> str:
    """The path itself; of a section that one of its fields can stand for, the path of that field."""
    found = _declared_at(path)
    return f"{path}.{found.short}" if isinstance(found, Section) and found.short else path


def _declared_at(path: str) -> Any:
    current: Any = Section(Rack, "a rack")
    before = ""
    inside = f" in {path!r}" if "." in path else " in a rack"
    for place, step in enumerate(path.split(".")):
        if isinstance(current, Part):
            file, described = FILES.get(current.kind, ("", ""))
            base = step in ("from", file)
            current = Text("name" if step == "from" else f"the {described}") if base else CATALOG[current.kind]
            if isinstance(current, Text):
                before = step
                continue
        if isinstance(current, Section):
            current = current.type
        if isinstance(current, type):
            known = declarations(current)
            if step not in known:
                here = ".".join(path.split(".")[: place + 1])
                return f'no "{step}"{inside}{hint_for(here, known)}'
            current = known[step]
        elif isinstance(current, Table):
            if current.choices and step not in current.choices:
                return f'no "{step}"{inside}{suggest(step, current.choices)}'
            current = current.of
        elif isinstance(current, Length) and step in (forms := declarations(Lengths)):
            current = forms[step]
        elif isinstance(current, Number):
            if step not in VALUE_KEYS:
                return f'no "{step}"{inside}{suggest(step, VALUE_KEYS)}'
            current = Text(step)
        else:
            return f'nothing can be set below "{before}" in {path!r}'
        before = step
    return current
