# make help lists the targets.

PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
ARGS ?=

.PHONY: help run test lint test-oldest test-all clean

help:           ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

run: $(VENV)/.installed  ## run the check on this host; ARGS="-v" passes options
	@$(VENV)/bin/check_ephemeral_port $(ARGS); echo "exit code: $$?"

test: lint  ## the whole suite, with lint, format and type checks
	$(VENV)/bin/python -m pytest

lint: $(VENV)/.installed-test
	$(VENV)/bin/flake8
	$(VENV)/bin/black --quiet --check check_ephemeral_port tests
	$(VENV)/bin/isort --quiet --check check_ephemeral_port tests
	$(VENV)/bin/mypy

test-oldest:  ## the suite with the oldest libraries that are supported
	$(PYTHON) -m venv .venv-oldest
	$(MAKE) VENV=.venv-oldest .venv-oldest/.installed-test
	$(MAKE) VENV=.venv-oldest .venv-oldest/.oldest
	.venv-oldest/bin/python -m pytest

test-all:  ## the suite on every Python from 3.9 up that this machine has
	@sh tests/all_pythons.sh $(MAKE)

clean:  ## remove all that make has made
	rm -rf .venv .venv-* build dist *.egg-info .hypothesis .mypy_cache .pytest_cache

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.oldest: setup.cfg
	$(PIP) nagiosplugin==1.3.2 psutil==5.8.0
	@touch $@
