# Every target does its own set-up: a virtual environment in .venv with pinned versions.
# PYTHON names the interpreter it is made from (3.11 or newer).

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.complete
DEMO := data/builds/demo

export PYTHONUTF8 = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-all readers check format bench prove clean

demo: $(STAMP)
	@$(BIN)/anchor build data/recipes/demo.yaml --output $(DEMO)
	@$(BIN)/anchor finetune data/recipes/demo-finetune.yaml --output $(DEMO)-finetune
	@$(BIN)/anchor report $(DEMO) --finetune $(DEMO)-finetune

# One process a core, up to four; the tests of a file stay together.
TEST := $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: $(STAMP)
	$(TEST) -m "not slow"

test-all: $(STAMP)
	$(TEST)

# Trainers that read our shards, each in an environment of its own below build/.
readers: $(STAMP)
	$(BIN)/python -m tests.readers
	$(BIN)/pytest tests/readers

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_architecture.py

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks

# How much of what the true data would save an anchor saves: hours on two cores; it goes on where it
# was stopped. SIZE=tiny tries it out in minutes.
SIZE ?= cpu
prove: $(STAMP)
	$(BIN)/python -m tests.benchmarks.recovery --size $(SIZE)

clean:
	rm -rf data/store data/builds

# The stamp is written last, so that an installation cut short is begun again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, found " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	@echo "Setting up .venv (some minutes, once)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --upgrade pip --constraint constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	@touch $(STAMP)
