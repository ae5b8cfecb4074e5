# make help                       this list
# make run [ARGS="--port 8001"]   everything on this machine; Ctrl-C stops it
# make test [ARGS="-k cursor"]    the tests to run while working: under three minutes on two cores; offline once installed
# make test-all                   every test but make e2e-…; make test-rest: those that make test leaves out (tests/README.md)
# make contract                   schemathesis against the running service, with many examples
# make clients                    generated clients against the running service, and linters of both contracts
# make openapi                    writes the OpenAPI document, after a change of a model or a route
# make property                   the API against its model, and its lists, in full: a few minutes
# make faults [SEEDS=200]         simulation runs with all faults at once, crash points, overload; FAULT_SEED=7 repeats one
# make seeded-bugs [ARGS="NAME"]  puts one bug at a time into a copy, which its tests must find: tests/README.md
# make fuzz [SECONDS=60]          atheris at every entry point, and a search for the body that costs most to refuse
# make golden RELEASE=0.2.0       keeps a release's code and the data it writes, which every later release must read
# make mutants                    mutations of the domain that no unit test notices: docs/explain/reliability.md
# make permissions                what each function may do and why, printed and written into docs/explain/permissions.md
# make audit                      known vulnerabilities of the pinned requirements; needs the network
# make lock [ARGS=--upgrade]      writes the requirements files, after a change in pyproject.toml; needs the network
# make check                      format, lint, types, imports, templates, the documentation site
# make docs                       the documentation site, in build/docs/site; a dead link or an unlisted page is an error
# make package STAGE=prod          a stage as one stack, in build/<stage>: docs/operate/deploy.md
# make e2e-package e2e-deploy      both ways of deploying, on the embedded engine; fetches Lambda's wheels
# make e2e-second-engine          the stack on a second engine: created, updated, deleted; needs Python 3.13
# make audit-template             checks the template with a second tool (checkov)
# make bench                      instructions, time and calls against peers; minutes; needs valgrind
# make load [ARGS="orders.csv"]   a spike and an outage, beside a synchronous monolith
# make growth                     the cost of calls while a table grows from 10^3 to 10^6 orders; minutes; needs node and npm
# make simulate-check             the model of `ordersctl simulate` beside the local run; two minutes
# make format                     formats the code as make check requires
.PHONY: help run test test-all test-rest property contract clients openapi check package e2e-package e2e-deploy audit-template e2e-second-engine bench load format
.PHONY: docs faults golden seeded-bugs permissions fuzz mutants audit lock growth simulate-check

.DEFAULT_GOAL = run

# The first interpreter that is new enough, unless PYTHON names one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# Only files whose hash is in a requirements file are installed. A package without a wheel is built with the setuptools
# of requirements-build.txt: in isolation, pip would fetch another one without checking a hash. uv takes seconds where pip takes most
# of a minute. Without uv, or when it fails, the same files are installed by pip.
# Each takes an environment as its argument; INSTALL also takes a requirements file.
PIP = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-build-isolation
UV = .venv/bin/uv pip install --quiet --python $(1)/bin/python --require-hashes --no-build-isolation
INSTALL = $(UV) -r $(2) 2>/dev/null || { $(HAS_PIP) && $(PIP) -r $(2); } || { \
	echo "$(2) could not be installed. Is the package index reachable? PIP_INDEX_URL or pip's configuration names it." >&2; exit 1; }
HAS_PIP = { $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(1)/bin/python -m ensurepip >/dev/null; }

help:
	@sed -n 's/^# \(make .*\)/\1/p' $(firstword $(MAKEFILE_LIST))

run: .venv/run .venv/bin/ordersctl
	@.venv/bin/ordersctl run $(ARGS)

# The tests of a file stay in one worker, which has engines and local runs of its own. Files start in alphabetical order,
# so that the longest, in tests/bench, come first. Four workers keep two cores busy, since many tests wait for an engine.
# WORKERS=0 runs them in one process, for a debugger.
PYTEST = .venv/bin/python -m pytest -n $(or $(WORKERS),4) --dist loadfile --no-loadscope-reorder

# Each worker, and each process that a test starts, would compile every module of the project again.
test test-all test-rest: export PYTHONDONTWRITEBYTECODE =

test: .venv/installed
	$(PYTEST) -m "not full" $(ARGS)

test-all: .venv/installed build/audit/installed build/clients/installed
	$(PYTEST) $(ARGS)

test-rest: .venv/installed build/audit/installed build/clients/installed
	$(PYTEST) -m full $(ARGS)

contract: .venv/installed
	ORDERS_CONTRACT_EXAMPLES=200 .venv/bin/python -m pytest tests/contract $(ARGS)

clients: .venv/installed build/clients/installed
	.venv/bin/python -m pytest tests/contract/clients $(ARGS)

