"""Log lines: one per event, and no text that came from outside."""

import dataclasses
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import logs
from chalicelib.adapters.faults import faults
from chalicelib.domain.commands import PlaceOrder
from chalicelib.settings import Settings
from ordersctl.shared.project import PROJECT_DIR
from testkit.api_client import ApiClient
from testkit.fake_aws.lambda_ import copied

SECRET = "1 High Street"


def only_line(log: io.StringIO) -> dict[str, Any]:
    (line,) = log.getvalue().splitlines()
    read: dict[str, Any] = json.loads(line)
    return read


def test_a_log_line_names_the_event_and_its_order(log: io.StringIO) -> None:
    logs.log("order.erased", order_id="ord_1", correlation_id="r", traceparent=None)
    line = only_line(log)
    assert line.pop("time").endswith("Z")
    assert line == {"level": "INFO", "event": "order.erased", "order_id": "ord_1", "correlation_id": "r"}


def raised_by_pydantic() -> None:
    PlaceOrder.model_validate({"order_id": SECRET})


def raised_by_botocore() -> None:
    message = f"One or more parameter values are not valid: {SECRET}"
    with faults("dynamodb"):
        raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "PutItem")


def raised_in_a_chain() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        raise KeyError(SECRET) from error


@pytest.mark.parametrize(
    ("failing", "kinds"),
    [
        (raised_by_pydantic, ["ValidationError"]),
        (raised_by_botocore, ["Fault: dynamodb: ValidationException", "ClientError"]),
        (raised_in_a_chain, ["KeyError", "ValueError"]),
    ],
)
def test_a_traceback_names_places_and_no_values(log: io.StringIO, failing: Any, kinds: list[str]) -> None:
    try:
        failing()
    except Exception:  # noqa: BLE001 - whatever it is
        logs.logger.exception("message.failed")
    assert SECRET not in log.getvalue()
    trace = only_line(log)["exception"]
    assert [each.partition(" at ")[0] for each in trace] == kinds
    assert "test_logs.py:" in trace[-1]
    assert failing.__name__ in trace[0]


def test_a_wrong_setting_is_named_in_the_log(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in dataclasses.fields(Settings):
        monkeypatch.setenv(field.name.upper(), "orders")
    monkeypatch.setenv("ORDER_STREAM_ARN", "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/1")
    monkeypatch.setenv("AWS_CLIENT", "nonsense")
    app = copied("app", PROJECT_DIR / "app.py")
    vars(app)["wiring"] = copied("chalicelib.wiring", PROJECT_DIR / "chalicelib" / "wiring.py")
    assert ApiClient(app.app).get("/health").status == 500
    (trace,) = only_line(log)["exception"]
    assert trace.startswith("SettingsError: AWS_CLIENT is 'nonsense', and not one of thin, botocore at ")
