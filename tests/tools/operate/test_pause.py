"""`ordersctl pause` and `resume` of the local run: what they write, what they refuse, and where it shows."""

import pytest

from ordersctl.shared.switches import State, Switches
from tests.tools.operate.stage import OperatedStage


@pytest.fixture(autouse=True)
def running(stage: OperatedStage) -> None:
    """A run's note of itself in the directory: without one, nothing runs that could be paused."""
    (stage.state_dir / "run.json").write_text("{}")


def test_pausing_and_resuming_is_written_for_the_run_and_shown_by_queues(stage: OperatedStage) -> None:
    assert stage.run("pause", "processor", "publisher", "invoicing").output == (
        "processor: paused\npublisher: paused\ninvoicing: paused\n"
    )
    assert stage.run("pause", "inventory", "--failing").exit_code == 0
    found = stage.json("queues")
    states = {row["full_name"].removeprefix("orders-local-"): row["state"] for row in found["queues"]}
    assert states["queue"] == states["invoicing"] == found["stream"][0]["state"] == "paused"
    assert states["inventory"] == "failing"
    assert states["fulfilment"] == states["queue-dlq"] == ""
    assert stage.run("resume", "processor").exit_code == 0
    assert Switches(stage.state_dir).state("processor") == State.RUNNING


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("pause", "nobody"), "there is no nobody; there are processor, publisher, inventory"),
        (("resume", "orders"), "there is no orders"),
        (("pause", "processor", "--failing"), "--failing is for consumers"),
        (("pause", "processor", "--failing", "--stage", "dev"), "--failing belongs to the local run"),
        (("pause",), "Missing argument"),
    ],
)
def test_what_cannot_be_paused_is_refused(stage: OperatedStage, arguments: tuple[str, ...], says: str) -> None:
    refused = stage.run(*arguments)
    assert (refused.exit_code, says in refused.output) == (2, True), refused.output
    assert Switches(stage.state_dir).all() == {}


def test_without_a_run_it_says_where_it_looked(stage: OperatedStage) -> None:
    (stage.state_dir / "run.json").unlink()
    refused = stage.run("pause", "processor")
    assert (refused.exit_code, str(stage.state_dir) in refused.output) == (1, True)
