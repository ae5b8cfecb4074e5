"""The SELECTs of a mapping file: named placeholders such as :keys, and what is not allowed in them."""

import re
from collections.abc import Iterable
from typing import Any

_PLACEHOLDER = re.compile(r"(?<![\w:]):([A-Za-z_]\w*)")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`|--[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_SELECT = re.compile(r"\s*(?:\(\s*)*(?:SELECT|WITH)\b", re.IGNORECASE)
_LOCKS = re.compile(r"\bFOR\s+(?:UPDATE|SHARE)\b|\bLOCK\s+IN\s+SHARE\b|\bINTO\s+(?:OUTFILE|DUMPFILE|@)", re.IGNORECASE)


def placeholders(text: str) -> list[str]:
    """The names after a colon outside of quotes and comments, each once."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(_QUOTED.sub(" ", text))))


def has_semicolon(text: str) -> bool:
    return ";" in _QUOTED.sub(" ", text)


def mistake_in_select(text: Any, required: Iterable[str], optional: Iterable[str] | None) -> str | None:
    """What is wrong with a SELECT; None when it is right. `optional` None: any placeholder, and at least one."""
    if not isinstance(text, str):
        return "should be a SELECT"
    bare = _QUOTED.sub(" ", text)
    if has_semicolon(text) or not _SELECT.match(bare) or _LOCKS.search(bare):
        return "should be one SELECT that only reads, without a semicolon"
    found = placeholders(text)
    if optional is None:
        return None if found else "should use a column of the changed row, such as :customer_id"
    if missing := [f":{name}" for name in required if name not in found]:
        return f"should use {', '.join(missing)}"
    if unknown := [f":{name}" for name in found if name not in {*required, *optional}]:
        return f"has {', '.join(unknown)}, which has no value here"
    return None


def for_pymysql(text: str) -> str:
    """The statement with PyMySQL's placeholders, `%(name)s`."""
    parts: list[str] = []
    position = 0
    for quoted in _QUOTED.finditer(text):
        parts += [_named(text[position : quoted.start()]), quoted[0].replace("%", "%%")]
        position = quoted.end()
    return "".join([*parts, _named(text[position:])])


def _named(text: str) -> str:
    return _PLACEHOLDER.sub(r"%(\1)s", text.replace("%", "%%"))
