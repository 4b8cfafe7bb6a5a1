# `make` alone lists the targets. Everything runs in .venv, which `make setup` makes from the locked requirements.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo up down test test-full build app api report lint bench accuracy docs clean
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Two workers, by the groups of tests/conftest.py; benchmarks run alone.
TOGETHER := -n 2 --dist loadgroup

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: .venv/.installed  ## make .venv from the locked requirements

.venv/bin/uv: requirements-setup.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tieout needs Python 3.11 or newer; call make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-setup.txt
	@touch $@

.venv/.installed: .venv/bin/uv requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt
	$(BIN)/python -m ingest.environment install
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@

demo: setup up  ## the whole product against a simulated AWS account, no account needed
	@$(BIN)/python flows/demonstration.py

up: setup  ## start the embedded database (or check the one PGHOST names)
	@$(BIN)/python -m ingest database start

down: setup  ## stop the embedded database
	@$(BIN)/python -m ingest database stop

test: .venv/.installed-dev  ## lint and all tests (installs Chromium where it can)
	@bash tests/install_programs.sh
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -m "not full" $(TOGETHER)

test-full: .venv/.installed-dev  ## the long checks
	@bash tests/install_programs.sh
	ACCURACY_SEEDS=3 $(BIN)/python -m pytest -m full --ignore tests/benchmarks $(TOGETHER)
	$(BIN)/python -m pytest -m full tests/benchmarks

build: setup  ## build and test the models (dbt build)
	$(BIN)/dbt build

app: setup  ## open the pages at http://localhost:8501
	$(BIN)/streamlit run app/streamlit_app.py

api: setup  ## serve the API at http://localhost:8000 (docs at /docs)
	$(BIN)/uvicorn app.api:app --host 127.0.0.1 --port 8000

report: setup  ## write the monthly report to reports/
	$(BIN)/python -m notebooks.render monthly_report --output reports/monthly_report.html

lint: .venv/.installed-dev  ## ruff, mypy, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 models tests/dbt macros

bench: .venv/.installed-dev  ## measure speed (docs/benchmarks.md)
	BENCH_RESOURCES=10000 $(BIN)/python -m pytest tests/benchmarks -s

accuracy: .venv/.installed-dev  ## measure precision, recall and savings against the answer key (docs/accuracy.md)
	$(BIN)/python -m pytest tests/accuracy -s

docs: setup  ## dbt's documentation as one page, target/static_index.html
	$(BIN)/dbt docs generate --static

clean:  ## remove the embedded database with its data, .venv and everything made
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m ingest database destroy --yes || true; fi
	rm -rf .venv .tieout target logs reports .pytest_cache .ruff_cache .mypy_cache
