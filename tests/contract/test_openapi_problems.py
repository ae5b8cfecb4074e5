"""The problems in the OpenAPI document are those that the service and API Gateway answer."""

import pytest

from chalicelib.domain.errors import OrdersError
from chalicelib.http import problems
from ordersctl.contract.openapi.problems import examples_of
from tests.unit.http.test_problems import LEAVES, an_error


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_a_problem_has_the_members_of_its_examples(kind: type[OrdersError]) -> None:
    problem = problems.from_error(an_error(kind))
    answered = problems.document(problem, "request-7")
    for example in examples_of(problem.slug, problem.status).values():
        assert answered.keys() == example.keys()
