# make run [ARGS="--port 8001"]   everything on this machine; Ctrl-C stops it
# make test [ARGS="-k cursor"]    all tests, offline once installed
# make contract                   schemathesis against the running service, with many examples
# make openapi                    the OpenAPI document anew, after a change of a model or a route
# make property                   the API against its model, and its lists, in full: a few minutes
# make planted [ARGS="cursor"]    bugs planted into a copy of this, each of which its tests must find
# make check                      format, lint, types, imports, templates
# make package STAGE=prod          a stage as one stack, in build/<stage>: docs/deploy.md
# make e2e-package e2e-deploy      both ways of deploying, on the embedded engine; fetches Lambda's wheels
# make audit-template             a second opinion on the template (checkov)
# make format                     put the code into the format that check wants
.PHONY: run test property planted contract openapi check package e2e-package e2e-deploy audit-template format

# The first interpreter that is new enough, unless PYTHON names one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

run: .venv/installed
	@.venv/bin/python -m ordersctl run $(ARGS)

test: .venv/installed
	.venv/bin/python -m pytest $(ARGS)

contract: .venv/installed
	ORDERS_CONTRACT_EXAMPLES=200 .venv/bin/python -m pytest tests/contract $(ARGS)

openapi: .venv/installed
	.venv/bin/python -m ordersctl openapi

property: .venv/installed
	HYPOTHESIS_PROFILE=full .venv/bin/python -m pytest tests/api/test_model.py tests/api/test_lists.py $(ARGS)

planted: .venv/installed
	.venv/bin/python -m tests.api.planted $(ARGS)

check: .venv/installed
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/cfn-lint --include-checks I -- infra/resources.yaml
	.venv/bin/python -m ordersctl package --stage prod --template-only --out build/check
	.venv/bin/cfn-lint --include-checks I -- build/check/sam.json build/check/cloudformation.json

package: .venv/installed
	.venv/bin/python -m ordersctl package --stage $(STAGE)

e2e-package: .venv/installed
	.venv/bin/python -m pytest tests/deploy/e2e_package.py $(ARGS)

e2e-deploy: .venv/installed
	.venv/bin/python -m pytest tests/deploy/e2e_deploy.py $(ARGS)

# Its dependencies do not agree with ours, so it lives by itself.
audit-template: .venv/installed
	test -x build/audit/bin/checkov || { $(PYTHON) -m venv build/audit && build/audit/bin/pip install --quiet checkov==3.3.30; }
	.venv/bin/python -m ordersctl package --stage prod --template-only --out build/check
	build/audit/bin/checkov --config-file infra/checkov.yaml --file build/check/cloudformation.json

format: .venv/installed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Made anew when a requirements file changes. An interrupted installation leaves no stamp, and is repeated.
.venv/installed: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Orders needs Python 3.11 or newer; name one with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
