# Everything starts here, on a bare Debian machine as root with Python 3.13: `make demo`, `make test`.
# Nothing is written outside this folder, apart from what apt-get installs and /tmp while tests run.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint format bench bench-exchange bench-path clean azurite checks dovecot servers chromium peers

PYTHON := .venv/bin/python
READY := .venv/.ready
CACHE := $(CURDIR)/.cache
CHECKS := $(CACHE)/checks
CODE := mailferry functions devhost demo benchmarks tests $(wildcard function_app.py)

export PIP_CACHE_DIR := $(CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_cache := $(CACHE)/npm
export npm_config_update_notifier := false
export XDG_CACHE_HOME := $(CACHE)
export PYTEST_DEBUG_TEMPROOT := $(CACHE)

help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) azurite ## Move three made-up mailboxes into a simulated Exchange Online, through the real app
	@$(PYTHON) -m demo

test: $(READY) azurite checks dovecot servers chromium ## All tests, on real servers
	@$(PYTHON) -m pytest -n 4 --dist worksteal

lint: $(READY) ## Style, format and types, nothing changed
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy --strict $(CODE)

format: $(READY) ## Put the code into the house format
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

bench: $(READY) dovecot peers ## How fast the engine is, beside other tools and into Exchange Online, into docs/performance.md (15 minutes; IMAPSYNC=script adds it)
	@$(PYTHON) -m benchmarks.engine
	@$(PYTHON) -m benchmarks.exchange
	@$(PYTHON) -m benchmarks.cost

bench-exchange: $(READY) dovecot ## How fast and at what price mail goes into the simulated Exchange Online, into docs/performance.md and docs/cost.md (5 minutes)
	@$(PYTHON) -m benchmarks.exchange
	@$(PYTHON) -m benchmarks.cost

bench-path: $(READY) azurite dovecot ## How fast the whole path is: 50 mailboxes x 100 messages on this machine
	@$(PYTHON) -m benchmarks.path

clean: ## Remove everything that was made here: the virtual environment, caches, data
	rm -rf .venv .cache .data .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

azurite: $(READY)
	@$(PYTHON) -c 'from devhost.azurite import installed; installed()'

# Programs that check what is under infra/. They pin packages that don't go with ours, so they live by themselves.
checks: $(CHECKS)/.ready

$(CHECKS)/.ready: requirements-checks.txt | $(READY)
	@echo 'Installing checkov and azure-functions-doctor ...'
	@$(PYTHON) -m venv --clear $(CHECKS)
	@$(CHECKS)/bin/python -m pip install -qq --no-input -r requirements-checks.txt
	@touch $@

dovecot:
	@test -x /usr/sbin/dovecot || { $(call apt_install,dovecot-imapd); }

# Their packages conflict with Dovecot's and with each other: they are unpacked, not installed.
servers: $(READY)
	@$(PYTHON) -m tests.support.unpacked

chromium:
	@test -x /usr/bin/chromium || { $(call apt_install,chromium); }

# A tool that can't be installed is left out of the comparison, which says so.
peers:
	@command -v mbsync >/dev/null || ( $(call apt_install,isync) ) || true
	@command -v imapcopy >/dev/null || ( $(call apt_install,imapcopy) ) || true
	@command -v offlineimap >/dev/null || ( $(call apt_install,offlineimap3) ) || true

# The first Python that is new enough; Debian keeps ensurepip in a package of its own.
$(READY): requirements.txt requirements-cli.txt requirements-dev.txt constraints.txt
	@mkdir -p $(CACHE)
	@for python in python3.13 python3 python3.14; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null; then break; fi; python=; \
	done; \
	test -n "$$python" || { echo 'Mailferry needs Python 3.13 or newer, and found neither python3.13 nor such a python3.' >&2; exit 1; }; \
	if ! $(PYTHON) -c 'import sys, pip; sys.exit(sys.version_info < (3, 13))' 2>/dev/null; then \
	  $$python -c 'import ensurepip, venv' 2>/dev/null || { $(call apt_install,python3-venv); } || exit 1; \
	  echo "Making .venv with $$($$python --version) ..."; \
	  $$python -m venv --clear .venv || exit 1; \
	fi
	@echo 'Installing the Python packages ...'
	@$(PYTHON) -m pip install -qq --no-input -c constraints.txt -r requirements-dev.txt
	@touch $@

# $(call apt_install,PACKAGES): a shell command. The package lists are only fetched when apt-get can't do without.
define apt_install
echo 'Installing $(1) with apt-get ...'; mkdir -p $(CACHE); \
if [ "$$(id -u)" != 0 ]; then echo 'This machine lacks $(1). Install it as root: apt-get install $(1)' >&2; exit 1; fi; \
export DEBIAN_FRONTEND=noninteractive; \
apt-get install -y --no-install-recommends $(1) >$(CACHE)/apt.log 2>&1 \
|| { apt-get update && apt-get install -y --no-install-recommends $(1); } >$(CACHE)/apt.log 2>&1 \
|| { cat $(CACHE)/apt.log >&2; exit 1; }
endef
