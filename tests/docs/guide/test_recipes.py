"""docs/guide/recipes.md: its programs are run, and its templates are checked with AWS's rules."""

import base64
import datetime as dt
import gzip
import json
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from chalicelib.adapters import order_items
from chalicelib.domain.events import OrderEvent
from chalicelib.domain.orders import Order
from ordersctl.migrate.target import imported_items
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from testkit.builders import an_order, full_document
from tests.service.events.topics import random_events

pytestmark = pytest.mark.full  # programs and templates of consumers: a change of the service seldom breaks them

PAGE = (PROJECT_DIR / "docs" / "guide" / "recipes.md").read_text()
TOPIC = "arn:aws:sns:us-east-1:000000000000:orders-local-events"
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem"


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def block(heading: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", section(heading), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def program(heading: str) -> dict[str, Any]:
    """The names that a section's program defines."""
    names: dict[str, Any] = {}
    exec(compile(block(heading, "python"), heading, "exec"), names)  # noqa: S102 - our own page
    return names


# --- a webhook by HTTPS ----------------------------------------------------------------------------------------------


class Sns:
    """Signs envelopes as SNS does, and serves what is at its addresses (SNS guide, "Verifying the signatures")."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + dt.timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.pem

    def envelope(self, version: str = "2", **fields: str) -> dict[str, str]:
        fields = {
            "Type": "Notification",
            "MessageId": "m-1",
            "TopicArn": TOPIC,
            "Message": json.dumps({"id": "ord_1.1"}),
            "Timestamp": "2026-01-31T12:00:00.000Z",
        } | fields
        text = "".join(f"{name}\n{fields[name]}\n" for name in sorted(fields))
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - SNS's first version
        signature = base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()
        return fields | {"SignatureVersion": version, "Signature": signature, "SigningCertURL": CERTIFICATE}


@pytest.fixture(scope="module")
def sns() -> Sns:
    return Sns()


@pytest.fixture
def webhook(sns: Sns, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("TOPIC_ARN", TOPIC)
    names = program("A webhook by HTTPS")
    names["its_fetch"], names["fetch"] = names["fetch"], sns.fetch  # the network
    sns.fetched.clear()
    return names


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_webhook_takes_an_event_that_sns_signed(webhook: dict[str, Any], sns: Sns, version: str) -> None:
    body = json.dumps(sns.envelope(version))
    assert [webhook["event_in"](body) for _ in range(2)] == [{"id": "ord_1.1"}] * 2
    assert sns.fetched == [CERTIFICATE], "the certificate is kept"


def test_a_webhook_confirms_its_subscription(webhook: dict[str, Any], sns: Sns) -> None:
    confirm = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription"
    asked = sns.envelope(Type="SubscriptionConfirmation", SubscribeURL=confirm, Token="t")
    assert webhook["event_in"](json.dumps(asked)) is None
    assert sns.fetched == [CERTIFICATE, confirm]


def test_a_webhook_refuses_what_sns_did_not_sign_and_another_topics_events(webhook: dict[str, Any], sns: Sns) -> None:
    signed = sns.envelope()
    for wrong in (
        signed | {"Message": "{}"},
        signed | {"Type": "Other"},
        signed | {"SignatureVersion": "3"},
        {name: value for name, value in signed.items() if name != "Signature"},
        {name: value for name, value in signed.items() if name != "SigningCertURL"},
        sns.envelope(TopicArn=f"{TOPIC}-of-another"),
    ):
        with pytest.raises(ValueError, match=r"not signed by SNS|of another topic"):
            webhook["event_in"](json.dumps(wrong))


@pytest.mark.parametrize("url", [5, None, ["https://sns.us-east-1.amazonaws.com/"], {}])
def test_a_webhook_refuses_an_address_that_is_no_text(webhook: dict[str, Any], sns: Sns, url: Any) -> None:
    webhook["fetch"] = webhook["its_fetch"]
    with pytest.raises(ValueError, match="not signed by SNS"):
        webhook["event_in"](json.dumps(sns.envelope() | {"SigningCertURL": url}))


def test_a_webhook_refuses_a_body_of_any_depth(webhook: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not signed by SNS"):
        webhook["event_in"]("[" * 100_000)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/",
        "https://sns.evil.example/",
        "https://sns.a.amazonaws.com@evil.example/",
        "https://sns.a.amazonaws.com/a b",
    ],
)
def test_a_webhook_fetches_nothing_from_others(webhook: dict[str, Any], url: str) -> None:
    with pytest.raises(ValueError, match="not an address of SNS"):
        webhook["its_fetch"](url)


# --- a work queue by status ------------------------------------------------------------------------------------------


def test_the_work_queue_has_the_open_orders_oldest_first_whatever_the_order_of_events(
    engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heading = "A work queue by status"
    cloudformation = boto3.client("cloudformation", **client_options(engine_url))
    cloudformation.create_stack(StackName="work-queue", TemplateBody=block(heading, "yaml"))
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="work-queue", WaiterConfig={"Delay": 0, "MaxAttempts": 500})
    (output,) = cloudformation.describe_stacks(StackName="work-queue")["Stacks"][0]["Outputs"]
    for name, value in {
        "WORK_TABLE": output["OutputValue"],
        "AWS_ENDPOINT_URL": engine_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }.items():
        monkeypatch.setenv(name, value)
    names = program(heading)
    events = list(random_events(300, seed=3))
    last: dict[str, OrderEvent] = {event.subject: event for event in events}
    chance = random.Random(6)
    shuffled = [*events, *chance.sample(events, 50)]
    chance.shuffle(shuffled)
    for event in shuffled:
        sent = json.loads(event.to_json())
        names["handle"](sent, sent["data"])
    for work, status in (("to ship", "confirmed"), ("to deliver", "shipped")):
        found = names["next_work"](work, limit=200)
        expected = {key: (event.data or {}) for key, event in last.items() if (event.data or {})["status"] == status}
        assert expected
        assert {each["order_id"]: int(each["version"]) for each in found} == {
            key: order["version"] for key, order in expected.items()
        }
        assert [each["placed_at"] for each in found] == sorted(each["placed_at"] for each in found)


# --- all orders in S3 ------------------------------------------------------------------------------------------------

# What an import keeps in an item beside the order.
IMPORTED: dict[str, Any] = {
    **{name: {"N": "1"} for name in (imported_items.IMPORTED_VERSION, imported_items.QUIET_VERSION)},
    imported_items.SOURCE_KEY: {"S": imported_items.source_key("classic", 10_101)},
    imported_items.LEGACY_AT: {"S": "0000000001.000001:0001"},
    imported_items.LEGACY_DIGEST: {"S": "f" * 32},
}


def test_the_imported_item_has_every_attribute_of_an_import() -> None:
    assert IMPORTED.keys() == {getattr(imported_items, name) for name in imported_items.__all__ if name != "GONE"}


@pytest.mark.parametrize("incremental", [False, True])
def test_an_export_is_turned_into_orders(tmp_path: Path, *, incremental: bool) -> None:
    full = Order.model_validate(full_document(Order) | {"status": "placed"})
    guests = an_order(customer_id="guest")
    erased = guests.erase("2026-01-31T14:00:00.000Z")
    spread = order_items.to_item(guests) | {"customer_id": {"S": "guest#3"}} | IMPORTED
    items = [order_items.to_item(full), spread, order_items.to_item(erased) | IMPORTED]
    lines: list[dict[str, Any]] = [{"Item": item} for item in items]
    if incremental:  # "DynamoDB table export output format"
        written = {"WriteTimestampMicros": {"N": "1680109764000000"}}
        lines = [{"Metadata": written, "Keys": order_items.key("ord_removed")}]
        lines += [{"Metadata": written, "Keys": {"order_id": item["order_id"]}, "NewImage": item} for item in items]
    export, script = tmp_path / "data.json.gz", tmp_path / "orders_of.py"
    export.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    assert f"saved as `{script.name}`" in section("All orders in S3")
    script.write_text(block("All orders in S3", "python"))
    done = subprocess.run([sys.executable, str(script), str(export)], capture_output=True, text=True, check=True)  # noqa: S603
    shown, guests_shown, tombstone = [json.loads(line) for line in done.stdout.splitlines()]
    assert shown == full.shown()
    assert guests_shown == guests.shown()
    expected = {"order_id": erased.order_id, "status": "erased", "version": 2, "updated_at": erased.updated_at}
    assert tombstone == expected
    assert ("ord_removed" in done.stderr) is incremental


# --- templates -------------------------------------------------------------------------------------------------------


def test_cloudformation_takes_every_template(tmp_path: Path) -> None:
    templates = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    files = [tmp_path / f"{number}.yaml" for number in range(len(templates))]
    for file, template in zip(files, templates, strict=True):
        file.write_text(template)
    command = [sys.executable, "-c", "import sys; from cfnlint.runner import main; sys.exit(main())"]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, len(files)) == (0, 3), done.stdout


def test_the_pipes_command_gives_its_template_what_it_asks_for() -> None:
    heading = "A partner's API by EventBridge"
    command = shlex.split(block(heading, "sh"), comments=True)
    given = [each.partition("=")[0] for each in command[command.index("--parameter-overrides") + 1 :]]
    parameters = block(heading, "yaml").partition("Parameters:\n")[2].partition("Resources:\n")[0]
    assert given == re.findall(r"^  (\w+):", parameters, re.MULTILINE)
    assert "AWS::IAM::Role" in block(heading, "yaml")
    assert command[command.index("--capabilities") + 1] == "CAPABILITY_IAM"
    events = (PROJECT_DIR / "docs" / "guide" / "events.md").read_text()
    assert "  QueueArn: {Value: !GetAtt Queue.Arn}\n" in events
