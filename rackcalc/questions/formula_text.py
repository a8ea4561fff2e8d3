"""The code of formulas as people read them: max and / in place of xp.maximum and xp.divide, without units of one."""

import ast
import inspect
import re
import sys
import textwrap
from functools import cache
from typing import Any

from rackcalc.quantities.quantity import Formula

_UNITS = {
    "SECOND", "BYTE", "FLOP", "TOKEN", "REQUEST", "WATT", "KELVIN", "METRE", "PASCAL", "USD", "DECIBEL",
}  # fmt: skip
_NAMES = {"maximum": "max", "minimum": "min", "logical_and": "both"}


def body(formula: Formula) -> str:
    """The code of a formula, without signature and docstring, as people write it."""
    return code_of(formula.function)


@cache
def code_of(code: Any) -> str:
    """The code of a function, without signature and docstring, as people write it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    statements = [_Plainer().visit(node) for node in function.body if not _is_text(node)]
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


_WORDS = {"inf": "unbounded", "nan": "none"}  # what is no number, as tables say it


class _Plainer(ast.NodeTransformer):
    """Rewrites an expression: xp.divide(a, b) as a / b, xp.pure(a) as a, a * SECOND as a, 0 * a as 0."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        arguments = [self.visit(argument) for argument in node.args]
        named = [self.visit(argument) for argument in node.keywords]
        function = node.func
        if not isinstance(function, ast.Attribute):
            return ast.Call(func=self.visit(function), args=arguments, keywords=named)
        if function.attr == "function":  # a formula inside another
            return ast.Call(func=function.value, args=arguments, keywords=named)
        if not (isinstance(function.value, ast.Name) and function.value.id == "xp"):
            return ast.Call(func=self.visit(function), args=arguments, keywords=named)
        match function.attr, arguments:
            case "pure", [inner]:
                return inner
            case "divide", [above, below]:
                return ast.BinOp(left=above, op=ast.Div(), right=below)
            case "power", [base, exponent]:
                return ast.BinOp(left=base, op=ast.Pow(), right=exponent)
            case "where", [condition, then, otherwise]:
                return ast.IfExp(test=condition, body=then, orelse=otherwise)
        return ast.Call(func=ast.Name(id=_NAMES.get(function.attr, function.attr)), args=arguments, keywords=named)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        name = _WORDS.get(node.attr, node.attr)
        return ast.Name(id=name) if isinstance(node.value, ast.Name) and node.value.id in ("xp", "math") else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(id=_WORDS.get(node.id, node.id))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mult | ast.Div) and _is_unit(node.right):
            return node.left
        if isinstance(node.op, ast.Mult) and _is_unit(node.left):
            return node.right
        if isinstance(node.op, ast.Mult) and isinstance(node.left, ast.Constant) and node.left.value == 0:
            return node.left
        return node


def _is_unit(node: ast.AST) -> bool:
    """Whether a factor is a unit, or a quotient of units, such as SECOND / TOKEN: it is one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        return _is_unit(node.left) and _is_unit(node.right)
    return isinstance(node, ast.Name) and node.id in _UNITS
