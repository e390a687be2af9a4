# Ullage. `make demo` and `make test` need Debian with Python 3.11 and set up everything else themselves.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SPARK_BIN := .venv-spark/bin
PYTEST_ARGS ?=

export DAGSTER_HOME ?=
export DAGSTER_DISABLE_TELEMETRY := yes
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export ULLAGE_SAMPLE_DATA ?= $(abspath ../shared/data)
# Without byte code every start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: .venv/runtime  ## Simulate an estate, run the pipeline on it, render the report
	@$(BIN)/ullage demo

.PHONY: real
real: .venv/runtime  ## Run the pipeline on the three real data sets (needs ULLAGE_SAMPLE_DATA and Prometheus)
	@tools/debian_packages.sh prometheus
	@$(BIN)/python -m examples.real.run

.PHONY: dev
dev: .venv/runtime  ## Open the Dagster user interface on the demo estate
	@DAGSTER_HOME=$(abspath .dagster) $(BIN)/dagster dev -w workspace.yaml

.PHONY: test
test: .venv/dev  ## Install what tests need, then lint, type-check and run every test
	@tools/debian_packages.sh postgresql mariadb prometheus request-tracker zabbix chromium
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not spark" -n 2 --dist loadgroup $(PYTEST_ARGS)

.PHONY: test-fast
test-fast: .venv/dev  ## Unit tests only: no servers, nothing slow
	$(BIN)/pytest -m "not (slow or postgres or mariadb or prometheus or request_tracker or zabbix or chromium or spark or real)" $(PYTEST_ARGS)

.PHONY: test-spark
test-spark: .venv-spark/done  ## Build the same models on Spark and compare every table with DuckDB's
	@tools/debian_packages.sh java
	$(SPARK_BIN)/pytest -m spark $(PYTEST_ARGS)

.PHONY: bench
bench: .venv/runtime .venv-bench/done  ## Measure how good forecasts and events are beside simple methods (figures of docs/)
	@$(BIN)/python -m benchmarks.forecast_quality
	@$(BIN)/python -m benchmarks.forecast_long
	@$(BIN)/python -m benchmarks.forecast_speed
	@$(BIN)/python -m benchmarks.saturation
	@$(BIN)/python -m benchmarks.events
	@$(BIN)/python -m benchmarks.rightsizing
	@$(BIN)/python -m benchmarks.change_impact
	@$(BIN)/python -m benchmarks.nezha_faults
	@$(BIN)/python -m benchmarks.staffing
	@tools/prepare_dbt.sh .venv
	@$(BIN)/python -m benchmarks.rollup
	@$(BIN)/python -m benchmarks.itsm
	@$(BIN)/python -m benchmarks.pages
	@$(BIN)/python -m benchmarks.prometheus
	@$(BIN)/python -m benchmarks.zabbix

.PHONY: docs
docs: .venv/runtime  ## Write the data dictionary (docs/marts.md) from the models
	@tools/prepare_dbt.sh .venv
	@$(BIN)/python -m orchestration.dictionary

.PHONY: lock
lock: .venv/runtime  ## Resolve the requirements anew and write the locks (hashes, no host names)
	for name in runtime dev spark bench; do \
	  (cd requirements && ../$(BIN)/uv pip compile $$name.in -o $$name.lock --generate-hashes --no-header --quiet); \
	done

.PHONY: clean
clean:  ## Remove environments and everything that was generated
	rm -rf .venv .venv-spark .venv-bench .ullage dbt_project/target dbt_project/logs

.venv/uv:
	@tools/make_venv.sh $(PYTHON) .venv
	@touch $@

.venv/runtime: requirements/runtime.lock pyproject.toml | .venv/uv
	@[ -f .venv/dev ] || tools/install.sh .venv requirements/runtime.lock
	@tools/prepare_dbt.sh .venv
	@touch $@

.venv/dev: requirements/dev.lock pyproject.toml | .venv/uv
	@tools/install.sh .venv requirements/dev.lock
	@tools/prepare_dbt.sh .venv
	@touch $@ .venv/runtime

.venv-spark/done: requirements/spark.lock pyproject.toml | .venv/uv
	@tools/make_venv.sh $(PYTHON) .venv-spark
	@tools/install.sh .venv-spark requirements/spark.lock
	@touch $@

.venv-bench/done: requirements/bench.lock | .venv/uv
	@tools/make_venv.sh $(PYTHON) .venv-bench
	@.venv/bin/uv pip install --quiet --python .venv-bench/bin/python --require-hashes --compile-bytecode -r requirements/bench.lock
	@touch $@