# Generators of clients and linters, in an environment of their own. Node.js is installed there as a wheel.
build/clients/installed: requirements-clients.txt tests/contract/clients/package-lock.json
	@echo "Installing generators of clients (once)"
	@$(PYTHON) -m venv build/clients
	@$(call INSTALL,build/clients,requirements-clients.txt)
	@cp tests/contract/clients/package.json tests/contract/clients/package-lock.json build/clients
	@PATH="$(CURDIR)/build/clients/bin:$$PATH" npm ci --prefix build/clients --no-audit --no-fund --ignore-scripts --loglevel error
	@touch $@

openapi: .venv/installed
	.venv/bin/ordersctl openapi

property: .venv/installed
	HYPOTHESIS_PROFILE=full .venv/bin/python -m pytest tests/properties tests/service/http/test_list_at_scale.py $(ARGS)

# Secrets are found by the formats of keys and tokens and by randomness, not by names of variables. Left out are lines with
# order ids, their alphabet or hashes of packages, and tests with made-up keys and ids, or hashes of public keys.
NO_SECRETS = --disable-plugin KeywordDetector --exclude-lines 'hjkmnp|ord_|--hash=sha256:|"integrity": "sha512-' \
	--exclude-files '^docs/assets/vendor/|^tests/(data/.*\.json|(unit/(aws/test_tls|http/test_cursors|http/auth/test_token_attacks|domain/test_fingerprints|ordersctl/operate/test_webhook)|service/http/access/(test_)?identity_providers|tools/local/test_sqs_event_source)\.py)$$'

faults: .venv/installed
	FAULT_SEEDS=$(or $(SEEDS),200) .venv/bin/python -m pytest tests/resilience -q -rP $(ARGS)

seeded-bugs: .venv/installed
	.venv/bin/python -m testkit.seeded_bugs $(ARGS)

golden: .venv/installed
	.venv/bin/python -m tests.releases.write_golden $(or $(RELEASE),$(error name the release: make golden RELEASE=0.2.0)) $(ARGS)

permissions: .venv/installed
	.venv/bin/python -m tests.permissions

fuzz: .venv/audit
	for entry_point in api queue record token cursor; do \
		.venv/bin/python -m tests.fuzz.explore $$entry_point -max_total_time=$(or $(SECONDS),60) || exit 1; done
	.venv/bin/python -m tests.fuzz.body_costs $(or $(SECONDS),60)

mutants: .venv/audit
	.venv/bin/mutmut run --max-children 2
	.venv/bin/mutmut results

# Checks each requirements file in turn. Fails when it finds a vulnerability, and when it cannot reach the database of
# vulnerabilities.
audit: .venv/audit
	@failed=""; for file in $(wildcard requirements*.txt); do \
		echo "make audit: $$file"; \
		.venv/bin/pip-audit --strict --disable-pip --require-hashes --requirement $$file || failed="$$failed $$file"; \
	done; test -z "$$failed" || { echo "make audit: vulnerable, or not answered for:$$failed" >&2; exit 1; }

# Pins the requirements of pyproject.toml and their dependencies, with the hashes of all files of each release: for any
# platform and Python. A pin stays while it fits; ARGS="--upgrade-package NAME" or ARGS=--upgrade replaces it.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(ARGS)
lock: .venv/audit
	$(LOCK) --group uv --output-file requirements-uv.txt
	$(LOCK) --group build --output-file requirements-build.txt
	$(LOCK) pyproject.toml --output-file requirements.txt
	$(LOCK) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(LOCK) pyproject.toml --group run --constraint requirements-dev.txt --output-file requirements-run.txt
	$(LOCK) --group dax --no-deps --output-file requirements-dax.txt
	$(LOCK) --group audit --constraint requirements-dev.txt --output-file requirements-audit.txt
	$(LOCK) --group bench --constraint requirements-dev.txt --output-file requirements-bench.txt
	$(LOCK) --group checkov --output-file requirements-checkov.txt
	$(LOCK) --group clients --output-file requirements-clients.txt
	$(subst --universal,--python-platform linux,$(LOCK:3.11=3.13)) --group second-engine --output-file requirements-second-engine.txt

check: .venv/installed
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/bandit --quiet --recursive --severity-level medium app.py chalicelib ordersctl
	git ls-files --cached --others --exclude-standard -z | xargs -0 .venv/bin/detect-secrets-hook $(NO_SECRETS)
	.venv/bin/cfn-lint --include-checks I -- infra/resources.yaml
	.venv/bin/ordersctl package --stage prod --template-only --out build/check
	.venv/bin/cfn-lint --include-checks I -- build/check/sam.json build/check/cloudformation.json
	$(DOCS)

