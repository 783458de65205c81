# Two commands are all that a new user needs: `make demo` and `make test`.
# Each makes .venv where it is missing, installs the project and what the system lacks, and then does its job.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint clean

demo: $(VENV)/.with-all
	@sh scripts/system-packages demo
	$(BIN)/napari-cathode demo

# The window's tests run in processes of their own: once TensorFlow is loaded, drawing with Mesa's software OpenGL ends
# in a segmentation fault (Debian 12). The program itself never loads TensorFlow beside a window. Each time two processes
# share the tests, file by file; each of those with windows starts a virtual screen (tests/plugin/surroundings.py).
test: $(VENV)/.with-test
	@sh scripts/system-packages test
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --ignore=tests/plugin --ignore=tests/widgets $(PYTEST_ARGS)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/plugin tests/widgets $(PYTEST_ARGS)

# Style and types; the tests do not depend on them.
lint: $(VENV)/.with-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist napari-cathode-demo

$(VENV)/.made:
	@sh scripts/system-packages venv $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/.with-all: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[all]"
	@touch $@

$(VENV)/.with-test: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[all,train,test]"
	@touch $@ $(VENV)/.with-all
