# Two commands matter to a newcomer: `make demo` and `make test`. The rest is for daily work.
.DEFAULT_GOAL := help
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
JOBS   ?= 2
SOAK_SECONDS ?= 600
SOAK_SEED    ?= 1
FUZZ_SECONDS ?= 60

.PHONY: help setup demo test check format bench soak fuzz lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with the paiwatch command in it

$(STAMP): requirements/dev.lock pyproject.toml setup.sh
	@bash setup.sh $(VENV)
	@touch $@

demo: setup  ## run the main job on embedded defaults: three commits, what ran, and why
	@$(BIN)/paiwatch demo

test: setup  ## run every test
	$(BIN)/pytest -n $(JOBS) --dist loadgroup -q

check: setup  ## ruff, mypy --strict, import contracts, shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/shellcheck setup.sh .ci/run $$(git ls-files 'src/*.sh' 'tests/*.sh')

format: setup  ## let ruff put the code in order
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format -q .

bench: setup  ## measure against floors in the same run, as ratios
	@$(BIN)/python -m bench

soak: setup  ## random commits, faults and kills for SOAK_SECONDS (600), from SOAK_SEED (1)
	@$(BIN)/python -m tests.e2e.soak --seconds $(SOAK_SECONDS) --seed $(SOAK_SEED)

fuzz: setup  ## every target of tests/fuzz for FUZZ_SECONDS (60), guided by coverage where atheris can be installed
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/fuzz.lock || true
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

lock:  ## write requirements/*.lock anew from pyproject.toml (needs uv)
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group dev pyproject.toml -o requirements/dev.lock
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml -o requirements/run.lock
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group fuzz -o requirements/fuzz.lock

clean:  ## remove what make made
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .fuzz
