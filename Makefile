# `make` alone prints what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup run test check fix units clean

help:  ## print the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## create .venv with rackcalc and everything its tests need

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("rackcalc needs Python 3.11 or newer: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

run: $(STAMP)  ## estimate the article's rack
	@$(BIN)/rackcalc estimate configs/rack-of-god.yaml

test: check  ## the same as check

check: $(STAMP)  ## lint, types, tests and docs: exactly what CI runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto

fix: $(STAMP)  ## format and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

units: $(STAMP)  ## regenerate the table of unit spellings from units.txt
	$(BIN)/python -m rackcalc.units > rackcalc/units_table.py.new && mv rackcalc/units_table.py.new rackcalc/units_table.py

clean:  ## remove everything that was generated
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
