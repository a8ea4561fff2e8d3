"""The explanation of a figure: formula, values, inputs and sources, down to the lines of catalog and rack file."""

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from rackcalc.config.catalog_files import sources
from rackcalc.estimation.figure_meanings import meaning_of
from rackcalc.quantities.display import show_value
from rackcalc.quantities.figures import named_figure
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record, replace
from rackcalc.questions.formula_text import body, helpers

CONSTANTS = {"YEAR": "1 year", "TOKEN": "1 token", "GPU": "1 GPU"}
SHORT = 110  # characters of a formula with values in the opening sentence
LARGE = 0.3  # share of a step that a term must have to be named in the opening sentence
DEPTH = 3  # levels of inputs that are shown unless more are asked for
DEEPEST = 99
MOST_TERMS = 6  # of a sum, in the opening sentence


@record
class Step:
    """One quantity in an explanation. depth: 0 for the figure itself. again: it was explained before."""

    depth: int
    name: str
    quantity: Quantity
    again: bool


def source_of(quantity: Quantity) -> Quantity:
    """The quantity that this one only renames: through sums of one term and factors of one."""
    while quantity.formula is not None:
        inputs = list(quantity.inputs.values())
        same = [one for one in inputs if one.unit == quantity.unit and one.value is quantity.value]
        same = same or [one for one in inputs if one.unit == quantity.unit and _equal(one.value, quantity.value)]
        others = [one for one in inputs if one is not same[0]] if same else inputs
        if not same or not all(one.unit == "1" and _equal(one.value, 1.0) for one in others):
            return quantity
        quantity = same[0]
    return quantity


def _equal(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and one == other


def steps(quantity: Quantity, name: str, depth_limit: int = DEEPEST) -> Iterator[Step]:
    """The quantity and everything it was computed from, depth first; a shared input is followed once."""
    seen: set[int] = set()

    def follow(current: Quantity, label: str, depth: int) -> Iterator[Step]:
        current = source_of(current)
        again = id(current) in seen and current.formula is not None
        yield Step(depth, label, current, again)
        seen.add(id(current))
        if not again and depth < depth_limit:
            for child_name, child in current.inputs.items():
                yield from follow(child, child_name, depth + 1)

    yield from follow(quantity, name, 0)


def substituted(quantity: Quantity) -> str:
    """A formula of one line with values in place of its names; a sum or extreme with its named terms; else ""."""
    assert quantity.formula is not None
    if quantity.formula.variadic:
        return with_terms(quantity)
    code = body(quantity.formula)
    if "\n" in code:
        return ""
    return _in_place(code, {name: show_value(value) for name, value in quantity.inputs.items()})


def _in_place(code: str, texts: Mapping[str, str]) -> str:
    """The code with a text in place of each name that has one, and of the units that are written as constants."""
    known = {**CONSTANTS, **texts}
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda match: known.get(match[0], match[0]), code)


def with_terms(quantity: Quantity) -> str:
    """The terms of a sum, or what an extreme or another law of many inputs was made of, each with its name."""
    joiner = " + " if quantity.formula is not None and quantity.formula.name == "total" else ", "
    return joiner.join(f"{name.replace('_', ' ')} {show_value(value)}" for name, value in quantity.inputs.items())


def sentence(path: str, quantity: Quantity) -> str:
    """What a figure is and what it is made of, in one line."""
    whole, value = source_of(quantity), show_value(quantity)
    if whole.formula is None:
        return f"{path} is {value}: {provenance(whole)}"
    if whole.formula.name == "total" and isinstance(whole.value, float) and whole.value:
        return f"{path} is {value}: {_largest(whole, ' + ')}"
    if whole.formula.name in ("largest", "smallest"):
        return f"{path} is {value}: the {whole.formula.name} of {_largest(whole, ', ')}"
    meaning = meaning_of(path)
    said = (meaning.meaning if meaning else (whole.formula.__doc__ or whole.formula.name).strip().splitlines()[0])[:-1]
    made = _short_formula(whole)
    return f"{path} is {value}: {said[0].lower()}{said[1:]}{f'; {made}' if made else ''}"


def _largest(whole: Quantity, joiner: str) -> str:
    """The largest inputs by name, of the smallest too where that is what counts, and how many more there are."""
    smallest = whole.formula is not None and whole.formula.name == "smallest"
    terms = [item for item in whole.inputs.items() if item[1].unit == whole.unit and float(item[1].value)]
    terms.sort(key=lambda item: abs(float(item[1].value)) * (1 if smallest else -1))
    named = [f"{name.replace('_', ' ')} {show_value(term)}" for name, term in terms[:MOST_TERMS]]
    more = len(terms) - MOST_TERMS
    return joiner.join(named) + (f" and {more} more" if more > 0 else "")


def _short_formula(whole: Quantity) -> str:
    """A formula with the name and value of each input, where it is short; the terms of a law of many inputs."""
    assert whole.formula is not None
    if whole.formula.variadic:
        return f"from {_largest(whole, ', ')}" if whole.unit == "USD" else ""
    code = body(whole.formula)
    if "\n" in code or " if " in code or "(" in code.replace(" (", ""):
        return ""
    texts = {name: f"{name.replace('_', ' ')} {show_value(value)}" for name, value in whole.inputs.items()}
    made = _in_place(code, texts)
    return made if len(made) <= SHORT else ""


