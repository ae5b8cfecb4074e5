# make run [ARGS="--port 8001"]   everything on this machine; Ctrl-C stops it
# make test [ARGS="-k cursor"]    the tests to run while working: under three minutes on two cores; offline once installed
# make test-all                   every test; make test-rest: those that make test leaves out (tests/README.md)
# make contract                   schemathesis against the running service, with many examples
# make openapi                    writes the OpenAPI document, after a change of a model or a route
# make property                   the API against its model, and its lists, in full: a few minutes
# make faults [SEEDS=200]         simulation runs with all faults at once, crash points, overload; FAULT_SEED=7 repeats one
# make seeded-bugs [ARGS="NAME"]  mistakes put into a copy, each of which its tests must find: tests/README.md
# make fuzz [SECONDS=60]          atheris at every entry point
# make mutants                    mutations of the domain that no unit test notices: docs/explain/reliability.md
# make audit                      known vulnerabilities of the dependencies; needs the network
# make check                      format, lint, types, imports, templates
# make package STAGE=prod          a stage as one stack, in build/<stage>: docs/operate/deploy.md
# make e2e-package e2e-deploy      both ways of deploying, on the embedded engine; fetches Lambda's wheels
# make audit-template             a second opinion on the template (checkov)
# make bench                      instructions, time and calls against peers; minutes; needs valgrind
# make load [ARGS="orders.csv"]   a spike and an outage, beside a synchronous monolith
# make growth                     the cost of calls while a table grows from 10^3 to 10^6 orders; minutes; needs node and npm
# make simulate-check             the model of `ordersctl simulate` beside the local run; two minutes
# make format                     put the code into the format that check wants
.PHONY: run test test-all test-rest property contract openapi check package e2e-package e2e-deploy audit-template bench load format
.PHONY: faults seeded-bugs teeth fuzz mutants audit growth simulate-check

# The first interpreter that is new enough, unless PYTHON names one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

run: .venv/installed
	@.venv/bin/python -m ordersctl run $(ARGS)

# The tests of a file stay in one worker, which has engines and local runs of its own. Files start in their order, the
# longest first: those of tests/bench. WORKERS=0 runs them in one process, as a debugger needs it.
PYTEST = .venv/bin/python -m pytest -n $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder

test: .venv/installed
	$(PYTEST) -m "not full" $(ARGS)

test-all: .venv/installed
	$(PYTEST) $(ARGS)

test-rest: .venv/installed
	$(PYTEST) -m full $(ARGS)

contract: .venv/installed
	ORDERS_CONTRACT_EXAMPLES=200 .venv/bin/python -m pytest tests/contract $(ARGS)

openapi: .venv/installed
	.venv/bin/python -m ordersctl openapi

property: .venv/installed
	HYPOTHESIS_PROFILE=full .venv/bin/python -m pytest tests/properties/test_api_model.py tests/service/http/test_list_at_scale.py $(ARGS)

# Secrets are found by the formats of keys and tokens and by randomness, not by names of variables. Left out are lines with
# order ids or their alphabet, and tests with made-up keys and ids.
NO_SECRETS = --disable-plugin KeywordDetector --exclude-lines 'hjkmnp|ord_' \
	--exclude-files '^tests/(unit/(http/test_cursors|http/auth/test_token_attacks|domain/test_orders)|tools/local/test_sqs_event_source)\.py$$'

faults: .venv/installed
	FAULT_SEEDS=$(or $(SEEDS),200) .venv/bin/python -m pytest tests/resilience -q -rP $(ARGS)

seeded-bugs teeth: .venv/installed
	.venv/bin/python -m testkit.seeded_bugs $(ARGS)

fuzz: .venv/audit
	for entry_point in api queue record token cursor; do \
		.venv/bin/python -m tests.fuzz.explore $$entry_point -max_total_time=$(or $(SECONDS),60) || exit 1; done

mutants: .venv/audit
	.venv/bin/mutmut run --max-children 2
	.venv/bin/mutmut results

# Fails when it finds a vulnerability, and when it cannot reach the database of vulnerabilities.
audit: .venv/audit
	.venv/bin/pip-audit --strict --requirement requirements.txt --requirement requirements-dev.txt

check: .venv/installed
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/bandit --quiet --recursive --severity-level medium app.py chalicelib ordersctl
	git ls-files --cached --others --exclude-standard -z | xargs -0 .venv/bin/detect-secrets-hook $(NO_SECRETS)
	.venv/bin/cfn-lint --include-checks I -- infra/resources.yaml
	.venv/bin/python -m ordersctl package --stage prod --template-only --out build/check
	.venv/bin/cfn-lint --include-checks I -- build/check/sam.json build/check/cloudformation.json

package: .venv/installed
	.venv/bin/python -m ordersctl package --stage $(or $(STAGE),$(error name a stage: make package STAGE=prod))

e2e-package: .venv/installed
	.venv/bin/python -m pytest tests/e2e/e2e_package.py $(ARGS)

e2e-deploy: .venv/installed
	.venv/bin/python -m pytest tests/e2e/e2e_deploy.py $(ARGS)

# checkov needs other versions of our dependencies, so it has an environment of its own.
audit-template: .venv/installed
	test -x build/audit/bin/checkov || { $(PYTHON) -m venv build/audit && build/audit/bin/pip install --quiet checkov==3.3.30; }
	.venv/bin/python -m ordersctl package --stage prod --template-only --out build/check
	build/audit/bin/checkov --config-file infra/checkov.yaml --file build/check/cloudformation.json

bench: .venv/bench-installed
	.venv/bin/python -m bench.instructions

load: .venv/bench-installed
	.venv/bin/python -m bench.load $(ARGS)

# A DynamoDB on disk (dynalite), without its install scripts: the package brings what they would compile or download.
growth: .venv/installed build/dynalite/node_modules/dynalite
	.venv/bin/python -m bench.growth $(ARGS)

build/dynalite/node_modules/dynalite:
	mkdir -p build/dynalite
	npm install --prefix build/dynalite --no-save --no-audit --no-fund --ignore-scripts --loglevel error dynalite@4.0.0

simulate-check: .venv/installed
	.venv/bin/python -m bench.simulation $(ARGS)

format: .venv/installed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Installed again when a requirements file changes, or when an installation was interrupted.
.venv/installed: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Orders needs Python 3.11 or newer; name one with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/audit: .venv/installed requirements-audit.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

.venv/bench-installed: .venv/installed requirements-bench.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@
