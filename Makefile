# Two commands for a newcomer: `make demo` and `make test`. Each makes its own environment in .venv.
# Any Python from 3.11 on: the newest that is found, or PYTHON=/path/to/python.
PYTHON ?= $(shell for name in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: env test-env demo test kafka-versions lint types bench clean

env: $(VENV)/.ready
test-env: $(VENV)/.ready-test

$(VENV)/.ready: pyproject.toml
	@echo "Making the environment in $(VENV) ..."
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed, and none is on the path. Give one: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fast]'
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready
	@echo "Adding what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,fast]'
	@touch $@

demo: env
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python examples/demo.py
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python examples/connect/pipeline.py

test: test-env lint types
	$(BIN)/python -m pytest -n 2 -rs

# All that is tested on a Kafka broker, on brokers of other versions, which the tests start themselves (Java 17 and Maven).
KAFKA_VERSIONS ?= 3.9.1 4.4.0
KAFKA_TESTS ?= tests/contracts/door tests/kafka tests/questions
kafka-versions: test-env
	@for version in $(KAFKA_VERSIONS); do \
		echo "Kafka $$version: $(KAFKA_TESTS)"; \
		env -u KAFKA_TEST_BROKER KAFKA_VERSION=$$version KAFKA_REQUIRED=1 \
			$(BIN)/python -m pytest -rs -k kafka $(KAFKA_TESTS) || exit 1; \
	done

lint: test-env
	$(BIN)/ruff check streams statestore broker_local tests examples benchmarks

types: test-env
	$(BIN)/mypy

bench: env
	$(BIN)/python -m benchmarks run

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .streams
