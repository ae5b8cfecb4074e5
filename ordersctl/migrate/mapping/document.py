"""The mapping file: TOML, checked strictly, with the place of every mistake."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.domain.iso_codes import COUNTRIES
from chalicelib.domain.orders import OrderStatus
from ordersctl.migrate.errors import MappingError
from ordersctl.migrate.mapping import sql
from ordersctl.migrate.mapping.model import RULES, STATUSES, ReverseSync, ShopMapping, Watch

Check = Callable[[Any], str | None]  # says what is wrong with a value; None when it is right

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_COLUMN = re.compile(r"[A-Za-z_]\w*")


def read(path: Path) -> ShopMapping:
    """Read a mapping file; raises MappingError that lists every mistake, or OSError."""
    text = path.read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path}: not TOML: {error}") from None
    if mistakes := [f"{path}:{_line(text, place)}: {what}" for place, what in _mistakes(document)]:
        raise MappingError("\n".join(mistakes))
    return _mapping(document)


def _mistakes(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name in document.keys() - SECTIONS.keys():
        yield (name,), f"[{name}] is not a section; the sections are {', '.join(f'[{each}]' for each in SECTIONS)}"
    for name, section in SECTIONS.items():
        if name not in document:
            if name in _REQUIRED:
                yield (), f"the section [{name}] is missing"
        elif not isinstance(document[name], dict):
            yield (name,), f"{name} is a section: write [{name}]"
        elif isinstance(section, dict):
            yield from _of_section(name, document[name], section)
        else:
            for key, value in document[name].items():
                if wrong := section(key, value):
                    yield (name, key), f"[{name}] {key}: {wrong}"


def _of_section(
    name: str, given: Mapping[str, Any], settings: Mapping[str, tuple[bool, Check]]
) -> Iterator[tuple[tuple[str, ...], str]]:
    for key in given.keys() - settings.keys():
        yield (name, key), f"[{name}] {key}: there is no such setting; there are {', '.join(settings)}"
    for key, (is_required, check) in settings.items():
        if key not in given:
            if is_required:
                yield (name,), f"[{name}] {key} is missing"
        elif wrong := check(given[key]):
            yield (name, key), f"[{name}] {key}: {wrong}"


def _line(text: str, place: tuple[str, ...]) -> int:
    """The line of a section or of a setting in it; 1 when it cannot be found."""
    section = place[0] if place else ""
    current = ""
    found = 1
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            current = header[1]
            if current == section or current.startswith(f"{section}."):
                found = number if found == 1 else found
        elif len(place) > 1 and current == section and re.match(rf'\s*["\']?{re.escape(place[1])}["\']?\s*=', line):
            return number
    return found


# --- checks of single values -----------------------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "should be a text that is not empty"


def _name(value: Any) -> str | None:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return None
    return "should be 1 to 32 of a-z, 0-9, _ and -; it becomes part of every order id, so it never changes"


def _column(value: Any) -> str | None:
    return None if isinstance(value, str) and _COLUMN.fullmatch(value) else "should be the name of a column"


def _time_zone(value: Any) -> str | None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        return "should be a time zone of the IANA list, such as Europe/London"
    return None


def _number(value: Any) -> str | None:
    return None if type(value) is int and 0 <= value <= 9_999 else "should be a whole number from 0 to 9999"  # noqa: PLR2004


def _select(*required: str, optional: tuple[str, ...] = ()) -> Check:
    def check(value: Any) -> str | None:
        if wrong := _text(value):
            return wrong
        return sql.mistake_in_select(value, required, optional)

    return check


def _statement(value: Any) -> str | None:
    if wrong := _text(value):
        return wrong
    return "should be one statement, without a semicolon" if sql.has_semicolon(value) else None


def _one_of(*allowed: str) -> Check:
    return lambda value: None if value in allowed else f"should be one of {', '.join(allowed)}"


def _texts(value: Any) -> str | None:
    right = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return None if right else "should be a list of texts"


def _table_of_texts(value: Any) -> str | None:
    right = isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    return None if right else "should be a table of texts"


def _watch(_table: str, value: Any) -> str | None:
    if isinstance(value, str):
        return _column(value)
    if isinstance(value, dict) and value.keys() == {"select"}:
        return sql.mistake_in_select(value["select"], (), None)
    return 'should be a column that holds the order\'s key, or { select = "SELECT … WHERE … = :column" }'


def _status(_legacy: str, value: Any) -> str | None:
    return _one_of(*STATUSES)(value)


def _country(_legacy: str, value: Any) -> str | None:
    return None if value in COUNTRIES else "should be a country code of ISO 3166-1 alpha-2"


SECTIONS: Mapping[str, Any] = {
    "source": {
        "name": (True, _name),
        "database": (True, _text),
        "time_zone": (True, _time_zone),
        "epoch": (False, _number),
    },
    "order": {"key": (True, _column), "select": (True, _select("keys"))},
    "lines": {"select": (True, _select("keys"))},
    "adjustments": {"select": (True, _select("keys"))},
    "keys": {"select": (True, _select("after", "limit"))},
    "watch": _watch,
    "status": _status,
    "country": _country,
    "rules": {name: (False, _one_of(*values)) for name, values in RULES.items()},
    "totals": {"select": (True, _select("excluded")), "time_zone": (False, _time_zone)},
    "compare": {
        "order": (False, _text),
        "fields": (False, _table_of_texts),
        "ignore": (False, _texts),
        "customer": (False, _select("customer_id")),
    },
    "cutover": {"hook": (True, _texts)},
    "reverse": {
        "ledger": (True, _column),
        "key": (False, _select()),
        "order": (True, _statement),
        "clear": (False, _statement),
        "line": (False, _statement),
        "update": (True, _statement),
        "status": (True, _table_of_texts),
    },
}
_ESSENCE = ("source", "order", "lines", "adjustments", "keys", "watch", "status", "country", "rules")
_REQUIRED = ("source", "order", "lines", "keys", "watch", "status")


def _mapping(document: Mapping[str, Any]) -> ShopMapping:
    source, reverse = document["source"], document.get("reverse")
    compare = document.get("compare", {})
    return ShopMapping(
        name=source["name"],
        database=source["database"],
        time_zone=ZoneInfo(source["time_zone"]),
        epoch=source.get("epoch", 0),
        key=document["order"]["key"],
        order_select=document["order"]["select"],
        lines_select=document["lines"]["select"],
        adjustments_select=document.get("adjustments", {}).get("select"),
        keys_select=document["keys"]["select"],
        watch={table: _watched(value) for table, value in document["watch"].items()},
        statuses={legacy: OrderStatus(ours) for legacy, ours in document["status"].items()},
        countries=document.get("country", {}),
        rules={name: document.get("rules", {}).get(name, values[0]) for name, values in RULES.items()},
        totals_select=document.get("totals", {}).get("select"),
        totals_zone=ZoneInfo(document.get("totals", {}).get("time_zone", source["time_zone"])),
        compare_order_url=compare.get("order"),
        compare_fields=compare.get("fields", {}),
        compare_ignore=tuple(compare.get("ignore", ())),
        compare_customer_select=compare.get("customer"),
        cutover_hook=tuple(document.get("cutover", {}).get("hook", ())),
        reverse=None if reverse is None else ReverseSync(**{"clear": None, "line": None, "key": None} | reverse),
        essence=json.dumps({name: document.get(name) for name in _ESSENCE}, sort_keys=True),
    )


def _watched(value: Any) -> Watch:
    if isinstance(value, str):
        return Watch(key_column=value, select=None, columns=(value,))
    return Watch(key_column=None, select=value["select"], columns=tuple(sql.placeholders(value["select"])))
