"""The OpenAPI document as it is generated from the code."""

import json
from typing import Any

import pytest

from ordersctl.contract.openapi import document as openapi


@pytest.fixture(scope="session")
def routes() -> openapi.Routes:
    return openapi.app_routes()


@pytest.fixture(scope="session")
def document(routes: openapi.Routes) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(openapi.rendered(routes))
    return made
