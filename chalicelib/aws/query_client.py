"""The thin client for SNS, which speaks AWS's query protocol: requests are forms, responses are XML.

https://docs.aws.amazon.com/sns/latest/dg/sns-making-api-requests.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from chalicelib.aws.json_client import JsonClient

_VERSIONS = {"sns": "2010-03-31"}
# Characters that are frequent in JSON, "%" first. Replacing whole texts takes a third of the time of quote(), which
# goes byte by byte; most of the time of publishing is spent here.
_FREQUENT = {character: quote(character, safe="") for character in '% "{}[]:,/'}
_OTHERS = re.compile(r"[^A-Za-z0-9_.~%-]")


class QueryClient(JsonClient):
    def headers(self, _operation: str) -> dict[str, str]:
        return {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}

    def encode(self, operation: str, parameters: Mapping[str, Any]) -> bytes:
        fields = {"Action": operation, "Version": _VERSIONS[self.service], **parameters}
        return "&".join(f"{name}={quoted(value)}" for name, value in _form("", fields)).encode()

    def decode(self, content: bytes) -> dict[str, Any]:
        try:
            document = ET.fromstring(content)  # noqa: S314 - from the service itself, over TLS  # nosec B314
        except ET.ParseError as error:
            raise ValueError("not XML") from error
        # <PublishBatchResponse><PublishBatchResult>… or <ErrorResponse><Error><Code>…
        result = next((each for each in document if each.tag.endswith(("Result", "Error"))), None)
        if result is None:
            raise ValueError("neither a result nor an error")
        members: dict[str, Any] = _value(result) or {}
        if "Code" in members:
            return {"__type": members["Code"], "message": members.get("Message")}
        return members


def quoted(text: str) -> str:
    """Text as a form's value: percent-encoded UTF-8 (RFC 3986, section 2.1), all but unreserved characters."""
    for character, code in _FREQUENT.items():
        text = text.replace(character, code)
    return _OTHERS.sub(lambda found: quote(found[0], safe=""), text)


def _form(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A parameter as form fields: members of lists and entries of maps are numbered from 1."""
    if isinstance(value, list):
        for number, each in enumerate(value, 1):
            yield from _form(f"{name}.member.{number}", each)
    # the only parameter of SNS that is a map; every other mapping is a structure
    elif name.endswith("MessageAttributes"):
        for number, (key, each) in enumerate(value.items(), 1):
            yield f"{name}.entry.{number}.Name", key
            yield from _form(f"{name}.entry.{number}.Value", each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _form(f"{name}.{key}" if name else key, each)
    else:
        yield name, value


def _value(element: ET.Element) -> Any:
    """An element as a list, a mapping without its empty members, or a text."""
    children = [(child.tag.rpartition("}")[2], _value(child)) for child in element]
    if any(tag == "member" for tag, _ in children):
        return [value for _, value in children]
    return {tag: value for tag, value in children if value} if children else (element.text or "").strip()
