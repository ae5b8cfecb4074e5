"""How commands load the service's application, and those of the sample consumers."""

import json
import os
import subprocess
import sys
from typing import Any

from ordersctl.shared.project import PROJECT_DIR

# In a process of its own: the tests have imported botocore, and app.py with other settings.
LOAD = """
import json, os, sys
from pathlib import Path
from ordersctl.local.event_sources import command
from ordersctl.shared.project import application
app = application(Path(sys.argv[1]))
slow = sorted({"botocore.session", "chalice.cli", "inquirer"} & set(sys.modules))
print(json.dumps([len(app.event_sources), os.environ.get(sys.argv[2]), slow]))
"""


def loaded(directory: str, setting: str, **variables: str) -> list[Any]:
    """The number of an application's event sources, one of its settings, and which slow modules were imported."""
    program = [sys.executable, "-c", LOAD, str(PROJECT_DIR / directory), setting]
    environment = {name: value for name, value in os.environ.items() if name != setting} | variables
    done = subprocess.run(  # noqa: S603 - the program above
        program, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_the_service_has_its_settings_and_starts_without_botocore() -> None:
    assert loaded(".", "STAGE") == [2, "local", []]


def test_a_consumer_has_its_settings_and_what_is_packaged_beside_it() -> None:
    token = {"ORDERS_TOKEN_URL": "http://127.0.0.1:1", "ORDERS_CLIENT_ID": "invoicing", "ORDERS_CLIENT_SECRET": "x"}
    sources, inbox, _ = loaded("examples/invoicing", "INBOX_TABLE", ORDERS_API_URL="http://127.0.0.1:1", **token)
    assert (sources, inbox) == (1, "orders-local-invoicing-inbox")
