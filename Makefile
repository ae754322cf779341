# The same commands by hand and in CI. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup test test-repeat check check-format check-lint check-types check-imports fix \
        demo bench bench-quick wheel constraints clean
MAKEFLAGS += --no-print-directory

# PYTHON=python3.12 make setup   builds .venv with that interpreter
# JOBS=0 make test               runs the tests in one process
# make test-repeat N=20          runs them so often, each time in another order
# ARGS='-k name' make test       hands ARGS to pytest (benchmarks and constraints take it too)
export PYTHON
# Two for each core: tests wait for others half of their time.
JOBS ?= $(shell n=$$(nproc); echo $$((n < 8 ? 2 * n : n)))
ARGS ?=
N ?= 20

# Some machines set it; without byte code every command below starts slower.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv/bin

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | \
	    while IFS='|' read -r name text; do printf '%-20s %s\n' "$$name" "$$text"; done

setup:  ## create or update .venv (a no-op when nothing changed)
	@scripts/setup

test: setup  ## run the tests
	$(VENV)/pytest -n $(JOBS) --dist loadgroup $(ARGS)

test-repeat: setup  ## run the tests N times, each time in another order
	@JOBS=$(JOBS) $(VENV)/python scripts/repeat_tests.py $(N) $(ARGS)

check: check-format check-lint check-types check-imports  ## format, lint, types, import contracts

check-format: setup
	$(VENV)/ruff format --check .
check-lint: setup
	$(VENV)/ruff check .
check-types: setup
	$(VENV)/mypy
check-imports: setup
	$(VENV)/lint-imports --no-cache

fix: setup  ## format, and repair what the linter can
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

demo: setup  ## run the digits example
	$(VENV)/python examples/digits/submit.py

bench: setup  ## measure against the budgets, and side by side with others (ARGS: names)
	$(VENV)/python -m benchmarks $(ARGS)

bench-quick: setup  ## side by side, each once and small: does it measure at all? (ARGS: names)
	$(VENV)/python -m benchmarks.beside --quick $(ARGS)
	$(if $(ARGS),,$(VENV)/python -m benchmarks.curves --quick)

wheel: setup  ## build dist/*.whl
	$(VENV)/hatchling build -t wheel

constraints: setup  ## pin what pyproject.toml asks for (ARGS=--upgrade: newest versions)
	scripts/constraints $(ARGS)

clean:  ## remove caches and build output; .venv and .runyard stay
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests benchmarks examples scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
