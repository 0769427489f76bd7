# `make app` opens the dashboard, prepared so that it starts fast, `make test` runs the tests, `make lint`
# checks style, `make docs` makes pages of the docstrings in build/docs, `make screenshots` takes a picture
# of every page. Each installs what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: app test lint docs screenshots
.DELETE_ON_ERROR:

app: $(VENV)/.app-installed
	$(BIN)/kerasface doctor --prepare >/dev/null
	$(BIN)/kerasface app

# Two tests at a time, each on one core; a worker needs up to 5 GB of memory.
# PYTEST_ARGS chooses tests, for example `make test PYTEST_ARGS="-m slow"`.
test: $(VENV)/.test-installed
	TF_NUM_INTRAOP_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.test-installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/hadolint Dockerfile

# The front door first, then the floors below it that hold what it gives.
docs: $(VENV)/.test-installed
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -W error::UserWarning -m pdoc --docformat google -o build/docs \
		kerasface kerasface.models.layers kerasface.tasks kerasface.faces kerasface.gallery \
		kerasface.evaluation kerasface.images

screenshots: $(VENV)/.test-installed
	$(BIN)/python docs/screenshots.py --chromium "$$(command -v chromium || command -v chromium-browser || command -v google-chrome)"

# On Linux what was tried together, each file checked by its hash; elsewhere whatever the requirements allow.
ifeq ($(shell uname -s),Linux)
REQUIREMENTS := --require-hashes -r requirements.lock
else
REQUIREMENTS := -r requirements.txt
endif

$(VENV)/.app-installed: requirements.txt requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) install $(REQUIREMENTS)
	$(PIP) install --no-deps -e .
	touch $@

$(VENV)/.test-installed: requirements-test.txt $(VENV)/.app-installed
	$(PIP) install -r requirements-test.txt
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "KerasFace needs Python 3.11 or newer. Received: $(PYTHON) = $$($(PYTHON) --version 2>&1)." \
			"Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
