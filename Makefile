# Everything below needs Python >= 3.11 and make, nothing else; pip's own configuration (mirror, proxy, certificates) is honoured.

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup demo test format lint types pytest test-matrix bench clean

# The first interpreter that is new enough, runs and can make a venv. `make PYTHON=/path/to/python test` overrides.
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
  $$name -c '$(USABLE)' >/dev/null 2>&1 && { echo $$name; break; }; done)

BIN := .venv/bin
SUITE := -n 2 -m 'not matrix'
# What a user's version of openai could break.
DROP_IN := $(addprefix tests/test_,openai.py azure.py public.py instrumentation.py http_mocks.py subclasses.py failover.py streaming.py \
  switch.py docs.py cli.py secrets.py no_egress.py contract.py embeddings.py) tests/parity
# pyright must not look for a newer version of itself.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# $(call venv,directory): a venv that runs, with a pip that knows dependency groups.
define venv
@$(or $(PYTHON),false) -c '$(USABLE)' || { echo >&2 "make: no Python >= 3.11 with venv and ensurepip was found. Install one \
	(on Debian and Ubuntu also python3-venv), or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
@$(1)/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear $(1)
@$(1)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade 'pip>=25.1'
endef
INSTALL = bin/python -m pip --disable-pip-version-check install --quiet --editable

help:  ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: .venv/ready  ## make .venv with the package and the tools

.venv/ready: pyproject.toml Makefile
	$(call venv,.venv)
	@echo "installing llmswitch and the tools into .venv"
	@.venv/$(INSTALL) . --group dev
	@touch $@

demo: .venv/ready  ## watch an app survive the block (20 s, no key, no network)
	@$(BIN)/llmswitch demo

test: format lint types pytest  ## everything that must pass before a merge

format: .venv/ready
	$(BIN)/ruff format --check .

lint: .venv/ready
	$(BIN)/ruff check .

types: .venv/ready
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

pytest: .venv/ready  ## the tests alone
	$(BIN)/python -m pytest $(SUITE)

# Other openai majors run what depends on them; the newest also has the vendors' SDKs, which judge the sandbox, and the local model.
.matrix/openai-1/ready: REQUIREMENTS := . 'openai[aiohttp]>=1.99,<1.100'
.matrix/openai-2/ready: REQUIREMENTS := . 'openai[aiohttp]>=2,<3'
.matrix/openai-3/ready: REQUIREMENTS := '.[all]' 'openai>=3,<4' --group judges
# Libraries that take or patch an openai client, held like the checkers above; some do not get on with openai 3 yet.
INTEGRATIONS := langchain-openai~=1.7 instructor~=1.17 'pydantic-ai-slim[openai]~=2.31' langfuse~=5.0 logfire~=5.4 sentry-sdk~=2.75 \
  openinference-instrumentation-openai~=0.1.66 opentelemetry-instrumentation-openai~=0.62.4 \
  opentelemetry-instrumentation-openai-v2==2.4b0 'opentelemetry-util-genai<1'
.matrix/integrations-2/ready: REQUIREMENTS := . 'openai>=2,<3' $(INTEGRATIONS) \
  llama-index-llms-openai~=0.8.3 llama-index-embeddings-openai~=0.7.0 openai-agents~=0.20.0 \
  respx~=0.23.1 pytest-httpx~=0.36.2 vcrpy~=9.4 opentelemetry-instrumentation-httpx
.matrix/integrations-3/ready: REQUIREMENTS := . 'openai>=3,<4' $(INTEGRATIONS)
.matrix/%/ready: pyproject.toml Makefile
	@mkdir -p .matrix
	$(call venv,$(@D))
	@echo "installing $(subst .,llmswitch,$(word 1,$(REQUIREMENTS))) with $(word 2,$(REQUIREMENTS)) into $(@D)"
	@$(@D)/$(INSTALL) $(REQUIREMENTS) --group test
	@touch $@

MATRIX := openai-1 openai-2 openai-3 integrations-2 integrations-3
test-matrix: $(MATRIX:%=.matrix/%/ready)  ## other openai majors, libraries over openai, vendors' SDKs, the real model
	.matrix/openai-1/bin/python -m pytest $(SUITE) $(wildcard $(DROP_IN))
	.matrix/openai-2/bin/python -m pytest $(SUITE) $(wildcard $(DROP_IN))
	.matrix/openai-3/bin/llmswitch local pull
	.matrix/openai-3/bin/python -m pytest -m matrix
	.matrix/integrations-2/bin/python -m pytest -n 2 -m matrix -W ignore tests/matrix/integrations
	.matrix/integrations-3/bin/python -m pytest -n 2 -m matrix -W ignore tests/matrix/integrations

# Each client that is measured has an environment of its own, with its newest version.
.bench/openai/ready: REQUIREMENTS := openai
.bench/llmswitch/ready: REQUIREMENTS := --editable .
.bench/litellm/ready: REQUIREMENTS := litellm
.bench/any-llm/ready: REQUIREMENTS := 'any-llm-sdk[openai]'
.bench/aisuite/ready: REQUIREMENTS := 'aisuite[openai]'
.bench/%/ready: pyproject.toml
	@mkdir -p .bench
	$(call venv,$(@D))
	@echo "installing $* into $(@D)"
	@$(@D)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade $(REQUIREMENTS)
	@touch $@

BENCH ?= --write
bench: .venv/ready $(patsubst %,.bench/%/ready,openai llmswitch litellm any-llm aisuite)  ## measure beside other clients (15 min; BENCH=--quick for 3)
	@$(BIN)/python -m benchmarks $(BENCH)

clean:  ## remove what the targets above made
	rm -rf .venv .matrix .bench dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
