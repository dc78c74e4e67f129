# The four commands: make demo, make test, make check, make bench. `make help` lists all.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
PACKAGES := ap_remote server tests fixtures packaging
UV_VERSION := 0.13.9

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The stamp is newer than what it was made from, so nothing is installed twice.
.venv/stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraints constraints.txt \
		--editable '.[all]' --group dev --group demo
	touch $@

.PHONY: setup
setup: .venv/stamp ## Make .venv and install everything

.PHONY: demo
demo: .venv/stamp ## Do the main job on real photographs (PHOTOS=~/Pictures uses yours)
	$(BIN)/python -m fixtures.demo $(if $(PHOTOS),--photos "$(PHOTOS)")

.PHONY: test
test: .venv/stamp ## Run the whole suite (ARGS=… goes to pytest)
	$(BIN)/python -m pytest -n 4 --dist loadfile $(ARGS)

.PHONY: format lint types imports
format: .venv/stamp ## Format the code
	$(BIN)/ruff format $(PACKAGES)
	$(BIN)/ruff check --fix --quiet $(PACKAGES) || true
lint: .venv/stamp ## Check format and style
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/ruff check $(PACKAGES)
types: .venv/stamp ## Check types
	$(BIN)/mypy
imports: .venv/stamp ## Check who imports whom
	$(BIN)/lint-imports --no-cache

.PHONY: wheel
wheel: .venv/stamp ## Build the wheel and try it in a clean environment
	rm -rf dist build/wheel-venv
	$(BIN)/uv build --quiet --wheel --out-dir dist
	$(PYTHON) -m venv build/wheel-venv
	$(BIN)/uv pip install --quiet --python build/wheel-venv/bin/python --constraints constraints.txt dist/*.whl
	cd build && PATH= wheel-venv/bin/python -I ../tests/wheel_smoke.py

# A zip of the wheel with what starts it; hosts that open .mcpb files install the rest by uv.
.PHONY: mcpb
mcpb: .venv/stamp ## Build the bundle for hosts that open .mcpb files
	rm -rf build/mcpb
	mkdir -p dist
	$(BIN)/uv build --quiet --wheel --out-dir build/mcpb
	$(BIN)/python packaging/bundle.py build/mcpb/*.whl dist/ap-remote.mcpb

build/interop-venv/stamp: tests/interop/requirements.txt .venv/stamp
	test -x build/interop-venv/bin/python || $(PYTHON) -m venv build/interop-venv
	$(BIN)/uv pip sync --quiet --python build/interop-venv/bin/python --require-hashes $<
	touch $@

.PHONY: interop
interop: build/interop-venv/stamp ## Run clients that other people wrote against the local service
	$(BIN)/python -m pytest -n 4 --dist loadfile tests/interop $(ARGS)

# The judges of the MCP server: python's have hashes, node's a lock file; node itself is a wheel, npm is the system's.
build/mcp-check-venv/stamp: tests/mcp_check/requirements.txt .venv/stamp
	test -x build/mcp-check-venv/bin/python || $(PYTHON) -m venv build/mcp-check-venv
	$(BIN)/uv pip sync --quiet --python build/mcp-check-venv/bin/python --require-hashes $<
	touch $@
build/mcp-check/stamp: tests/mcp_check/package.json tests/mcp_check/package-lock.json
	mkdir -p build/mcp-check
	cp $^ build/mcp-check
	if command -v npm >/dev/null; then \
		cd build/mcp-check && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch stamp; \
	else \
		rm -rf build/mcp-check/node_modules; \
		echo "NO npm HERE: the MCP conformance suite and the Inspector are SKIPPED" >&2; \
	fi

.PHONY: mcp-check
mcp-check: build/mcp-check-venv/stamp build/mcp-check/stamp ## Let judges that others wrote examine the MCP server
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/mcp_check $(ARGS)

.PHONY: fuse
fuse: ## Install libfuse for the tests of `ap mount` (root on Debian; elsewhere install fuse3 yourself)
	ldconfig -p | grep -q libfuse || { apt-get update -qq && apt-get install -y -qq fuse3 >/dev/null; }

# In a fresh checkout each worker would compile all tests itself; one process does it for them.
.PHONY: collected
collected: .venv/stamp
	mkdir -p build
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only -q -n 0 >build/collected || { cat build/collected; false; }

# What keeps one core busy runs two by two; the suites take both cores themselves.
.PHONY: check
check: .venv/stamp ## What CI runs
	$(MAKE) --no-print-directory -j2 --output-sync=target types collected wheel lint imports
	$(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory interop

# The peers of the filesystem; s3fs and what it pulls in do not go with what ap_remote needs.
build/bench-venv/stamp: tests/bench/requirements.txt .venv/stamp
	test -x build/bench-venv/bin/python || $(PYTHON) -m venv build/bench-venv
	$(BIN)/uv pip sync --quiet --python build/bench-venv/bin/python --require-hashes $<
	touch $@

# Without its peers the filesystem is measured alone, and says so.
.PHONY: bench
bench: .venv/stamp ## Measure; prints JSON lines
	$(MAKE) --no-print-directory build/bench-venv/stamp || rm -rf build/bench-venv
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: quality
quality: .venv/stamp ## Measure what search and organising are worth (AP_MODEL_DIR=… adds its encoders)
	mkdir -p build/quality
	TMPDIR=$(CURDIR)/build/quality $(BIN)/python -m tests.quality $(ARGS)

# It imports a build of torch for CUDA, and FAISS for cards (`semantic-gpu`), where these are installed.
.PHONY: bench-gpu
bench-gpu: .venv/stamp ## Measure encoders and search on a CUDA device; says so where there is none
	$(BIN)/python -m tests.bench.semantic_gpu

.PHONY: constraints
constraints: ## Pin the newest versions that fit (names, versions and hashes only)
	$(BIN)/uv pip compile --quiet --universal --upgrade --extra all --group dev --group demo --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --python-version 3.11 pyproject.toml --output-file constraints.txt
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 tests/interop/requirements.in --output-file tests/interop/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 tests/bench/requirements.in --output-file tests/bench/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 tests/mcp_check/requirements.in --output-file tests/mcp_check/requirements.txt

.PHONY: clean
clean: ## Remove what the commands made
	rm -rf .venv build dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
