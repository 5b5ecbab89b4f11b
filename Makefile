# `make up` and `make test` are all that a fresh machine needs; `make help` lists the rest.
STACK ?= dev
PYTHON ?= python3
RUN := .venv/bin/python
# What runs on machines has no .py at its end; some of it must do with the Python of an older distribution.
SCRIPTS = $(shell git grep -lE '^\#!/usr/bin/env python3$$' -- components)
# The dev stack's state is the rehearsal's, whatever pulumi and backend the caller has.
REHEARSED = $(if $(filter dev,$(STACK)),[ -f .rehearsal/env ] || { echo 'there is no rehearsal: run `make up` first' >&2; exit 1; }; . ./.rehearsal/env;)
.DEFAULT_GOAL := help
.PHONY: help up preview destroy down plan test rehearse rehearse-faults bench lint init discover do forget lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# uv where it is installed, else pip: both install exactly what is locked. The last step marks the folder as whole.
.venv/ready: pyproject.toml uv.lock requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s; name another with PYTHON=" % sys.version.split()[0])'
	@echo "installing what the lock file says into .venv"
	@if command -v uv >/dev/null; then uv sync --quiet --locked; \
	else $(PYTHON) -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; fi
	@touch $@

up: .venv/ready ## bring the stack up; the dev stack rehearses the whole lab on this machine (root)
	@$(RUN) -m rehearsal.stack up $(STACK)

preview: .venv/ready ## what `make up` would change
	@$(RUN) -m rehearsal.stack preview $(STACK)

destroy: .venv/ready ## take down what the stack made; data stays
	@$(RUN) -m rehearsal.stack destroy $(STACK)

down: .venv/ready ## end the rehearsal: no process, mount, bridge, rule or loop device stays
	@$(RUN) -m rehearsal down

plan: .venv/ready ## the plan as tables, from the configuration alone
	@$(RUN) -m commands.plan $(STACK)

test: .venv/ready ## unit tests: no root, no engine, no network
	@$(RUN) -m pytest -q

rehearse: .venv/ready ## tests with the real engine and real machines (root)
	@$(RUN) -m pytest -q -m '(engine or rehearsal) and not faults'

rehearse-faults: .venv/ready ## the long fault lists (root)
	@$(RUN) -m pytest -q -m faults --table docs/faults.md

bench: .venv/ready ## how fast, as ratios in one run, on the rehearsal of `make up` (root): docs/performance.md
	@$(RUN) -m bench $(ARGS)

lint: .venv/ready ## linters and type checker
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . $(SCRIPTS) && .venv/bin/mypy && .venv/bin/lint-imports
	@.venv/bin/ruff check --extend-ignore E402,E501,PTH,SIM,UP $(SCRIPTS)
	@.venv/bin/shellcheck $(shell git grep -lE '^#!/bin/sh$$' -- components .ci)

init: .venv/ready ## start a stack and make its identities: make init STACK=mylab [ARGS=--cli]
	@$(RUN) -m commands.init $(STACK) $(ARGS)

discover: .venv/ready ## a machine's configuration block: make discover HOST=user@address
	@$(RUN) -m commands.discover $(HOST)

do: .venv/ready ## run a script on a machine: make do M=leviathan DO='mesh/status'
	@$(REHEARSED) $(RUN) -m commands.do '$(STACK)' '$(M)' '$(DO)'

forget: .venv/ready ## drop a machine that is gone from the state: make forget MACHINE=nimbus
	@$(REHEARSED) $(RUN) -m commands.forget '$(STACK)' '$(MACHINE)'

lock: ## renew the lock files after a change of pyproject.toml (needs uv)
	uv lock && uv export --quiet --all-groups --no-emit-project --format requirements.txt -o requirements.lock
