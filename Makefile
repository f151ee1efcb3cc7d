# make setup | demo | test | bench | soak | lint | compose-demo
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench bench-setoff soak lint protos compose-demo clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/ready ## make .venv with everything in it

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev,bench,aws,learn,reference]'
	$(BIN)/python -m steelyard.warm
	touch $@

demo: setup ## four banks learn their total, on this machine, without Docker
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo.sh

test: setup lint ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: setup ## formatting, style, types, layers, wire contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint

bench: setup ## measured against peers in the same run
	$(BIN)/python -m benchmarks all

bench-setoff: setup ## rounds of set-off against the optimum and short circles
	$(BIN)/python -m benchmarks.set_off

soak: setup ## a million seeded schedules of changes of stored sharings
	PYTHONPATH=.:tests $(BIN)/python -m simulation.soak --schedules 1000000

protos: setup ## generate steelyard/v1 from protos/
	$(BIN)/python scripts/gen_protos.py

compose-demo: setup ## the same scenario as make demo, in containers
	scripts/docker_engine.sh
	scripts/build_image.sh
	scripts/compose_demo.sh

clean: ## forget .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
