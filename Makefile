# Everything that is done with this project, one word each. `make` alone explains them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Tests run make, too, which would look for the job server of this one. And they start some hundred processes of Python:
# modules are compiled once, whatever the image says that one runs this in.
TESTING := env -u MAKEFLAGS -u PYTHONDONTWRITEBYTECODE
PYTEST := $(TESTING) $(BIN)/python -m pytest
FAST := tests/unit tests/property tests/golden tests/faults
# The image's Python: its version stands in the Dockerfile, and nowhere else. Looked for by who needs it only.
IMAGE_VERSION = $(shell sed -n 's/^ARG BASE_IMAGE=python:\([0-9]*\.[0-9]*\).*/\1/p' Dockerfile)
IMAGE_PYTHON ?= $(shell for each in python$(IMAGE_VERSION) "$$(pyenv root 2>/dev/null)"/versions/$(IMAGE_VERSION).*/bin/python; do \
  "$$each" -c '' 2>/dev/null && echo "$$each" && break; done)

##@ Use

demo: setup ## A local cluster, the controller and two sample groups made Available; stays until Ctrl-C (ONCE=1: exits)
	@hack/demo $(if $(ONCE),--once)

##@ Check

test: setup ## Everything CI runs: linters, types, the docs, unit, property and golden tests, the real control plane
	@$(MAKE) --no-print-directory --jobs 2 $(TOGETHER) verify docs
	@LWS_SITE=$(SITE) $(MAKE) --no-print-directory --jobs 2 $(TOGETHER) test-fast test-integration

# Side by side, because the one computes and the other waits; what each says comes when it has ended.
TOGETHER := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
# The same examples for the same code, so that a red run is about a change. Others: make test-fast EXAMPLES=default
EXAMPLES ?= ci

test-fast: setup ## Unit, property, fault and golden tests: no cluster (EXAMPLES=default: new random examples)
	nice -n 5 $(PYTEST) -n 2 --dist worksteal --hypothesis-profile=$(EXAMPLES) $(FAST)

test-fast-image: ## The same tests on the image's Python, where there is one (IMAGE_PYTHON=/path/to/it)
	$(eval IMAGE_PYTHON := $(IMAGE_PYTHON))
	@[[ -n "$(IMAGE_PYTHON)" ]] || \
	  echo "No Python $(IMAGE_VERSION) here, the image's: the fast tests run on one Python only" >&2
	@[[ -z "$(IMAGE_PYTHON)" ]] || $(MAKE) --no-print-directory .venv-image/installed
	@[[ -z "$(IMAGE_PYTHON)" ]] || nice -n 5 $(TESTING) .venv-image/bin/python -m pytest \
	  -n 2 --dist worksteal --hypothesis-profile=$(EXAMPLES) $(FAST)

# Control planes at once. One takes a tenth of a core and 700 MB.
WORKERS ?= 4

test-integration: setup ## The tests on a real control plane (builds it on first use)
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --ignore $(RELEASE) tests/integration

# Two whole releases, compared byte by byte, and what is in them run: a quarter of an hour of its own.
RELEASE := tests/integration/test_release.py
test-release: setup ## What `make release` makes: the same bytes twice, and everything in it works
	$(PYTEST) $(RELEASE)

verify: setup ## Linter, formatter, strict types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

##@ Change

format: setup ## Let the formatter and the linter mend what they can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

crds: setup ## Write manifests/crd from hack/crds and the API server's own OpenAPI
	hack/update-crds

lock: setup ## Pin every dependency anew, with hashes
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --universal --no-emit-index-url \
	  --upgrade --custom-compile-command "make lock" --quiet --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --generate-hashes --universal --no-emit-index-url \
	  --constraint requirements.lock --custom-compile-command "make lock" --quiet --output-file requirements.runtime.lock
	$(BIN)/uv pip compile --group plugin --generate-hashes --universal --no-emit-index-url \
	  --constraint requirements.lock --custom-compile-command "make lock" --quiet --output-file requirements.plugin.lock
	$(BIN)/uv pip compile --group docs --generate-hashes --universal --no-emit-index-url \
	  --constraint requirements.lock --custom-compile-command "make lock" --quiet --output-file requirements.docs.lock
	$(BIN)/uv pip compile --group sbom --generate-hashes --universal --no-emit-index-url --upgrade \
	  --constraint requirements.lock --custom-compile-command "make lock" --quiet --output-file requirements.sbom.lock
	$(BIN)/uv pip compile --group fuzz --generate-hashes --universal --no-emit-index-url --upgrade \
	  --constraint requirements.lock --custom-compile-command "make lock" --quiet --output-file requirements.fuzz.lock

