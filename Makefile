# Two commands for a newcomer: `make demo` and `make test`. Each makes its own environment in .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: env demo test lint types bench clean

env: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,fast]'
	touch $@

demo: env
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python examples/demo.py

test: env lint types
	$(BIN)/python -m pytest -n 2

lint: env
	$(BIN)/ruff check streams statestore broker_local tests examples benchmarks

types: env
	$(BIN)/mypy

bench: env
	$(BIN)/python -m benchmarks run

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .streams
