# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# A process for each core, each with one thread: the small arrays of tests only wait for further threads.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 8 --dist worksteal

.PHONY: help demo test test-all check format bench clean
.DEFAULT_GOAL := help

help:  ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@rm -rf *.egg-info  # one of an earlier install hides new entry points
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(READY)  ## Run the quickstart on the embedded network and scenes
	$(BIN)/interpret run quickstart --out runs/quickstart

test: $(READY)  ## Run the tests
	$(PYTEST)

test-all: $(READY)  ## Run the tests with the long trials
	$(PYTEST) -m "slow or not slow"

check: $(READY)  ## Format, lint, strict types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

format: $(READY)  ## Write the format and the lint's own repairs
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## Print our time against each peer's, measured in one run
	$(BIN)/python tests/benchmarks/run.py
	$(BIN)/python tests/benchmarks/context.py  # trains two small networks: some minutes

clean:  ## Remove the environment, caches and runs
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache runs
