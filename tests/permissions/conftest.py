"""The translated template and the recorded calls, which every test here judges."""

import pytest

from ordersctl.shared.templates import Template
from testkit.permissions.calls import Call
from testkit.permissions.stack import packaged_template
from tests.permissions.scenario import recorded_calls


@pytest.fixture(scope="session")
def template() -> Template:
    return packaged_template()


@pytest.fixture(scope="session")
def recorded() -> set[Call]:
    return recorded_calls()
