# All paths are relative and every tool is run as `python -m`, so this works in a folder whose path has a space in it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
# Even where Python is not to write bytecode: the tests start hundreds of processes, each of which would compile all modules.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder
# What asks the database, in ways that differ from one to the other; reading files, pages and sockets do not.
ON_POSTGRESQL := $(addprefix tests/,auth $(addprefix readmodel/test_,refresh.py reader.py) test_migrations.py test_record_version.py \
  $(addprefix ingest/test_,backdated.py duplicate_file.py evidence.py hosts_over_time.py id_range.py identity.py lifecycle.py \
    merging.py properties.py sightings.py staging.py summary.py unchecked.py undo.py) \
  $(addprefix jobs/test_,leases.py queue.py service.py) faults/test_database.py server/test_estate.py \
  $(addprefix web/test_,bounded_answers.py history.py mappings.py sources.py))

.PHONY: help run worker test test-system test-postgresql faults lint audit format bench assets wheel requirements chromium services postgresql clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

run: $(VENV)/installed static/vendor/installed ## Run HexTrackr on http://127.0.0.1:8989
	@$(PY) -m flask db upgrade
	@exec $(PY) -m gunicorn -c gunicorn.conf.py

worker: $(VENV)/installed ## Run a worker for imports (needs IMPORT_WORKERS=celery and REDIS_URL)
	@$(PY) -m flask db upgrade
	@exec $(PY) -m celery -A worker --quiet worker

test: $(VENV)/installed-dev static/vendor/installed chromium ## Run the unit, app, server and browser tests on SQLite
	@$(PYTEST) -m "not system" $(ARGS)

test-system: $(VENV)/installed-dev static/vendor/installed chromium services postgresql ## Run the tests with Redis, nginx, workers, kills and floods, then the database tests on PostgreSQL
	@$(PYTEST) -m system $(ARGS)
	@$(MAKE) --no-print-directory test-postgresql

test-postgresql: $(VENV)/installed-dev static/vendor/installed services postgresql ## Run the database tests on PostgreSQL (ARGS=tests runs all)
	@TEST_DATABASE=postgresql $(PYTEST) $(or $(ARGS),$(ON_POSTGRESQL))

faults: $(VENV)/installed-dev ## Run the fault and random tests at full length: 50 kills, 10,000 damaged files (FAULT_KILLS, FAULT_ROWS, FAULT_SEED, FUZZ_INPUTS, FUZZ_SEED, PROPERTY_EXAMPLES, RANDOM_SEEDS)
	@FAULT_KILLS=$${FAULT_KILLS:-50} FAULT_ROWS=$${FAULT_ROWS:-100000} FUZZ_INPUTS=$${FUZZ_INPUTS:-10000} FUZZ_STEP=$${FUZZ_STEP:-1} EVERY_EXPORT=1 \
	  PROPERTY_EXAMPLES=$${PROPERTY_EXAMPLES:-500} RANDOM_SEEDS=$${RANDOM_SEEDS:-40} \
	  $(PY) -m pytest -s tests/faults tests/readmodel/test_refresh.py \
	  $(addprefix tests/ingest/test_,again.py both_databases.py hostile.py hosts.py hosts_over_time.py properties.py row_order.py sightings.py) $(ARGS)

lint: $(VENV)/installed-dev ## Check style and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

audit: $(VENV)/installed-dev ## Check the pinned packages for known vulnerabilities
	@$(PY) tools/audit.py

format: $(VENV)/installed-dev ## Format the code
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: $(VENV)/installed-dev static/vendor/installed ## Run the benchmarks of imports and events (see benchmarks/)
	@$(PY) -m benchmarks $(ARGS)

assets: static/vendor/installed ## Download the browser libraries

wheel: $(VENV)/installed-dev static/vendor/installed ## Build the package into dist/
	@$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

requirements: $(VENV)/installed-dev ## Recompile requirements.txt and requirements-dev.txt
	@$(PIP) uv
	@$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 requirements.in -o requirements.txt
	@$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt

clean: ## Remove everything installed or built, except the data in instance/
	@rm -rf $(VENV) node_modules static/vendor dist

$(VENV)/installed: requirements.txt
	@echo "Installing Python packages..."
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	@echo "Installing what the tests need..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

node_modules/installed: package.json package-lock.json | $(VENV)/installed
	@echo "Fetching browser libraries..."
	@$(PY) tools/node.py npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The templates say which icons are needed.
static/vendor/installed: node_modules/installed tools/copy-assets.mjs $(wildcard templates/*.html)
	@$(PY) tools/node.py node tools/copy-assets.mjs
	@touch $@

# The browser tests say that they were skipped, and why, where this cannot help. The shell is Chromium without its windows: a page takes a quarter of the time.
APT_INSTALL := DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends
chromium:
	@command -v chromium-headless-shell >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing Chromium with apt-get..." && \
	  { apt-get update -qq && { $(APT_INSTALL) chromium-headless-shell >/dev/null 2>&1 || command -v chromium || $(APT_INSTALL) chromium; } >/dev/null; }; } || true

# So do the tests of several processes.
services:
	@{ command -v redis-server && command -v nginx; } >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  echo "Installing Redis and nginx with apt-get..." && \
	  { apt-get update -qq && $(APT_INSTALL) redis-server nginx >/dev/null; }; } || true

# The tests on PostgreSQL say so as well. A cluster of the system's is not wanted: the tests make their own.
postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing PostgreSQL with apt-get..." && \
	  { apt-get update -qq && mkdir -p /etc/postgresql-common && \
	    { test -e /etc/postgresql-common/createcluster.conf || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf; } && \
	    $(APT_INSTALL) postgresql >/dev/null; }; } || true
