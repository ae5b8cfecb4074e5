"""Each test runs its command twice: in a terminal, and into a pipe."""

import pytest

from tests.tools.operate.conftest import operated_engine, stage
from tests.tools.printed.form import Form

__all__ = ["operated_engine", "stage"]  # fixtures


@pytest.fixture(scope="session", params=["terminal", "piped"])
def form(request: pytest.FixtureRequest) -> Form:
    return Form(request.param)