SITE ?= build/docs
docs: .venv-docs/installed ## The documentation as a site, build/docs/index.html; a broken link is an error
	@rm -rf $(SITE)
	@echo "Building the site, some 20 s" >&2
	.venv-docs/bin/sphinx-build --conf-dir docs --builder html --doctree-dir $(SITE)-doctrees --fresh-env --jobs auto \
	  --fail-on-warning --quiet . $(SITE)

sbom: .venv-sbom/installed ## What the image holds, as CycloneDX: build/sbom.cdx.json
	@mkdir -p build
	@echo "Writing build/sbom.cdx.json, some 10 s" >&2
	.venv-sbom/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
	  --output-file build/sbom.cdx.json requirements.runtime.lock

chart: setup ## Bring the copies in manifests/chart up to date, check it and package it: build/lws-VERSION.tgz
	$(BIN)/python -m hack.tools.chart

vendor: setup ## Copy the dashboard's library from npm, as hack/dashboard/package-lock.json pins it
	$(BIN)/python -m hack.dashboard.vendor

pictures: setup ## Take the pictures of the dashboard that the guides show, from a cluster made for them (needs chromium)
	$(BIN)/python -m hack.dashboard.pictures

# Where the image will be, by which install.yaml and the chart name it: make release IMAGE=registry.example/lws
IMAGE ?=

release: setup .venv-sbom/installed ## What is published, in dist/: install.yaml, chart, image, wheels, plugin, SBOM, sums, notes
	$(BIN)/python -m hack.release $(if $(IMAGE),--image $(IMAGE)) $(RELEASE_FLAGS)

# Sets of strings have another order in each process otherwise, and a seed would not tell what happens.
faults: setup ## Every fault during every operation, in a model of the control plane: the table of docs/faults.md
	PYTHONHASHSEED=0 PYTHONPATH=src:tests:. $(BIN)/python -m support.faults $(FAULTS_FLAGS)

schedules: setup ## Every order of steps that few delays lead to, of small operations in that model: another table there
	PYTHONHASHSEED=0 PYTHONPATH=src:tests:. $(BIN)/python -m support.schedules $(SCHEDULES_FLAGS)

recovery: setup ## Faults on a real control plane, ten times each, and how soon sets are whole: the table of docs/recovery.md
	PYTHONPATH=src:tests:. $(BIN)/python -m support.recovery $(RECOVERY_FLAGS)

soak: setup ## Half an hour of random edits, deaths, strangers and kills: what the manager takes, and that all is right in the end
	PYTHONPATH=src:tests:. $(BIN)/python -m support.soak $(SOAK_FLAGS)

fuzz: .venv-fuzz/installed ## Admission is asked what a coverage-guided fuzzer thinks of, for an hour; what it finds is in build/fuzz
	PYTHONPATH=src:tests:. .venv-fuzz/bin/python -m support.fuzz $(or $(FUZZ_FLAGS),-max_total_time=3600)

bench: setup ## The figures of docs/benchmarks.md, measured on this machine
	hack/bench/run

##@ House

setup: .venv/installed ## The virtual environment, from the lock file; other targets call it

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing $$(grep -c '^[^ #].*==' requirements.lock) packages of requirements.lock into .venv, once: a minute or two" >&2
	@$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv-image/installed: requirements.lock pyproject.toml
	$(IMAGE_PYTHON) -m venv .venv-image
	.venv-image/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	.venv-image/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv-docs/installed: requirements.docs.lock
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.docs.lock
	@touch $@

.venv-sbom/installed: requirements.sbom.lock
	$(PYTHON) -m venv .venv-sbom
	.venv-sbom/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.sbom.lock
	@touch $@

.venv-fuzz/installed: requirements.lock requirements.fuzz.lock
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/pip install --quiet --disable-pip-version-check --require-hashes $(^:%=--requirement %)
	@touch $@

clean: ## Remove what the targets above made here
	rm -rf .venv .venv-image .venv-docs .venv-sbom .venv-fuzz build dist .mypy_cache .ruff_cache .hypothesis .import_linter_cache

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo test test-release test-fast test-fast-image test-integration verify format crds lock docs sbom chart vendor pictures release faults schedules recovery soak fuzz bench setup clean help
