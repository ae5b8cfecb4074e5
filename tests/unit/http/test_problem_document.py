"""The problem document by itself, as tools and gateways write it."""

import subprocess
import sys

from chalicelib.domain.errors import Violation
from chalicelib.http import problem_document


def test_a_document_has_the_members_of_rfc_9457_and_those_of_its_type() -> None:
    violations = [Violation("/total", "Extra inputs are not permitted")]
    assert problem_document.document(
        "not-yet-stored", 409, "Ask again", "request-1", violations=violations, current_status="placed"
    ) == {
        "type": "urn:problem:orders:not-yet-stored",
        "title": "Not yet stored",
        "status": 409,
        "detail": "Ask again",
        "instance": "request-1",
        "current_status": "placed",
        "errors": [{"pointer": "/total", "detail": "Extra inputs are not permitted"}],
    }


def test_writing_a_document_needs_neither_chalice_nor_pydantic() -> None:
    code = "import sys, chalicelib.http.problem_document; print({'chalice', 'pydantic'} & sys.modules.keys())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"  # noqa: S603 - fixed
