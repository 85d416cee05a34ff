# Hourglass: everything a developer or a newcomer runs. `make` lists it.
PYTHON ?= python3
BIN = .venv/bin
# two more than there are cores: many tests wait for a process of theirs
JOBS = $$($(BIN)/python -c 'import os; print(min(len(os.sched_getaffinity(0)) + 2, 8))')
DONE = .venv/.installed
TRY = --quick --folder results/quick   # with QUICK=1, a table is tried in a few minutes
unexport PYTHONDONTWRITEBYTECODE   # or each process of a test compiles all of Hourglass anew

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(DONE): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

install: $(DONE)  ## make the environment in .venv, with the versions that were tested together

demo: $(DONE)  ## train on the digits that scikit-learn ships, and print the report's path
	$(BIN)/hourglass train digits
	@echo "to see it in a browser:  $(BIN)/hourglass studio"

test: $(DONE)  ## run the tests; those on real data need HOURGLASS_DATA
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -rs

test-fast: $(DONE)  ## run the quick tests, in under 2 minutes; tests/slow.txt names the others
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -rs -m "not slow"

check: $(DONE)  ## lint, types and the style budgets
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_style.py

docs: $(DONE)  ## write docs/ anew from the docstrings
	$(BIN)/python docs/write.py

site: $(DONE)  ## build the documentation into site/, to be read without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

studio:  ## build the studio's page from hourglass/studio/web (needs Node 20.19)
	cd hourglass/studio/web && npm ci --no-audit --no-fund && npm run build

bench: $(DONE)  ## time the tutorial's network against Keras on TensorFlow (makes .venv-keras)
	test -d .venv-keras || $(PYTHON) -m venv .venv-keras
	.venv-keras/bin/python -m pip install --quiet -r benchmarks/keras-requirements.txt
	$(BIN)/python benchmarks/against_keras.py

table-series: $(DONE)  ## the docs' table of abnormal steps of series (12 minutes; QUICK=1: a try)
	$(BIN)/python benchmarks/series_anomalies.py $(if $(QUICK),--most 2 --minutes 0.03)

table-lines: $(DONE)  ## the docs' tables of names and sentences (100 minutes; QUICK=1: a try)
	$(BIN)/python benchmarks/lines.py names "$(HOURGLASS_DATA)/text/names.zip" \
		$(if $(QUICK),$(TRY) --epochs 1,--epochs 12)
	$(BIN)/python benchmarks/lines.py collapse "$(HOURGLASS_DATA)/text/names.zip" \
		$(if $(QUICK),$(TRY) --epochs 1,--epochs 6)
	$(BIN)/python benchmarks/lines.py sentences "$(HOURGLASS_DATA)/text/ptb.zip" \
		$(if $(QUICK),$(TRY) --minutes 0.3)

table-molecules: $(DONE)  ## the docs' tables of molecules (2.5 hours; QUICK=1: a try; FCD=--fcd)
	$(BIN)/python benchmarks/molecules.py zinc "$(HOURGLASS_DATA)/molecules/zinc250k_50k.csv" \
		$(if $(QUICK),$(TRY) --minutes 1,--minutes 100 --epochs 24) $(FCD)
	$(BIN)/python benchmarks/molecules.py qm9 "$(HOURGLASS_DATA)/molecules/qm9_smiles.csv.gz" \
		$(if $(QUICK),$(TRY) --minutes 1,--minutes 22) $(FCD)
	$(BIN)/python benchmarks/molecules.py predictor \
		"$(HOURGLASS_DATA)/molecules/zinc250k_50k.csv" $(if $(QUICK),$(TRY))

gpu:  ## check and time everything on a GPU in 8 minutes, with the machine's own PyTorch
	PYTHON=$(PYTHON) bash benchmarks/gpu.sh

clean:  ## remove the environments and caches; runs stay
	rm -rf site .venv .venv-keras .pytest_cache .mypy_cache .ruff_cache build *.egg-info

.PHONY: help install demo test test-fast check docs site studio bench table-series table-lines
.PHONY: table-molecules gpu clean
