# GNU make 3.81 (macOS) is enough. Every path is relative, so the clone may live anywhere.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PORT ?= 8000
JOBS ?= 4
SOAK ?= 100
ROUNDS ?= 20
PYTHON := python3.13 python3.12 python3.11 python3
UV_VERSION := 0.13.9

.PHONY: help venv run test check lint soak bench drill lock clean

help: ## this list
	@echo 'make <target>, one of:'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-6s %s\n", $$1, $$2 }' Makefile

venv: .venv/.installed ## install into .venv, nothing when it is fresh (PYTHON=/path/to/python)
	@:

run: venv ## serve the demo on http://127.0.0.1:8000 (PORT=8000 KAFKA=1)
	@exec .venv/bin/entitlements serve --demo --host 127.0.0.1 --port '$(PORT)' $(if $(KAFKA),--kafka)

test: venv ## every test (JOBS=4 at a time)
	@.venv/bin/python -m pytest -n '$(JOBS)' --dist loadgroup --no-loadscope-reorder

soak: venv ## the long lane: every fault as often as promised, some hours (SOAK=10: a tenth)
	@.venv/bin/python -m pytest --timeout 0 -m soak --soak '$(SOAK)'

check: lint test ## what CI runs: lint, then test

lint: venv ## style, format, types and the rule of the rooms
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

bench: venv ## measure the speed against its targets
	@.venv/bin/python -m infra.bench

drill: venv ## turn the kill switch until every process has obeyed, timed (ROUNDS=20)
	@.venv/bin/python -m infra.drill --rounds '$(ROUNDS)'

lock: ## renew requirements.lock, keeping its versions (UPGRADE=1 takes the latest)
	@set -eu; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	venv="$$scratch/venv"; $(make-venv); \
	"$$venv/bin/python" -m pip install --quiet 'uv==$(UV_VERSION)'; \
	"$$venv/bin/uv" pip compile --quiet pyproject.toml --group dev \
	  --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
	  --output-file requirements.lock

clean: ## remove .venv, the caches and ./var, the embedded database in it too
	@rm -rf .venv .bench-venv var build dist tests/clients/node_modules .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -path ./.git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# A new lock starts from an empty .venv, so that nothing the lock has dropped lingers.
.venv/.locked: requirements.lock
	@set -eu; venv=.venv; $(make-venv); \
	echo "Installing into .venv with $$("$$venv/bin/python" --version) ..."; \
	"$$venv/bin/python" -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml consumers/sdk/pyproject.toml
	@.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e . -e consumers/sdk
	@touch $@

# Makes "$venv" with the first $(PYTHON) that really can: a version manager's shim may stand for
# nothing, and some systems ship Python without venv or pip. Only an attempt tells.
define make-venv
made=; for python in $(PYTHON); do \
  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
  "$$python" -m venv --clear "$$venv" >/dev/null 2>&1 || continue; \
  "$$venv/bin/python" -m pip --version >/dev/null 2>&1 || continue; \
  made=yes; break; \
done; \
if [ -z "$$made" ]; then \
  echo 'No Python 3.11 or newer with venv and pip found; tried: $(PYTHON).' >&2; \
  echo 'Install one (on Debian also python3-venv) or name it: make venv PYTHON=/path/to/python' >&2; \
  exit 1; \
fi
endef
