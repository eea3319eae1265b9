# Three commands after a clone, each does its own set-up: make demo, make test, make lint.
# Needed: Python 3.11 or newer (with venv), a Rust toolchain. PYTHON=... picks the interpreter.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
TOOLS := target/tools
# CARGO_FLAGS=-j1 on a shared machine.
CARGO_FLAGS ?=
# The measured tables; tests that need them skip where there are none.
export ISOFLOP_SHARED ?= $(abspath ../shared)
# cargo and maturin must agree on how the extension module is linked.
export PYO3_BUILD_EXTENSION_MODULE := 1
PY_OK := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(PY_OK)' >/dev/null 2>&1 && { echo $$p; break; }; done)

RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml
PY_LINT := python tests/python benches/python docs .ci

.PHONY: help demo setup test test-rust test-python lint format bench measured bench-rust bench-gate docs pages wheel smoke clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

# ---- set-up: each step once, again when its inputs change

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer (with venv) was not found; name one: make PYTHON=/path/to/python3' >&2; exit 1; }
	@command -v cargo >/dev/null || { echo 'cargo was not found; install a Rust toolchain: https://rustup.rs' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.build: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group build
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group build --group test --group lint
	@touch $@

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@

# The package in development mode, compiled with the light profile.
$(VENV)/.package: $(RUST_SOURCES) $(wildcard Cargo.lock) pyproject.toml $(VENV)/.build
	@echo 'compiling and installing isoflop (a minute the first time)'
	PIP_QUIET=1 $(BIN)/maturin develop --quiet --profile quick $(CARGO_FLAGS)
	@touch $@

setup: $(VENV)/.dev $(VENV)/.package ## install everything that development needs into .venv

# ---- the commands

demo: $(VENV)/.package ## run the bundled demo: fit, a million refits, summary, forecast, picture
	$(BIN)/isoflop demo

test: test-rust test-python ## run every test

test-rust: | $(BIN)/python
	PYO3_PYTHON=$(abspath $(BIN))/python cargo test --workspace --locked $(CARGO_FLAGS)

test-python: setup
	$(BIN)/python -m pytest

lint: setup ## check style, types, stubs and who imports whom
	cargo fmt --all --check
	PYO3_PYTHON=$(abspath $(BIN))/python cargo clippy --workspace --all-targets --locked $(CARGO_FLAGS) -- -D warnings
	$(BIN)/ruff check $(PY_LINT)
	$(BIN)/ruff format --check $(PY_LINT)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest isoflop._core --allowlist .ci/stubtest_allow.txt
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/python .ci/check_tree.py

format: $(VENV)/.dev ## put the sources into shape
	cargo fmt --all
	$(BIN)/ruff check --fix $(PY_LINT)
	$(BIN)/ruff format $(PY_LINT)

# Timings need the release build; OpenBLAS settings of the shell would slow numpy down.
bench: $(VENV)/.bench $(VENV)/.build ## time the main job against scipy and numba, and the API
	PIP_QUIET=1 $(BIN)/maturin develop --quiet --release $(CARGO_FLAGS) && rm -f $(VENV)/.package
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python benches/python/bench_refits.py
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python benches/python/bench_api.py
	$(BIN)/python benches/python/bench_laws.py
	$(BIN)/python benches/python/bench_cost.py
	$(BIN)/python -m pytest --import-mode=prepend -W default benches/python/bench_api.py

measured: $(VENV)/.bench $(VENV)/.build ## run the benches and write docs/measured/{speed,cost}.md; on a quiet machine
	PIP_QUIET=1 $(BIN)/maturin develop --quiet --release $(CARGO_FLAGS) && rm -f $(VENV)/.package
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python benches/python/measured.py

bench-rust: ## time the Rust core (criterion)
	cargo bench --locked $(CARGO_FLAGS) --bench refits

bench-gate: ## count instructions (gungraun under valgrind) against the committed limits
	.ci/bench_gate.sh $(CARGO_FLAGS)

docs: $(VENV)/.package $(VENV)/.docs ## build the documentation into target/docs/html; a warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --jobs 2 --doctree-dir target/docs/doctrees docs target/docs/html

pages: setup ## run the Python blocks of README and docs and write what they print into them
	$(BIN)/python -W ignore tests/python/pages.py README.md $$(grep -rl '^```python' docs --include=*.md --exclude-dir=generated)

wheel: $(VENV)/.build ## build the release wheel and the sdist into dist/
	$(BIN)/maturin build --release --locked --out dist $(CARGO_FLAGS)
	$(BIN)/maturin sdist --out dist

smoke: wheel ## install the wheel, and one built from the sdist, into empty environments and try them
	.ci/smoke.sh $(abspath $(BIN))/python dist

clean: ## remove everything that was built
	rm -rf target dist docs/generated $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks demo-output
	find python tests benches docs -name __pycache__ -prune -exec rm -rf {} +
	rm -f python/isoflop/_core*.so python/isoflop/_core*.pyd
