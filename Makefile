# `make` alone prints what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PROGRAM := $(VENV)/.program
TOOLS   := $(VENV)/.tools
PLOT    := $(VENV)/.plot
DOCS    := $(VENV)/.docs
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench fuzz docs accuracy site fix units schemas fit novelty clean

help:  ## print the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(TOOLS)  ## create .venv with rackcalc and everything its tests need

$(PROGRAM): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("rackcalc needs Python 3.11 or newer: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(PIP) .
	@touch $@

$(TOOLS): $(PROGRAM)
	$(PIP) '.[test]'
	@touch $@

$(PLOT): $(TOOLS)
	$(PIP) '.[plot]'
	@touch $@

$(DOCS): $(PROGRAM)
	$(PIP) '.[docs]'
	@touch $@

run: $(PROGRAM)  ## estimate the article's rack
	@$(BIN)/rackcalc estimate configs/rack-of-god.yaml

test: check  ## the same as check

check: $(TOOLS)  ## lint, types, tests and docs: exactly what CI runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto -rs  # names what it leaves out, such as pages where there is no Chromium

bench: $(TOOLS)  ## measure start-up, sweeps, memory and other tools, into docs/performance.md
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/bench.py

fuzz: $(TOOLS)  ## the properties with new draws, every setting of every rack, and 100,000 pairs of settings at random
	HYPOTHESIS_PROFILE=new-draws $(BIN)/python -m pytest -n auto
	$(BIN)/python tests/fuzz.py

docs: $(TOOLS)  ## put the present output into README.md and docs/
	$(BIN)/python tests/documents.py

accuracy: $(PLOT)  ## put the present errors into README.md and docs/accuracy.md, and plot them
	$(BIN)/python benchmarks/parity.py

site: $(DOCS)  ## build the documentation site in build/site
	$(BIN)/python -m mkdocs build --quiet
	@echo "wrote build/site/index.html"

fix: $(TOOLS)  ## format and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

units: $(PROGRAM)  ## regenerate the table of unit spellings from units.txt
	$(BIN)/python -m rackcalc.quantities.units > rackcalc/quantities/units_table.py.new && mv rackcalc/quantities/units_table.py.new rackcalc/quantities/units_table.py

schemas: $(PROGRAM)  ## write the JSON Schemas in rackcalc/schemas/ anew
	$(BIN)/python -m rackcalc.schemas

fit: $(TOOLS)  ## refit the serving engines from the bundled measurements and show what moved
	$(BIN)/python -m rackcalc.validation.fit

novelty: $(TOOLS)  ## after a refit: fit the variances of intervals to runs that fits left out, and write them
	$(BIN)/python -m rackcalc.validation.fit_novelty --write

clean:  ## remove everything that was generated
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