def mostly(result: Any, path: str) -> str:
    """Of a latency, the term that takes most of a step or of a prefill; "" where none takes much."""
    stages = getattr(result, "stages", None)
    if not stages or not path.startswith("latency."):
        return ""
    name = "prefill" if path.startswith("latency.ttft") else "decode"
    stage = stages.get(name)
    if stage is None or not stage.terms or not stage.time.known or not float(stage.time.value) > 0:
        return ""
    known = {term: float(time.value) / float(stage.time.value) for term, time in stage.terms.items() if time.known}
    term, share = max(known.items(), key=lambda item: item[1])
    what = "a prefill" if name == "prefill" else "each decode step"
    return f"; {share:.0%} of {what} is {term.replace('_', ' ')}" if LARGE <= share <= 1 else ""


def provenance(quantity: Quantity) -> str:
    """Where a leaf comes from: its kind, place, source and range."""
    source = quantity.source
    if source is None:
        return "no source"
    parts = [source.kind]
    if source.file:
        parts.append(f"{source.file}:{source.line}" if source.line else source.file)
    if source.reference:
        entry = sources().get(source.reference)
        parts.append(f"{entry['title']} ({entry['date']}) {entry['url']}" if entry else source.reference)
    if source.note:
        parts.append(source.note)
    if quantity.low is not None or quantity.high is not None:
        ends = [
            show_value(replace(quantity, value=end)) if end is not None else "?"
            for end in (quantity.low, quantity.high)
        ]
        parts.append(f"range {ends[0]} to {ends[1]}")
    return "; ".join(parts)


def explain(result: Any, path: str, depth_limit: int = DEEPEST) -> str:
    """The explanation of one figure of a result, as indented text. InputError for an unknown path."""
    path, quantity = named_figure(result, path)
    lines, below = _told(quantity, path, depth_limit), len(_told(quantity, path)) if depth_limit < DEEPEST else 0
    more = below - len(lines)
    if more > 0:
        said = f"{more:,} more line{'s' * (more > 1)} below"
        lines += ["", f"{said}: --depth {depth_limit + 1}, or --depth {DEEPEST} for all"]
    return "\n".join([sentence(path, quantity) + mostly(result, path), "", *lines])


def _told(quantity: Quantity, path: str, depth_limit: int = DEEPEST) -> list[str]:
    """The lines on a quantity and its inputs. The code of a formula is shown where it is met first."""
    shown: set[str] = set()
    return [line for step in steps(quantity, path, depth_limit) for line in _lines(step, shown)]


def _lines(step: Step, shown: set[str]) -> list[str]:
    """What is said of one quantity. shown: labels of the formulas whose code was shown before."""
    pad = "  " * step.depth
    head = f"{pad}{step.name} = {show_value(step.quantity)}"
    formula = step.quantity.formula
    if formula is None:
        return [f"{head}   [{provenance(step.quantity)}]"]
    if step.again:
        return [f"{head}   [{formula.label}, explained above]"]
    lines, values = [f"{head}   <- {formula.label}"], substituted(step.quantity)
    if formula.label in shown:
        return lines + [f"{pad}  | = {values}"] * bool(values)
    shown.add(formula.label)
    summary = (formula.__doc__ or "").strip().splitlines()
    lines += [f"{pad}  | {line}" for line in (summary[0] if summary else "",) if line]
    if not formula.variadic:
        lines += [f"{pad}  | {line}" for line in body(formula).splitlines()]
        lines += [f"{pad}  | {line}" for helper in helpers(formula) for line in helper.splitlines()]
    if values:
        lines.append(f"{pad}  | = {values}")
    return [*lines, f"{pad}  | source: {formula.cite}"]


def as_data(result: Any, path: str) -> dict[str, Any]:
    """The explanation as a graph: every quantity once, under an id, with the ids of its inputs by name.

    nodes: the figure first; formulas: by label, of the nodes; sources: titles by the references of the leaves.
    """
    numbers: dict[int, int] = {}
    found: list[Quantity] = []
    path, quantity = named_figure(result, path)
    waiting = [source_of(quantity)]
    while waiting:
        quantity = waiting.pop()
        if id(quantity) not in numbers:
            numbers[id(quantity)] = len(found)
            found.append(quantity)
            waiting += [source_of(one) for one in reversed(list(quantity.inputs.values()))]
    formulas = {one.formula.label: one.formula for one in found if one.formula is not None}
    titles = {one.source.reference: "" for one in found if one.source is not None and one.source.reference}
    known = sources()
    return {
        "figure": path,
        "nodes": [
            {"id": number} | _node_data(one, {name: numbers[id(source_of(x))] for name, x in one.inputs.items()})
            for number, one in enumerate(found)
        ],
        "formulas": {label: {"code": body(one), "cite": one.cite} for label, one in sorted(formulas.items())},
        "sources": {reference: known.get(reference, {}).get("title", "") for reference in sorted(titles)},
    }


def _node_data(quantity: Quantity, inputs: dict[str, int]) -> dict[str, Any]:
    value = float(quantity.value)
    data: dict[str, Any] = {
        "value": value if isfinite(value) else None,
        "unit": quantity.unit,
        "kind": quantity.kind,
    }
    if quantity.formula is not None:
        return data | {"formula": quantity.formula.label, "inputs": inputs}
    source = quantity.source
    if source is None:
        return data
    said = {"source": source.reference, "file": source.file, "line": source.line, "note": source.note}
    return data | {"name": quantity.name} | {key: told for key, told in said.items() if told}
