# Everything needs only python3 (3.11 or newer) and make; each target does its own set-up and is quick the second time.
#
#   make demo     a simulated plant, end to end
#   make test     the whole test suite; as root, installs the system packages that it needs
#   make check    formatting, lint, types, import rules
#   make bench    how fast it is, into tests/bench/RESULTS.md, half an hour; ARGS="--parts fleet" for a part of it
#   make bench GPU=1            on a GPU, where python3 has torch and numpy: nothing is installed
#   make bench BENCH=tests/bench/faults.py ARGS=--quick         any other benchmark
#   make drill    faults between node and broker, and of microphones, a table each; ARGS=--short for what make test runs
#   make boot     the service on a real systemd, in a container; as root, with debootstrap and systemd-nspawn
#   make clean    forget the virtual environment and caches
#
# PYTHON is the interpreter that makes the virtual environment; TORCH is what pip is asked for; JOBS is how many processes
# share the tests: one more than there are processors, because half of the time a test waits for a broker or a sound.

PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
BENCH_STAMP := $(VENV)/.installed-bench
SYSTEM_STAMP := $(VENV)/.installed-system
BENCH ?= tests/bench/speed.py
JOBS ?= $(shell expr $$(nproc) + 1)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench drill boot clean
.NOTPARALLEL:

help:
	@sed -n 's/^#   make/  make/p' Makefile

demo: $(STAMP)
	@$(BIN)/monitor demo $(ARGS)

test: $(DEV_STAMP) $(SYSTEM_STAMP)
	@$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder $(ARGS)

check: $(DEV_STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

ifdef GPU
bench:
	@$(PYTHON) tests/bench/speed.py --parts fleet --device cuda $(ARGS)
else
bench: $(BENCH_STAMP) $(SYSTEM_STAMP)
	@for bench in $(BENCH); do echo "== $$bench"; $(BIN)/python $$bench $(ARGS) || exit 1; done
endif

drill: $(DEV_STAMP) $(SYSTEM_STAMP)
	@$(BIN)/python tests/drill/drill.py $(ARGS)
	@$(BIN)/python tests/drill/microphone_drill.py $(ARGS)

boot: $(DEV_STAMP)
	@$(BIN)/python tests/drill/boot.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The package is installed editable, so a change of its code needs no new set-up; a change of what it depends on does, or
# of what is compiled.
$(STAMP): pyproject.toml .ci/constraints.txt .ci/setup $(wildcard monitor/memcae/native/*.?pp)
	@PYTHON=$(PYTHON) TORCH=$(TORCH) .ci/setup $(VENV)
	@touch $@

$(DEV_STAMP): $(STAMP)
	@PYTHON=$(PYTHON) TORCH=$(TORCH) .ci/setup $(VENV) dev
	@touch $@

$(BENCH_STAMP): $(DEV_STAMP)
	@PYTHON=$(PYTHON) TORCH=$(TORCH) .ci/setup $(VENV) bench
	@touch $@

$(SYSTEM_STAMP): .ci/system | $(STAMP)
	@.ci/system && touch $@ || [ $$? -eq 3 ]
