# Everything that a fresh machine with Python 3.11+, make and git needs is set up by the targets themselves, in .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
# Tests wait more than they compute, so more than twice as many as a small machine has cores run side by side.
JOBS   ?= 5 --dist worksteal
CODE   := bot handlers sandbox tests docs deploy benchmarks

# Without its cache each of the workers, and each bot that a test starts, would compile every file anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install sandbox test quick short test-long test-real test-newest test-modes test-matrix pictures mutants lint fix docs lock bench bench-quick release manifest-http clean

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.for-use  ## Make .venv with the locked versions
	@echo "The bot is $(BIN)/dh-bot"

# Ctrl-C is how the sandbox is meant to end, so its status is no failure.
sandbox: $(VENV)/.for-use  ## Show the bot at work on one page in the browser, with a local Slack and MetaStudio
	@$(BIN)/dh-bot sandbox || test $$? -eq 130

test: lint short  ## Check style and types, then run the tests (under five minutes)

quick: $(VENV)/.for-work  ## Run the unit tests of the rooms that you have changed, or all of them, in seconds
	@DHBOT_PROFILE=quick $(BIN)/python -m pytest -q -n 2 --dist worksteal $$($(BIN)/python -m tests.quick)

short: $(VENV)/.for-work
	@echo "== tests"
	@$(BIN)/python -m pytest -n $(JOBS) -m "not long and not real" $(TESTS)

# pytest ends with 5 when no test matches, which is no failure as long as no test is marked long. No unit test is, and
# each worker would collect thousands of them.
test-long: $(VENV)/.for-work  ## Run the tests that take longer
	@echo "== long tests"
	@$(BIN)/python -m pytest -n $(JOBS) -m long --ignore tests/unit || { code=$$?; test $$code -eq 5 && echo "There are no long tests yet."; }

# One after the other: each starts servers, containers and network namespaces of its own.
test-real: $(VENV)/.for-work  ## Run the tests on real parts of Debian: the image, PostgreSQL, nginx, proxies (as root)
	@echo "== tests on real parts"
	@$(BIN)/python -m pytest -m real tests/real

test-newest:  ## Run the tests of make test on the newest Python that is claimed, in a Debian of its own (as root)
	@TESTS="$(TESTS)" sh tests/newest.sh $(ON)

MODES := http,sqlite,aksk socket,postgresql,aksk http,postgresql,aksk \
	socket,sqlite,token http,sqlite,token socket,postgresql,token http,postgresql,token

test-modes: $(VENV)/.for-work  ## Run the flow tests in every other way: HTTP, PostgreSQL, IAM token (half an hour)
	@for mode in $(MODES); do echo "== flow tests: $$mode"; \
		DHBOT_FLOW=$$mode $(BIN)/python -m pytest -n $(JOBS) -m "not long" tests/flow || exit 1; done

# In make test-long each boundary is passed in one way only.
test-matrix: $(VENV)/.for-work  ## Let the bot die, and set its clock, at every boundary in every way (over an hour)
	@DHBOT_MATRIX=whole $(BIN)/python -m pytest -n $(JOBS) -m long tests/crash

pictures: $(VENV)/.for-work  ## Take the pictures of README and docs/ anew, in a Chromium that is on this machine (five minutes)
	@$(BIN)/python -m tests.browser.pictures

mutants: $(VENV)/.for-work  ## Change the code bit by bit and show what no test notices (about half an hour)
	@echo "== mutants"
	@sh tests/mutants.sh $(BIN)

lint: $(VENV)/.for-work  ## Check style and types
	@echo "== ruff"
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@echo "== mypy"
	@$(BIN)/mypy
	@echo "== bandit"
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive bot handlers sandbox benchmarks

fix: $(VENV)/.for-work  ## Correct style where that can be done safely
	@$(BIN)/ruff check --fix $(CODE) || true
	@$(BIN)/ruff format $(CODE)

docs: $(VENV)/.for-work  ## Write .env.example and the pages that are made from the code anew, and build the site in site/
	@$(BIN)/python -m docs.generate.who_may
	@$(BIN)/python -m docs.generate.messages
	@$(BIN)/python -m docs.generate.cards
	@$(BIN)/python -m docs.generate.settings
	@$(BIN)/python -m mkdocs build --quiet --strict
	@echo "The site begins at site/index.html"

# One run for every Python: what only some of them need has its condition in the files. Versions and hashes only: no
# registry's address and no path of this machine gets into them.
COMPILE := $(BIN)/uv pip compile --universal --quiet --generate-hashes --no-header --group build

lock: $(VENV)/.for-work  ## Write the lock files anew from pyproject.toml (newer versions: make lock UPGRADE=--upgrade)
	$(COMPILE) $(UPGRADE) --extra sandbox --extra postgres -o requirements.lock pyproject.toml
	$(COMPILE) $(UPGRADE) --extra sandbox --extra postgres --extra dev -c requirements.lock \
		-o requirements-dev.lock pyproject.toml
	@! grep -nE '://|@ |^-' requirements.lock requirements-dev.lock

bench: $(VENV)/.for-work  ## Measure how fast the bot is beside three others, and what grows (under fifteen minutes)
	@$(BIN)/python -m benchmarks $(if $(PAGE),--page $(PAGE))

bench-quick: $(VENV)/.for-work  ## The bot beside the two smallest ones, in short (a minute)
	@$(BIN)/python -m benchmarks --quick

# The tests run between the two, on what the first has found to be the last commit.
release: $(VENV)/.for-work  ## Check, test and build the version of pyproject.toml into dist/; tags and pushes nothing
	@$(BIN)/python deploy/release.py check
	@$(MAKE) --no-print-directory test test-long test-real
	@$(BIN)/python deploy/release.py build

manifest-http: $(VENV)/.for-use  ## Write manifest-http.yml, the manifest for HTTP mode: make manifest-http URL=https://bot.example.com
	@$(BIN)/python deploy/manifest_http.py "$(URL)"

clean:  ## Remove what the targets have made
	rm -rf $(VENV) build dist site manifest-http.yml *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The two stamps are newer than what they were made from; touching a lock file installs anew. Each install is exactly
# the lock file, then the project itself without looking for anything more.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "dh-bot needs Python 3.11 or newer, but $(PYTHON) is: $$($(PYTHON) --version 2>/dev/null || echo missing)."; \
		echo "If a newer one is installed under another name: make PYTHON=python3.12 …"; exit 1; }
	@echo "== making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { \
		echo "Python cannot make virtual environments here; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.for-use: $(VENV)/.made requirements.lock pyproject.toml
	@echo "== installing what the bot needs (requirements.lock)"
	@$(PIP) install --quiet --progress-bar off --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Builds on the first, so that an install for use is not repeated and the project itself is there.
$(VENV)/.for-work: $(VENV)/.for-use requirements-dev.lock
	@echo "== installing what its developers need (requirements-dev.lock); this takes a minute or two"
	@$(PIP) install --quiet --progress-bar off --require-hashes -r requirements-dev.lock
	@touch $@
