# Every target works on a fresh clone: the first one that needs it makes .venv and installs the project into it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# A trace with a fault in it, for the demonstration.
DEMO_FAULT := tests/faults/demo.jsonl

# What tests the modules that pyproject.toml keeps from checks at run time, for they are the innermost loops.
INNERMOST := tests/spec tests/properties tests/traces/test_automaton.py tests/traces/test_beginnings.py

.DEFAULT_GOAL := help
.PHONY: help demo test lint soak corpus ledger slack mutants codemutants contracts states bench docs clean

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## judge the recorded traces, then one with a fault in it
	$(BIN)/migspec check traces/corpus/qemu-5.2.0
	@echo
	@echo "$(BIN)/migspec check $(DEMO_FAULT)"
	@$(BIN)/migspec check $(DEMO_FAULT); status=$$?; test $$status -eq 1 || \
	{ echo "demo: $(DEMO_FAULT) was to exit with 1, a violation, not with $$status" >&2; exit 1; }

test: lint ## run everything that must hold before a change is accepted
	$(BIN)/python -m pytest -m "not soak" -n auto --dist worksteal

lint: $(READY) ## check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: $(READY) ## run the tests that take long, and those of the innermost loops with type checks in them
	$(BIN)/python -m pytest -s -m soak --hypothesis-profile=soak -o typeguard-packages=
	$(BIN)/python -m pytest -m "not soak" -n auto --dist worksteal -o typeguard-packages-ignore= $(INNERMOST)

corpus: $(READY) ## record the traces of traces/corpus anew, on a real QEMU
	$(BIN)/python -m tests.live.corpus

ledger: $(READY) ## count anew which recorded messages exercise which rule, and print what lacks a reason
	$(BIN)/python -m tests.traces.sample_pages
	$(BIN)/python -m tests.traces.ledger

slack: $(READY) ## corrupt every member of every kind of recorded message anew, and print what lacks a reason
	$(BIN)/python -m tests.faults.slack

mutants: $(READY) ## search for every mutant of the specification that is not searched for yet, and print what lacks a reason
	$(BIN)/python -m tests.mutants

codemutants: $(READY) ## mutate a sample of the code, in a copy, and run the tests that are to notice
	$(BIN)/python -m tests.mutants.code

contracts: $(READY) ## have a solver look for counterexamples to the contracts of the pure functions
	$(BIN)/python -m tests.symbolic

states: $(READY) ## explore every environment anew, and write docs/states.md
	$(BIN)/python -m tests.properties.page

bench: $(READY) ## measure the checker, the reading of logs, the model and both searchers of states
	$(BIN)/python -m tests.bench.run
	$(BIN)/python -m tests.bench.logs
	$(BIN)/python -m tests.bench.model
	$(BIN)/python -m tests.bench.states

docs: $(READY) ## build the documentation into build/docs, and the manual page into build/man
	$(BIN)/sphinx-build --fail-on-warning --keep-going --jobs auto -b html -d build/doctrees docs build/docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going -b man -d build/doctrees docs build/man

clean: ## remove what the other targets have made, .venv included
	rm -rf $(VENV) .mutants build dist docs/reference .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find spec reference_impl properties traces docs tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@command -v $(PYTHON) >/dev/null || \
	{ echo "migspec needs Python 3.11 or later, and there is no $(PYTHON); name one with: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "migspec needs Python 3.11 or later, and $(PYTHON) is older; name another with: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "$(PYTHON) has no venv module; install it (on Debian: the package python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
