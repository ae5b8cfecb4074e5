"""Coverage-guided fuzzing of an entry point: `make fuzz`.

`python -m tests.fuzz.explore api|queue|record|token|cursor [options of libFuzzer]`. An exception ends it and leaves the
input in a file. Needs atheris (requirements-audit.txt).
"""

import importlib
import json
import logging
import pkgutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["chalicelib"]):
    import chalicelib

    for _module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        importlib.import_module(_module.name)

from testkit.builders import command, new_order
from testkit.fake_aws.repeatable import repeatable
from testkit.lambda_events import stream_record
from testkit.tokens import claims, sign
from tests.fuzz.entry_points import METHODS, RESOURCES, SCOPES, EntryPoints
from tests.unit.http.auth.keys import EC, RSA

_HEADERS = ("idempotency-key", "if-match", "if-none-match", "traceparent", "content-type")


def api(entry_points: EntryPoints, data: bytes) -> None:
    choose = atheris.FuzzedDataProvider(data)
    pick: Callable[[Sequence[str]], str] = choose.PickValueInList
    method, resource, scope = pick(list(METHODS)), pick(list(RESOURCES)), pick(list(SCOPES))
    headers = {pick(list(_HEADERS)): choose.ConsumeUnicodeNoSurrogates(20)} if choose.ConsumeBool() else {}
    parameter, query = choose.ConsumeUnicodeNoSurrogates(40), choose.ConsumeUnicodeNoSurrogates(40)
    entry_points.api(method, resource, parameter, query, headers, choose.ConsumeBytes(sys.maxsize), scope)


def queue(entry_points: EntryPoints, data: bytes) -> None:
    entry_points.queue(data.decode(errors="replace"))


def record(entry_points: EntryPoints, data: bytes) -> None:
    """A JSON object of DynamoDB's types is an image of the stored order."""
    try:
        image = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(image, dict) and all(_is_attribute(value) for value in image.values()):
        entry_points.record(
            {"SequenceNumber": "1", "NewImage": {**image, "order_id": {"S": entry_points.stored.order_id}}}
        )


def _is_attribute(value: object) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    match value:
        case {"S": str()} | {"BOOL": bool()} | {"NULL": True}:
            return True
        case {"N": str() as number}:
            return number.lstrip("-").isascii() and number.lstrip("-").isdigit()
        case {"L": list() as values}:
            return all(_is_attribute(each) for each in values)
        case {"M": dict() as values}:
            return all(_is_attribute(each) for each in values.values())
    return False


def token(entry_points: EntryPoints, data: bytes) -> None:
    entry_points.token(data.decode("latin-1"))


def cursor(entry_points: EntryPoints, data: bytes) -> None:
    text = data.decode("latin-1").replace("&", "")
    entry_points.api("GET", "/customers/{customer_id}/orders", "17850", f"cursor={text}", {}, "")


ENTRY_POINTS = {each.__name__: each for each in (api, queue, record, token, cursor)}


def _seeds(entry_points: EntryPoints, directory: Path) -> None:
    """The first inputs: valid, or nearly."""
    image = stream_record(None, entry_points.stored)["dynamodb"]["NewImage"]
    texts = [json.dumps(each) for each in (new_order(), command(), image, {"status": "cancelled"})]
    texts += [f"Bearer {sign(key, claims(exp=1))}" for key in (RSA, EC)]
    for number, text in enumerate(texts):
        (directory / str(number)).write_text(text)


def main() -> None:
    name, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        jwks = Path(directory) / "jwks.json"
        jwks.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in (RSA, EC)]}))
        corpus = Path(directory) / "corpus"
        corpus.mkdir()
        with repeatable(1, JWT_JWKS=str(jwks)):
            logging.disable()
            entry_points = EntryPoints()
            _seeds(entry_points, corpus)

            def once(data: bytes) -> None:
                # Or what earlier inputs leave behind would slow the later ones down.
                entry_points.aws.calls.clear()
                entry_points.aws.requests.clear()
                for each in (entry_points.aws.order_dlq, entry_points.aws.event_dlq):
                    each.messages.clear()
                entry_points.aws.topic.log.clear()
                ENTRY_POINTS[name](entry_points, data)

            atheris.Setup([sys.argv[0], *options, str(corpus)], once)
            atheris.Fuzz()


if __name__ == "__main__":
    main()
