# make run [ARGS="--port 8001"]   everything on this machine; Ctrl-C stops it
# make test [ARGS="-k cursor"]    all tests, offline once installed
# make check                      format, lint, types, imports, templates
# make format                     put the code into the format that check wants
.PHONY: run test check format

# The first interpreter that is new enough, unless PYTHON names one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

run: .venv/installed
	@.venv/bin/python -m ordersctl run $(ARGS)

test: .venv/installed
	.venv/bin/python -m pytest $(ARGS)

check: .venv/installed
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/cfn-lint infra/*.yaml

format: .venv/installed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Made anew when a requirements file changes. An interrupted installation leaves no stamp, and is repeated.
.venv/installed: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Orders needs Python 3.11 or newer; name one with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
