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

# Third-party MCP peers that need an older SDK than ours live in an environment of their own.
.venv/peers/ready: tests/peers.lock .venv/ready
	$(PYTHON) -m venv --clear .venv/peers
	.venv/peers/bin/pip install --quiet --require-hashes --no-deps -r tests/peers.lock
	touch $@

# A server that only Debian packages; where it cannot be installed, the tests that need it say that they skipped.
.venv/servers: .venv/ready
	command -v nginx >/dev/null || { apt-get update -qq && apt-get install -qq --yes --no-install-recommends nginx-light; } || true
	touch $@

lock:  ## Resolve anew and write requirements.lock (needs uv).
	uv pip compile --quiet --python-version 3.13 --generate-hashes --no-annotate --all-extras \
	    --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	uv pip compile --quiet --python-version 3.13 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" tests/peers.in -o tests/peers.lock

demo: .venv/ready node_modules/ready
	$(BIN)/python examples/demo.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: .venv/ready .venv/peers/ready .venv/servers node_modules/ready lint
	$(BIN)/coverage run -m pytest tests/core # each module of the core is covered in full by its own tests
	$(BIN)/coverage report
	$(BIN)/pytest -n 2 --dist loadfile --ignore tests/core

clean:
	rm -rf .venv node_modules build dist
