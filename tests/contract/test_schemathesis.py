"""schemathesis against the whole local run: the service answers generated requests as the OpenAPI document says.

The test suite tries few examples, `make contract` many.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ordersctl.contract.openapi.schemas import NEW_ORDER
from ordersctl.local.tokens import ADMIN_SCOPE, CUSTOMER_SCOPE, SERVICE_SCOPE, local_token
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.local_run import LocalRun
from tests.contract.hooks import ITS_CUSTOMER, SERVICE

MANY = os.environ.get("ORDERS_CONTRACT_EXAMPLES")
# How many examples of each operation, in each phase.
EXTENT = (f"--max-examples={MANY or 5}",)
# In `make test`. Without the values at the limits of every field: those are thousands, and the same for each seed.
QUICK = EXTENT if MANY else ("--max-examples=4", "--phases=examples,fuzzing,stateful")
CONFIG = Path(__file__).with_name("schemathesis.toml")
SCOPES = {
    ITS_CUSTOMER: CUSTOMER_SCOPE,
    "customer-2": CUSTOMER_SCOPE,
    "admin-1": ADMIN_SCOPE,
    SERVICE: f"{SERVICE_SCOPE} {ADMIN_SCOPE}",
}
# Two customers that must not see each other's orders; each operation is tried with the first who may.
CUSTOMERS = f'peers = ["{ITS_CUSTOMER}", "customer-2"]'
ONE_SERVICE = f'user = "{SERVICE}"'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service of its own, because thousands of generated orders would disturb other tests."""
    run = LocalRun.start(tmp_path_factory.mktemp("contract"))
    try:
        yield run.ready().url
    finally:
        run.stop()


RUNS = [(CUSTOMERS, 1, QUICK)]  # who asks, a seed, and the extent
MORE_RUNS = [(CUSTOMERS, 2, EXTENT), (ONE_SERVICE, 3, EXTENT)]
if MANY:
    MORE_RUNS += [
        (who, seed, EXTENT) for who, seed in ((CUSTOMERS, 4), (CUSTOMERS, 5), (ONE_SERVICE, 6), (ONE_SERVICE, 7))
    ]


@pytest.mark.parametrize(
    ("who", "seed", "extent"), [*RUNS, *(pytest.param(*each, marks=pytest.mark.full) for each in MORE_RUNS)]
)
@pytest.mark.timeout(1800 if MANY else 300)
def test_the_api_answers_as_the_openapi_document_says(
    service: str, who: str, seed: int, extent: tuple[str, ...], tmp_path: Path
) -> None:
    outcome = check(service, seed, who, extent, tmp_path)
    assert outcome.returncode == 0, outcome.stdout


def check(
    service: str, seed: int, who: str, extent: tuple[str, ...], directory: Path
) -> subprocess.CompletedProcess[str]:
    tokens = {name: local_token(subject=name, scope=scope) for name, scope in SCOPES.items()}
    orders, erasable = (placed(service, tokens[ITS_CUSTOMER]) for _ in range(2))
    config = configure(directory, who, tokens, orders=orders, erasable=erasable)
    arguments = [f"{service}/openapi.json", f"--url={service}", f"--seed={seed}", *extent]
    arguments += ["--generation-database=none"]
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(config), "run", *arguments],
        cwd=PROJECT_DIR,
        env=os.environ
        | ({"ONLY_A_SERVICE_ASKS": "1"} if who == ONE_SERVICE else {})
        | {
            "ORDER_TO_READ": orders[0],
            "ORDER_TO_ERASE": erasable[0],
            "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
            "PYTHONPATH": str(PROJECT_DIR),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def configure(directory: Path, who: str, tokens: dict[str, str], **dictionaries: list[str]) -> Path:
    identities = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
        for name, token in tokens.items()
    ]
    (directory / "identities.json").write_text(json.dumps({"auth": identities}))
    made = [f'[auth.wfc]\npath = "{directory / "identities.json"}"\n{who}']
    made += [f"[dictionaries.{name}]\nvalues = {values}" for name, values in dictionaries.items()]
    config = directory / "schemathesis.toml"
    config.write_text("\n".join([*made, CONFIG.read_text()]))
    return config


def placed(service: str, token: str) -> list[str]:
    """Ids of new orders of customer-1."""
    headers = {"Authorization": f"Bearer {token}"}
    answers = [httpx.post(f"{service}/orders", headers=headers, json=NEW_ORDER) for _ in range(5)]
    return [answer.json()["order_id"] for answer in answers]
