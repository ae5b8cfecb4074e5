"""The table of planted bugs still fits the code; `make planted` is what plants them."""

import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.seeded_bugs_api import PLANTS, Plant, occurrences


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_what_a_plant_spoils_is_there_once(plant: Plant) -> None:
    assert occurrences(plant) == 1


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_every_test_that_must_find_a_plant_is_there(plant: Plant) -> None:
    for test in plant.tests:
        file, _, function = test.partition("::")
        text = (PROJECT_DIR / file).read_text()
        assert not function or f"def {function}(" in text
