# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# A process for each core, each with one thread: the small arrays of tests only wait for further threads.
# What was compiled is kept, whatever the shell says: each process would compile all tests and plugins anew.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 8 --dist worksteal

# An older processor, as far as the installed libraries let themselves be told: no vectors wider than SSE, other kernels
# for products and transforms. numpy disables what it was built with; the names are those of numpy 2.4.
PLAIN  := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OPENBLAS_CORETYPE=Nehalem \
	MKL_ENABLE_INSTRUCTIONS=SSE4_2 MKL_CBWR=COMPATIBLE \
	NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
PORTABLE := -n auto --maxprocesses 8 --dist worksteal $(TESTS)

.PHONY: help demo browser test test-all test-portable check format bench bench-record campaign clean
.DEFAULT_GOAL := help

help:  ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@rm -rf *.egg-info  # one of an earlier install hides new entry points
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(READY)  ## Run the quickstart on the embedded network and scenes, and make its gallery
	$(BIN)/interpret run quickstart --out runs/quickstart --gallery

browser:  ## Install Chromium for the tests of pages, where that is possible; says how elsewhere
	@sh tests/gallery/browser.sh

test: $(READY) browser  ## Run the tests
	$(PYTEST)

test-all: $(READY) browser  ## Run the tests with the long trials
	$(PYTEST) -m "slow or not slow"

test-portable: $(READY) browser  ## Run the tests as an older processor would, with one thread and with two (TESTS=tests/topk: a part)
	$(PLAIN) $(BIN)/python tests/processor.py
	$(PLAIN) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(PORTABLE)
	$(PLAIN) OMP_NUM_THREADS=2 $(BIN)/python -m pytest -q $(PORTABLE)

check: $(READY) browser  ## Format, lint, strict types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

format: $(READY)  ## Write the format and the lint's own repairs
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) browser  ## Print our time against each peer's, measured in one run; fails where a ratio has fallen
	$(BIN)/python tests/benchmarks/run.py $(PARTS)

bench-record: $(READY) browser  ## The same, and record it as this release's in docs/performance/history.csv
	$(BIN)/python tests/benchmarks/run.py --record $(PARTS)

campaign: $(READY)  ## Kill, fill disks, flip bits and mutate inputs for hours (PARTS="kills flips", SEED, KILLS, ...: docs/reliability.md)
	OMP_NUM_THREADS=1 $(BIN)/python tests/campaigns/run.py $(PARTS)

clean:  ## Remove the environment, caches and runs
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache runs
