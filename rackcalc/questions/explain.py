"""The explanation of a figure: formula, values, inputs and sources, down to the lines of catalog and rack file."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from math import isfinite
from typing import Any

from rackcalc.config.catalog_files import sources
from rackcalc.quantities.display import show_value
from rackcalc.quantities.figures import figure
from rackcalc.quantities.quantity import Formula, Quantity
from rackcalc.quantities.record import record
from rackcalc.quantities.unit_text import show


@record
class Step:
    """One quantity in an explanation. depth: 0 for the figure itself. again: it was explained before."""

    depth: int
    name: str
    quantity: Quantity
    again: bool


def steps(quantity: Quantity, name: str, depth_limit: int = 99) -> Iterator[Step]:
    """The quantity and everything it was computed from, depth first; a shared input is followed once."""
    seen: set[int] = set()

    def follow(current: Quantity, label: str, depth: int) -> Iterator[Step]:
        again = id(current) in seen and current.formula is not None
        yield Step(depth, label, current, again)
        seen.add(id(current))
        if not again and depth < depth_limit:
            for child_name, child in current.inputs.items():
                yield from follow(child, child_name, depth + 1)

    yield from follow(quantity, name, 0)


def body(formula: Formula) -> str:
    """The code of a formula, without signature and docstring."""
    return code_of(formula.function)


@cache
def code_of(code: Any) -> str:
    """The code of a function, without signature and docstring."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    statements = [node for node in function.body if not _is_text(node)]
    if len(statements) == 1 and isinstance(statements[0], ast.Return) and statements[0].value is not None:
        return ast.unparse(statements[0].value)
    return "\n".join(ast.unparse(statement) for statement in statements)


def helpers(formula: Formula) -> list[str]:
    """The private functions that the code of a formula calls, each as "_name(a, b) = code"; their own helpers too."""
    module = sys.modules[formula.function.__module__]
    found: dict[str, str] = {}
    waiting = [body(formula)]
    while waiting:
        for name in re.findall(r"\b(_[a-z]\w*)\(", waiting.pop()):
            function = getattr(module, name, None)
            if name in found or not inspect.isfunction(function):
                continue
            code = code_of(function)
            found[name] = f"where {name}({', '.join(inspect.signature(function).parameters)}) is"
            found[name] += f"\n{textwrap.indent(code, '  ')}" if "\n" in code else f" {code}"
            waiting.append(code)
    return list(found.values())


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def substituted(quantity: Quantity) -> str:
    """A formula of one line with values in place of its names; "" for longer formulas."""
    assert quantity.formula is not None
    code = body(quantity.formula)
    if quantity.formula.variadic:
        joiner = " + " if quantity.formula.name == "total" else ", "
        return joiner.join(show_value(value) for value in quantity.inputs.values())
    if "\n" in code:
        return ""
    return re.sub(
        r"\b[A-Za-z_]\w*\b",
        lambda match: show_value(quantity.inputs[match[0]]) if match[0] in quantity.inputs else match[0],
        code,
    )


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
        ends = [show(end, quantity.unit) if end is not None else "?" for end in (quantity.low, quantity.high)]
        parts.append(f"range {ends[0]} to {ends[1]}")
    return "; ".join(parts)


def explain(result: Any, path: str, depth_limit: int = 99) -> str:
    """The explanation of one figure of a result, as indented text. InputError for an unknown path."""
    quantity = figure(result, path)
    lines = []
    for step in steps(quantity, path, depth_limit):
        pad = "  " * step.depth
        head = f"{pad}{step.name} = {show_value(step.quantity)}"
        if step.quantity.formula is None:
            lines.append(f"{head}   [{provenance(step.quantity)}]")
            continue
        formula = step.quantity.formula
        if step.again:
            lines.append(f"{head}   [{formula.label}, explained above]")
            continue
        lines.append(f"{head}   <- {formula.label}")
        summary = (formula.__doc__ or "").strip().splitlines()
        lines += [f"{pad}  | {line}" for line in (summary[0] if summary else "",) if line]
        if not formula.variadic:
            lines += [f"{pad}  | {line}" for line in body(formula).splitlines()]
            lines += [f"{pad}  | {line}" for helper in helpers(formula) for line in helper.splitlines()]
        values = substituted(step.quantity)
        if values:
            lines.append(f"{pad}  | = {values}")
        lines.append(f"{pad}  | source: {formula.cite}")
    return "\n".join(lines)


def as_data(result: Any, path: str) -> dict[str, Any]:
    """The explanation as nested data. An input that was explained before has `again` instead of its inputs."""
    stack: list[dict[str, Any]] = []
    for step in steps(figure(result, path), path):
        data = _step_data(step)
        del stack[step.depth :]
        if stack:
            stack[-1].setdefault("inputs", []).append(data)
        stack.append(data)
    return stack[0]


def _step_data(step: Step) -> dict[str, Any]:
    quantity = step.quantity
    value = float(quantity.value)
    data: dict[str, Any] = {
        "name": step.name,
        "value": value if isfinite(value) else None,
        "unit": quantity.unit,
        "kind": quantity.kind,
    }
    if quantity.formula is not None:
        formula = quantity.formula
        again = {"again": True} if step.again else {"code": body(formula), "cite": formula.cite}
        return data | {"formula": formula.label} | again
    source = quantity.source
    if source is None:
        return data
    title = sources().get(source.reference, {}).get("title", "")
    return data | {
        "source": source.reference,
        "title": title,
        "file": source.file,
        "line": source.line,
        "note": source.note,
    }
