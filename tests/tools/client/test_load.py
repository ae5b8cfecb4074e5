"""`ordersctl load` against a small fake of the service: real HTTP, real tokens, a real queue."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from ordersctl.client.load import load
from ordersctl.shared.runs.state_file import Run, noted
from testkit.waiting import free_port
from tests.tools.client.fakes import Downstream, Service

pytestmark = pytest.mark.full  # retries and waits of a client; the service is a fake

REAL = Path(__file__).parents[2] / "data" / "online-retail-cut.csv"
PLACEABLE = {"536366", "536371", "536386", "536394", "536403"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "jwks.json") as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def run(service: Service, *arguments: str, file: Path = REAL, **environment: str) -> Result:
    directory = str(service.jwks.parent)
    environment = {"ORDERS_STATE_DIR": directory, "COLUMNS": "120", **environment}
    with noted(Run(directory, directory, directory, api=service.url, engine="http://127.0.0.1:9")):
        return CliRunner().invoke(load, [str(file), *arguments], env=environment)


def rows(result: Result) -> list[list[str]]:
    """Return the cells of the tables that were printed."""
    return [line.split("\t") for line in result.output.splitlines() if "\t" in line]


def counts(result: Result) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): int(row[2]) for row in rows(result) if len(row) == 4 and row[2].isdigit()}


def test_every_invoice_is_in_the_report(service: Service) -> None:
    result = run(service)
    assert counts(result) == {
        ("accepted", ""): 5,
        ("not an order", "credit note"): 2,
        ("refused", "a quantity below 1"): 1,
        ("refused", "no customer"): 2,
        ("all", ""): 10,
    }
    assert result.exit_code == 0


def test_orders_are_placed_for_their_customers_under_their_invoice_numbers(service: Service) -> None:
    run(service)
    assert {key for _, key in service.orders} == PLACEABLE
    assert service.orders["13748", "536371"] == {
        "currency": "GBP",
        "reference": "536371",
        "ordered_at": "2010-12-01T09:00:00.000Z",
        "items": [{"sku": "22086", "name": "PAPER CHAIN KIT 50'S CHRISTMAS", "quantity": 80, "unit_price": 255}],
    }


def test_dates_of_the_shops_clock_become_the_time_at_which_the_customer_ordered(service: Service) -> None:
    run(service, "--time-zone", "America/New_York")
    assert service.orders["13748", "536371"]["ordered_at"] == "2010-12-01T14:00:00.000Z"


def test_a_file_that_is_not_utf_8_is_said_to_be_read_as_windows_1252(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "invoices.csv"
    file.write_bytes(REAL.read_bytes().replace(b"PAPER CHAIN KIT", b"CAF\xc9 \x80"))
    result = run(service, file=file)
    assert "The file is not UTF-8 and was read as Windows-1252" in result.output
    assert service.orders["13748", "536371"]["items"][0]["name"].startswith("CAFÉ €")
    named = run(service, "--encoding", "cp1252", file=file)
    assert "Windows-1252" not in named.output


def test_orders_without_a_customer_are_placed_for_the_guest(service: Service) -> None:
    assert counts(run(service, "--guest", "guest"))["accepted", ""] == 7
    assert {key for customer, key in service.orders if customer == "guest"} == {"536414", "536555"}


def test_loading_again_places_nothing_twice(service: Service) -> None:
    run(service)
    result = run(service)
    assert counts(result)["already there", "placed before, by the same number"] == 5
    assert ("accepted", "") not in counts(result)
    assert result.exit_code == 0


def test_several_connections_post_at_once(service: Service) -> None:
    service.at_once = 4  # with fewer connections the first post is never answered
    assert run(service, "--connections", "4").exit_code == 0


@pytest.mark.parametrize("fault", [429, 503, "hang up"])
def test_a_transient_failure_is_retried_under_the_same_key(service: Service, fault: int | str) -> None:
    service.faults = {"536366": [fault]}
    assert run(service).exit_code == 0
    assert service.keys().count("536366") == 2
    assert len(service.keys()) == 6


def test_a_retry_waits_as_long_as_the_service_asks(service: Service) -> None:
    service.faults = {"536366": [503]}
    run(service)
    first, second = [when for when, _, key in service.posts if key == "536366"]
    assert second - first >= 1  # Retry-After: 1


def test_a_lasting_failure_is_given_up_and_fails_the_load(service: Service) -> None:
    service.faults = {"536366": ["hang up"] * 100}
    result = run(service)
    assert counts(result)["failed", "no answer (RemoteProtocolError)"] == 1
    assert counts(result)["accepted", ""] == 4
    assert (result.exit_code, service.keys().count("536366")) == (1, 6)


@pytest.mark.parametrize("status", [400, 409, 422, 500])
def test_a_refused_order_is_shown_with_its_reason_and_fails_the_load(service: Service, status: int) -> None:
    service.faults = {"536366": [status]}
    result = run(service)
    assert counts(result)["failed", f"HTTP {status} Not now: /items/0/sku is odd"] == 1
    assert (result.exit_code, service.keys().count("536366")) == (1, 1)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_stops_the_load_at_once(service: Service, status: int) -> None:
    service.faults = {key: [status] for key in PLACEABLE}
    result = run(service, "--connections", "1")
    assert f"Error: The service does not take the token (HTTP {status})" in result.output
    assert counts(result)["failed", "not tried to the end: loading was stopped"] == 5
    assert (result.exit_code, counts(result)["all", ""]) == (1, 10)
    assert len(service.posts) == 1


def test_an_unreachable_service_is_reported_without_a_traceback(service: Service) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    result = run(service, "--url", nowhere)
    assert f"Error: Nothing answers at {nowhere}" in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"\xff\x00\x00", None])
def test_a_file_that_cannot_be_loaded_is_reported_with_exit_status_2(
    service: Service, tmp_path: Path, data: bytes | None
) -> None:
    file = tmp_path / "invoices.csv"
    if data is not None:
        file.write_bytes(data)
    result = run(service, file=file)
    assert "FILE" in result.output
    assert (result.exit_code, service.posts) == (2, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "ftp://x"],
        ["--url", "8000"],
        ["--guest", "a b"],
        ["--currency", "ABC"],
        ["--time-zone", "Mars/Olympus"],
        ["--time-zone", "../../etc/passwd"],
        ["--date-format", "%H:%M"],
        ["--date-format", "%Y-%m-%d %z"],
        ["--encoding", "ebcdic?"],
        ["--encoding", "hex"],
        ["--encoding", "undefined"],
        ["--encoding", "unicode_escape"],
        ["--encoding", ""],
    ],
)
def test_a_wrong_option_is_reported_with_exit_status_2(service: Service, arguments: list[str]) -> None:
    assert run(service, *arguments).exit_code == 2


@pytest.fixture
def downstream(service: Service, engine_url: str, stack: dict[str, str]) -> Downstream:
    assert stack["OrderTable"] == "orders-local"
    downstream = Downstream(engine_url)
    service.accepted = downstream.process
    return downstream


def wait(service: Service, engine_url: str, *arguments: str) -> Result:
    return run(service, "--wait", *arguments, AWS_ENDPOINT_URL=engine_url)


def test_waiting_ends_when_every_order_is_stored_and_published(service: Service, downstream: Downstream) -> None:
    result = wait(service, downstream.engine_url)
    assert "stored\t5 placed; none missing" in result.output
    assert "events published\t5; none missing, none twice" in result.output
    times = {row[0]: [int(cell) for cell in row[2:]] for row in rows(result) if len(row) == 5 and row[2].isdigit()}
    assert list(times) == ["accepted", "stored", "published"]
    for orders, p50, p99 in times.values():
        assert orders == 5
        assert 0 < p50 <= p99
    assert result.exit_code == 0


def test_events_of_other_orders_are_ignored(service: Service, downstream: Downstream) -> None:
    downstream.noise = ["no event", '{"id": 1}', '{"id": "ord_x.1", "subject": "ord_x"}', "[]", "[" * 100_000]
    downstream.noise += ['{"id": [], "subject": "ord_x"}', '{"id": "ord_x.1", "subject": {}}']
    result = wait(service, downstream.engine_url)
    assert "events published\t5; none missing, none twice" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("statuses", "events", "reported"),
    [
        ([], [0], "events published\t4; 1 (the first is ord_"),
        ([""], [], "stored\t4 placed; 1 (the first is ord_"),
        (["rejected"], [], "1 rejected"),
    ],
)
def test_an_order_that_does_not_arrive_fails_the_load(
    service: Service, downstream: Downstream, statuses: list[str], events: list[int], reported: str
) -> None:
    downstream.statuses, downstream.events = statuses, events
    result = wait(service, downstream.engine_url, "--timeout", "1")
    assert reported in result.output
    assert result.exit_code == 1


def test_an_event_that_arrives_twice_is_reported(service: Service, downstream: Downstream) -> None:
    downstream.events = [2]
    assert "none missing, 1 (the first is ord_" in wait(service, downstream.engine_url).output


def test_an_unreachable_engine_is_reported_before_any_order_is_placed(service: Service) -> None:
    result = wait(service, f"http://127.0.0.1:{free_port()}")
    assert "Error: No AWS engine answers at" in result.output
    assert (result.exit_code, service.posts) == (1, [])
