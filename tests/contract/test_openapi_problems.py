"""The problems in the OpenAPI document are those that the service and API Gateway answer."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.errors import OrdersError
from chalicelib.http import problem_document, problems
from chalicelib.http.cors import Origins
from ordersctl.contract.openapi.problems import examples_of
from ordersctl.deploy.overlay.gateway_responses import gateway_responses
from tests.unit.http.test_problems import LEAVES, an_error

OF_ALL = {"Content-Type", "Cache-Control", "X-Content-Type-Options"}  # HTTP's own, in every response
OF_REQUESTS = {"Authorization", "Idempotency-Key", "If-Match", "ETag"}  # what a client sends, or read before
# API Gateway's own responses by where they may be sent: to any request, to one with a token, to one with a body, and to
# a path that no operation has.
TO_ANY = {
    "API_CONFIGURATION_ERROR",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "QUOTA_EXCEEDED",
    "THROTTLED",
}
WITH_A_TOKEN = {
    "ACCESS_DENIED",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "EXPIRED_TOKEN",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "UNAUTHORIZED",
}
WITH_A_BODY = {"BAD_REQUEST_BODY", "REQUEST_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"}
OF_NO_OPERATION = {"MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND"}
NOT_DEPLOYED = {"WAF_FILTERED"}  # the templates have no web ACL


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_a_problem_has_the_members_of_its_examples(kind: type[OrdersError]) -> None:
    problem = problems.from_error(an_error(kind))
    answered = problems.document(problem, "request-7")
    for example in examples_of(problem.slug, problem.status).values():
        assert answered.keys() == example.keys()


def test_a_problem_declares_the_headers_that_the_service_sends(document: dict[str, Any]) -> None:
    for kind in LEAVES:
        problem = problems.from_error(an_error(kind))
        for response in declared(document, problem.status, problem.slug):
            assert problem.headers.keys() <= response["headers"].keys(), kind


@pytest.mark.parametrize("name", gateway_responses({}))
def test_a_problem_declares_the_headers_that_api_gateway_sends(document: dict[str, Any], name: str) -> None:
    answered = gateway_responses({})[name]
    sent = {each.removeprefix("gatewayresponse.header.") for each in answered["responseParameters"]} - OF_ALL
    slug = type_of(answered)
    for response in declared(document, int(answered["statusCode"]), slug):
        assert sent <= response["headers"].keys()


def test_every_response_of_api_gateway_is_declared_wherever_it_may_be_sent(document: dict[str, Any]) -> None:
    answers = gateway_responses({})
    assert answers.keys() == TO_ANY | WITH_A_TOKEN | WITH_A_BODY | OF_NO_OPERATION | NOT_DEPLOYED
    for operation in (each for methods in document["paths"].values() for each in methods.values()):
        names = TO_ANY | (WITH_A_TOKEN if operation["security"] else set())
        for name in names | (WITH_A_BODY if "requestBody" in operation else set()):
            response = operation["responses"].get(answers[name]["statusCode"], {"description": ""})
            assert f"`{type_of(answers[name])}`" in response["description"], (operation["operationId"], name)


def test_a_header_that_is_declared_as_always_sent_is_in_every_answer(document: dict[str, Any]) -> None:
    """Of the problems that are written in the code; those of a gateway are in the test above."""
    for answered in gateway_responses({}).values():
        for response in declared(document, int(answered["statusCode"]), type_of(answered)):
            for name, header in response["headers"].items():
                if header["$ref"].endswith(".always"):
                    assert f"gatewayresponse.header.{name}" in answered["responseParameters"]


def test_headers_that_an_action_names_are_declared(document: dict[str, Any]) -> None:
    for slug, problem in document["x-problem-types"].items():
        named = set(re.findall(r"`([A-Z][A-Za-z]+(?:-[A-Z][A-Za-z]+)*)`", problem["action"])) - OF_REQUESTS
        for status in problem["status"]:
            for response in declared(document, status, slug):
                assert named <= response["headers"].keys(), slug


def test_pages_of_other_origins_may_read_every_header_that_is_declared(document: dict[str, Any]) -> None:
    exposed = Origins(["https://shop.example"]).get_access_control_headers()["Access-Control-Expose-Headers"]
    names = {name.removesuffix(".always") for name in document["components"]["headers"]}
    assert names | {"Allow"} <= set(exposed.split(","))


def declared(document: dict[str, Any], status: int, slug: str) -> Iterator[dict[str, Any]]:
    """The responses of operations that may be this problem."""
    for methods in document["paths"].values():
        for operation in methods.values():
            response = operation["responses"].get(str(status), {"description": ""})
            if f"`{slug}`" in response["description"]:
                yield response


def type_of(answered: dict[str, Any]) -> str:
    """The slug of API Gateway's own response."""
    made: str = json.loads(answered["responseTemplates"]["application/json"])["type"]
    return made.removeprefix(problem_document.type_uri(""))
