# Two commands for a newcomer: `make demo` and `make test`. Each makes its own environment in .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: env test-env demo test lint types bench clean

env: $(VENV)/.ready
test-env: $(VENV)/.ready-test

$(VENV)/.ready: pyproject.toml
	@echo "Making the environment in $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fast]'
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready
	@echo "Adding what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,fast]'
	@touch $@

demo: env
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python examples/demo.py

test: test-env lint types
	$(BIN)/python -m pytest -n 2

lint: test-env
	$(BIN)/ruff check streams statestore broker_local tests examples benchmarks

types: test-env
	$(BIN)/mypy

bench: env
	$(BIN)/python -m benchmarks run

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .streams
