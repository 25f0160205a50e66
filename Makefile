# make help lists the targets.

PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
ARGS ?=
PREFIX ?= /usr/local
PLUGINS ?= $(PREFIX)/lib/nagios/plugins
SECONDS ?= 60
# older versions, as in early Pythons 3.9 and 3.10, cannot install setup.cfg as editable
EDITABLE_PIP = 'pip>=21.3'
# how many: tests/conftest.py; neighbors share what they have built
PARALLEL = --numprocesses auto --dist worksteal
# the folders whose tests run the program, often many times
WHOLE_PROGRAM = benchmarks daemons e2e kernel

.PHONY: help run quick test coverage lint format test-oldest test-all test-kernels fuzz mutants bench generated zipapp install release clean

help:           ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

run: $(VENV)/.installed  ## run the check on this host; ARGS="-v" passes options
	@$(VENV)/bin/check_ephemeral_port $(ARGS); echo "exit code: $$?"

# few of these tests wait
quick: PARALLEL = --numprocesses logical --dist worksteal
quick: lint  ## lint, then all tests but those of the whole program: for each commit
	$(VENV)/bin/python -m pytest $(PARALLEL) --quiet -m 'not slow' \
		$(addprefix --ignore tests/,$(WHOLE_PROGRAM))

test: lint  ## lint, then the whole suite
	$(VENV)/bin/python -m pytest $(PARALLEL)

coverage: $(VENV)/.installed-test  ## which lines no test reaches: the suite, a third slower
	$(VENV)/bin/python -m pytest $(PARALLEL) --cov

lint: $(VENV)/.installed-test  ## check style, format, spelling, prose and types
	$(VENV)/bin/ruff check --quiet
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/codespell
	$(VENV)/bin/python -m tests.prose *.rst *.md contrib check_ephemeral_port
	$(VENV)/bin/mypy --platform linux --cache-dir .mypy_cache/linux
	for platform in darwin win32 freebsd; do \
		$(VENV)/bin/mypy --platform $$platform --cache-dir .mypy_cache/$$platform \
			--package check_ephemeral_port || exit 1; done

format: $(VENV)/.installed-test  ## fix the style and format that a tool can fix
	$(VENV)/bin/ruff check --quiet --fix-only
	$(VENV)/bin/ruff format --quiet

test-oldest:  ## run the tests that depend on libraries, with the oldest supported versions
	$(PYTHON) -m venv .venv-oldest
	$(MAKE) VENV=.venv-oldest .venv-oldest/.installed-test
	$(MAKE) VENV=.venv-oldest .venv-oldest/.oldest
	.venv-oldest/bin/python -m pytest $(PARALLEL) -m 'library and not slow'

test-all:  ## run the suite on every Python from 3.9 up on this machine
	@sh tests/all_pythons.sh $(MAKE) $(PARALLEL)

test-kernels: $(VENV)/.installed-test  ## try the check under older and newer kernels, in guests; ARGS="5.10 --few"
	$(VENV)/bin/python -m tests.kernel.guests $(ARGS)

fuzz:  ## feed odd bytes to every parser, SECONDS=60 each; ARGS="netsh sysctl" selects parsers
	@$(MAKE) VENV=.venv-fuzz .venv-fuzz/.installed-test
	@$(MAKE) VENV=.venv-fuzz .venv-fuzz/.atheris
	@.venv-fuzz/bin/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

mutants:  ## change model/ in thousands of ways; ARGS="*.vrf.*" selects some by name
	@$(MAKE) VENV=.venv-mutants .venv-mutants/.installed-test
	@$(MAKE) VENV=.venv-mutants .venv-mutants/.mutmut
	@.venv-mutants/bin/python tests/mutants/run.py $(ARGS)

# editable installs start 9 ms later
bench:  ## compare the cost of the check with its peers; ARGS="idle 10k" selects scenes
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check .
	@.venv-bench/bin/python -m tests.benchmarks $(ARGS)

zipapp: $(VENV)/.installed  ## build one file for a plugin folder: dist/check_ephemeral_port
	$(VENV)/bin/python contrib/packaging/single_file.py dist/check_ephemeral_port

install: zipapp  ## install the file, manual page, completion: PREFIX=/usr/local DESTDIR=
	install -d $(DESTDIR)$(PLUGINS) $(DESTDIR)$(PREFIX)/bin
	install -m 755 dist/check_ephemeral_port $(DESTDIR)$(PLUGINS)/check_ephemeral_port
	ln -sf $(PLUGINS)/check_ephemeral_port $(DESTDIR)$(PREFIX)/bin/check_ephemeral_port
	DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) PLUGINS=$(PLUGINS) \
		UNITS=$(PREFIX)/lib/systemd/system ZSH=$(PREFIX)/share/zsh/site-functions \
		DOCS=$(PREFIX)/share/doc/check_ephemeral_port contrib/packaging/install_files

release: $(VENV)/.installed-test  ## build and try all files of a release: dist/release
	$(VENV)/bin/python -m contrib.packaging.release dist/release

generated: $(VENV)/.installed  ## write the files in contrib that are derived from the program
	$(VENV)/bin/python -m contrib.generators

clean:  ## remove everything that make has made
	rm -rf .venv .venv-* .pybuild debian build dist mutants *.egg-info .coverage* .hypothesis .mypy_cache .pytest_cache \
		.ruff_cache

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(EDITABLE_PIP)
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(EDITABLE_PIP)
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.oldest: setup.cfg
	$(PIP) nagiosplugin==1.3.2 psutil==5.8.0
	@touch $@

$(VENV)/.atheris:
	$(PIP) atheris
	@touch $@

# tests/mutants/run.py replaces parts of it
$(VENV)/.mutmut:
	$(PIP) 'mutmut==3.8.*'
	@touch $@
