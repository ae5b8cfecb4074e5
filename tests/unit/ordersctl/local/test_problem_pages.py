"""The pages of problem types: one for each, and a list of them all."""

import pytest

from ordersctl.contract.openapi.problem_types import catalogue
from ordersctl.local.reference import problem_pages


def test_the_list_leads_to_the_page_of_each_problem_type() -> None:
    listed = problem_pages.page("/problems")
    assert listed is not None
    for slug, problem in catalogue().items():
        assert f'href="/problems/{slug}"' in listed
        assert problem["title"] in (problem_pages.page(f"/problems/{slug}") or "").replace("&#x27;", "'")


def test_a_slash_at_the_end_makes_no_difference() -> None:
    assert problem_pages.page("/problems/") == problem_pages.page("/problems")
    assert problem_pages.page("/problems/not-found/") == problem_pages.page("/problems/not-found")


@pytest.mark.parametrize("path", ["/", "/problem", "/problems/none", "/problems//", "/problems/not-found/x", "/docs"])
def test_any_other_path_is_no_page(path: str) -> None:
    assert problem_pages.page(path) is None
