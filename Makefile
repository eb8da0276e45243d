# make app and make test are all that a newcomer needs; make help lists the rest.

VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
TEST_WORKERS ?= 2
BENCHMARKS ?= layer_table step_cost startup first_chart choices training flow_recording saliency

# The first Python from 3.11 to 3.13 that is there; PYTHON=/path/to/python chooses another.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c '$(SUPPORTED)' >/dev/null 2>&1 && { echo $$p; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help app test test-slow test-gpu lint format typecheck notebooks benchmarks screenshots weights wheel clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

app: $(VENV)/.app  ## build .venv if need be and open the app (ARGS="--port 8000" and the like)
	@$(BIN)/explorer app $(ARGS)

test: lint typecheck  ## check the style and the types, and run every test but the slow ones
	$(BIN)/python -m pytest -n $(TEST_WORKERS) -m "not slow and not browser and not gpu"
	$(BIN)/python -m pytest -m "not slow and browser"

test-slow: $(VENV)/.dev  ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-gpu: $(VENV)/.dev  ## run the tests that need a GPU; without one they are skipped, with the reason
	$(BIN)/python -m pytest -m gpu

lint: $(VENV)/.dev  ## check the style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/.dev  ## put the style right
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

typecheck: $(VENV)/.dev  ## check the types
	$(BIN)/mypy

notebooks: $(VENV)/.dev  ## open the notebooks
	$(BIN)/jupyter lab notebooks

benchmarks: $(VENV)/.dev  ## measure, side by side with the usual tools
	@for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name || exit 1; done

screenshots: $(VENV)/.dev  ## take the README's pictures anew
	$(BIN)/python -m pytest -q tests/browser/take_screenshots.py

weights: $(VENV)/.dev  ## train the shipped weights anew (DATA=FOLDER with imagenette and cifar10; hours without a GPU)
	@test -n "$(DATA)" || { echo 'make weights DATA=FOLDER: a folder with imagenette and cifar10.'; exit 2; }
	@$(BIN)/python scripts/make_weights.py "$(DATA)" $(if $(NETS),--nets $(NETS))

wheel: $(VENV)/.dev  ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

clean:  ## remove what tests and builds left behind, but not .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# A stamp says what .venv holds; it is older than pyproject.toml or constraints.txt when they ask for something else.

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "explorer needs Python 3.11 to 3.13; none is on the PATH."; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "$(PYTHON) is not Python 3.11 to 3.13."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.app: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing explorer into $(VENV); the first time this takes some minutes."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[app]"
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing explorer and what its tests need into $(VENV); the first time this takes some minutes."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[app,onnx,notebooks,dev]"
	@touch $(VENV)/.app $@