# ORDERS_REPOSITORY=https://… makes links to source files lead there.
DOCS = .venv/bin/python -m ordersctl.contract.reference.site build/docs $(ORDERS_REPOSITORY) && \
	.venv/bin/zensical build --strict --clean --config-file build/docs/zensical.toml
docs: .venv/installed
	$(DOCS)
	@echo "Open build/docs/site/index.html"

package: .venv/installed
	.venv/bin/ordersctl package --stage $(or $(STAGE),$(error name a stage: make package STAGE=prod))

e2e-package: .venv/installed
	.venv/bin/python -m pytest tests/e2e/deployments/e2e_package.py $(ARGS)

e2e-deploy: .venv/installed
	.venv/bin/python -m pytest tests/e2e/deployments/e2e_deploy.py $(ARGS)

# LocalEmu needs Python 3.13, and other versions of our dependencies: an environment of its own.
SECOND_PYTHON ?= python3.13
e2e-second-engine: .venv/installed build/second-engine/installed
	.venv/bin/python -m pytest tests/e2e/deployments/e2e_second_engine.py $(ARGS)

build/second-engine/installed: requirements-build.txt requirements-second-engine.txt
	@$(SECOND_PYTHON) -c "" || { echo "LocalEmu needs Python 3.13; name one with SECOND_PYTHON=…" >&2; exit 1; }
	$(SECOND_PYTHON) -m venv build/second-engine
	$(call INSTALL,build/second-engine,requirements-build.txt)
	$(call INSTALL,build/second-engine,requirements-second-engine.txt)
	@touch $@

# checkov needs other versions of our dependencies, so it has an environment of its own.
audit-template: .venv/installed build/audit/installed
	.venv/bin/ordersctl package --stage prod --template-only --out build/check
	build/audit/bin/checkov --config-file infra/checkov.yaml --file build/check/cloudformation.json

build/audit/installed: requirements-build.txt requirements-checkov.txt
	$(PYTHON) -m venv build/audit
	$(call INSTALL,build/audit,requirements-build.txt)
	$(call INSTALL,build/audit,requirements-checkov.txt)
	@touch $@

bench: .venv/bench-installed
	.venv/bin/python -m bench.instructions

load: .venv/bench-installed
	.venv/bin/python -m bench.load $(ARGS)

# A DynamoDB on disk (dynalite), without its install scripts: the package includes the files that they would make.
growth: .venv/installed build/dynalite/node_modules/dynalite
	.venv/bin/python -m bench.growth $(ARGS)

build/dynalite/node_modules/dynalite: bench/growth/package-lock.json
	mkdir -p build/dynalite
	cp bench/growth/package.json bench/growth/package-lock.json build/dynalite
	npm ci --prefix build/dynalite --no-audit --no-fund --ignore-scripts --loglevel error
	@touch $@

simulate-check: .venv/installed
	.venv/bin/python -m bench.simulation $(ARGS)

format: .venv/installed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Each stamp is made anew when its requirements file changes, or when an installation was interrupted. What `make run`
# needs is installed first, and by itself: the rest is several times as large.
# The interpreter's own pip fetches uv, since giving the environment a pip takes seconds, and uv installs one faster.
UV_BY_PIP = install --quiet --disable-pip-version-check --no-compile --require-hashes --only-binary :all: -r requirements-uv.txt
.venv/run: requirements-uv.txt requirements-build.txt requirements-run.txt
	@test -n "$(PYTHON)" || { echo "Orders needs Python 3.11 or newer; name one with PYTHON=…" >&2; exit 1; }
	@echo "Installing what the local run needs into .venv (once)"
	@$(PYTHON) -m venv --without-pip .venv
	@$(PYTHON) -m pip --python .venv/bin/python $(UV_BY_PIP) 2>/dev/null || { $(PYTHON) -m venv .venv && \
		.venv/bin/python -m pip $(UV_BY_PIP) 2>/dev/null; } || echo "There is no uv to be had: pip takes its place, and longer"
	@$(call INSTALL,.venv,requirements-build.txt)
	@$(call INSTALL,.venv,requirements-run.txt)
	@touch $@

# The command line, copied beside the Python that runs it. It runs the project's own code, so no package is installed.
.venv/bin/ordersctl: ordersctl/launcher | .venv/run
	@install -m 755 $< $@

.venv/installed: .venv/run .venv/bin/ordersctl requirements-dev.txt
	@echo "Installing what tests and checks need (once)"
	@$(call INSTALL,.venv,requirements-dev.txt)
	@touch $@

.venv/audit: .venv/installed requirements-audit.txt
	@$(call INSTALL,.venv,requirements-audit.txt)
	@touch $@

.venv/bench-installed: .venv/installed requirements-bench.txt
	@$(call INSTALL,.venv,requirements-bench.txt)
	@touch $@
