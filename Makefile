# Two commands do everything: `make demo` and `make test`. Both build .venv from the hash-pinned lock where it is missing.
.PHONY: demo test lock lint clean
.DELETE_ON_ERROR:

PYTHON ?= python3.13
BIN := .venv/bin

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Node is a third-party client in the stories; Debian's is older than the first that takes a proxy from the environment.
node_modules/ready: package-lock.json
	npm ci --no-audit --no-fund --silent
	touch $@

lock:  ## Resolve anew and write requirements.lock (needs uv).
	uv pip compile --quiet --python-version 3.13 --generate-hashes --no-annotate --all-extras \
	    --custom-compile-command "make lock" pyproject.toml -o requirements.lock

demo: .venv/ready node_modules/ready
	$(BIN)/python examples/demo.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: .venv/ready node_modules/ready lint
	$(BIN)/coverage run -m pytest tests/core # each module of the core is covered in full by its own tests
	$(BIN)/coverage report
	$(BIN)/pytest -n 2 --dist loadfile --ignore tests/core

clean:
	rm -rf .venv node_modules build dist
