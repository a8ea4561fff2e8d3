"""What must hold for every formula: an example, honest dimensions, and array = map of scalars."""

import ast
import doctest
import importlib
import itertools
import math
import pkgutil
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rackcalc.formulas
from rackcalc.quantities import units
from rackcalc.quantities.quantity import FORMULAS, SAME, Formula, Quantity, constant

ROOT = Path(__file__).parent.parent.parent
MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(rackcalc.formulas.__path__, "rackcalc.formulas.")
]
UNIT_CONSTANTS = {
    "SECOND": "s", "BYTE": "B", "FLOP": "FLOP", "TOKEN": "token", "REQUEST": "request", "WATT": "W", "KELVIN": "K",
    "METRE": "m", "PASCAL": "Pa", "USD": "USD", "GPU": "GPU", "DECIBEL": "dB", "VOLT_AMPERE": "VA",
}  # fmt: skip
DERIVED_CONSTANTS = {"YEAR": "s", "MONTH": "s", "HOUR": "s", "DAY": "s", "MILLISECOND": "s", "JOULE": "J", "BIT": "B"}
ALL = pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)


def example(formula: Formula) -> dict[str, Any]:
    """The keyword arguments of the call in the docstring."""
    for found in doctest.DocTestParser().get_examples(formula.__doc__ or ""):
        for node in ast.walk(ast.parse(found.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == formula.name:
                assert not node.args, f"{formula}: the example names its arguments"
                known = formula.function.__globals__  # for **NAME, a mapping beside the formula
                values = [(k.arg, eval(ast.unparse(k.value), known)) for k in node.keywords]
                return {key: item for name, value in values for key, item in ({name: value} if name else value).items()}
    raise AssertionError(f"{formula}: no example in the docstring")


@ALL
def test_has_source_units_and_an_example_of_every_parameter(formula: Formula) -> None:
    arguments = example(formula)
    assert formula.cite and (formula.__doc__ or "").strip()
    assert formula.unit, "the result has a unit"
    if not formula.variadic:
        assert set(arguments) == set(formula.parameters)
    assert set(formula.parameters) <= set(formula.units), "every parameter has a unit"
    for unit in {*formula.units.values(), formula.unit} - {SAME}:
        assert unit in units.DIMENSIONS, f"{unit} is not a canonical unit"


@ALL
def test_a_fitted_form_names_its_measurements_and_is_no_definition(formula: Formula) -> None:
    if "fitted" not in formula.cite:
        return
    assert not formula.cite.startswith("definition"), "a form that was fitted holds by measurement, not by definition"
    named = re.findall(r"rackcalc/validation/[\w/]+\.(?:csv|py)", formula.cite)
    assert any(name.endswith(".csv") for name in named), f"to which measurements? {formula.cite}"
    assert all((ROOT / name).is_file() for name in named), named


def test_some_forms_are_fitted() -> None:
    assert sum("fitted" in formula.cite for formula in FORMULAS.values()) > 20


@ALL
def test_array_is_map_of_scalars(formula: Formula) -> None:
    arguments = example(formula)
    points = [
        {name: value * factor if isinstance(value, float) else value for name, value in arguments.items()}
        for factor in (1.0, 0.7, 1.3)
    ]
    scalars = [float(formula(**point)) for point in points]
    stacked = {name: np.array([float(point[name]) for point in points]) for name in arguments}
    arrays = np.broadcast_to(np.asarray(formula(**stacked), dtype=float), (3,))
    np.testing.assert_allclose(arrays, scalars, rtol=1e-9, atol=0)


@ALL
def test_arrays_on_their_own_axes_broadcast(formula: Formula) -> None:
    arguments = {name: float(value) for name, value in example(formula).items()}
    names = list(arguments)[:2]
    grid = dict(arguments)
    axes = {name: np.array([1.0, 0.8]) * arguments[name] for name in names}
    for position, name in enumerate(names):
        grid[name] = axes[name].reshape([2 if i == position else 1 for i in range(len(names))])
    whole = np.broadcast_to(np.asarray(formula(**grid), dtype=float), [2] * len(names))
    for index in itertools.product((0, 1), repeat=len(names)):
        point = arguments | {name: float(axes[name][i]) for name, i in zip(names, index, strict=True)}
        np.testing.assert_allclose(whole[index], float(formula(**point)), rtol=1e-9, atol=0)


@ALL
def test_body_is_dimensionally_honest(formula: Formula, monkeypatch: pytest.MonkeyPatch) -> None:
    ureg = units.registry()
    for module in MODULES:
        for name, unit in UNIT_CONSTANTS.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, ureg.Quantity(1.0, unit))
        for name, unit in DERIVED_CONSTANTS.items():
            if isinstance(getattr(module, name, None), float):
                monkeypatch.setattr(module, name, ureg.Quantity(getattr(module, name), unit))
    arguments = {}
    for name, value in example(formula).items():
        unit = formula.units.get(name) or list(formula.units.values())[-1]  # of the variadic terms
        arguments[name] = ureg.Quantity(float(value), "s" if unit == SAME else "" if unit == "1" else unit)
    result = ureg.Quantity(formula.function(**arguments))
    wanted = "s" if formula.unit == SAME else "" if formula.unit == "1" else formula.unit
    assert result.dimensionality == ureg.Quantity(1.0, wanted).dimensionality


@ALL
def test_called_with_quantities_it_records_itself(formula: Formula) -> None:
    arguments = {
        name: constant(float(value), "s" if unit == SAME else unit, name, "assumed")
        for name, value in example(formula).items()
        for unit in [formula.units.get(name) or list(formula.units.values())[-1]]
    }
    result = formula(**arguments)
    assert isinstance(result, Quantity) and result.formula is formula and dict(result.inputs) == arguments
    plain = float(formula(**{name: quantity.value for name, quantity in arguments.items()}))
    assert result.value == plain or math.isnan(plain)
