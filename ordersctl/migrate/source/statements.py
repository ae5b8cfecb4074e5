"""What the statements in a binary log mean for the follower, which expects rows of the watched tables."""

import re
from collections.abc import Collection
from enum import Enum, auto

_COMMENTS = re.compile(r"/\*(?!M?!).*?\*/|--[^\n]*|#[^\n]*", re.DOTALL)
_RUN_ON_SOME_SERVERS = re.compile(r"/\*M?!\d*|\*/")  # what is in such a comment is part of the statement
_SETTINGS = re.compile(r"\W*set\s+statement\s.*?\sfor\s", re.IGNORECASE)  # MariaDB's, for one statement
# A SELECT is in the log when it calls a function that changes rows. ANALYZE runs a statement, but not ANALYZE TABLE.
_CHANGES_ROWS = re.compile(
    r"\W*(?:insert|update|delete|replace|load|with|call|do|truncate|select|values"
    r"|analyze(?!\s+(?:local\s+|no_write_to_binlog\s+)?tables?\b))\b",
    re.IGNORECASE,
)
_CHANGES_TABLES = re.compile(r"\W*(?:alter|create|drop|rename|truncate|optimize|repair|import)\b", re.IGNORECASE)
_DROPS_DATABASE = re.compile(r"\W*(?:drop|alter)\s+(?:database|schema)\b", re.IGNORECASE)


class Meaning(Enum):
    BEGINS = auto()  # a transaction whose rows follow
    ENDS = auto()  # a transaction
    WITHIN = auto()  # a transaction: a savepoint
    STANDS_ALONE = auto()  # it is not about the watched tables
    STOPS = auto()  # it changed a watched table, and the log does not say which rows


# XA: the rows of a distributed transaction are in the log before they are committed.
_OF_TRANSACTIONS = {
    "BEGIN": Meaning.BEGINS,
    "START": Meaning.BEGINS,
    "COMMIT": Meaning.ENDS,
    "ROLLBACK": Meaning.ENDS,
    "SAVEPOINT": Meaning.WITHIN,
    "RELEASE": Meaning.WITHIN,
    "XA": Meaning.STOPS,
}


def meaning(text: str, schema: str, database: str, tables: Collection[str]) -> Meaning:
    """Judge a statement of the log that was made while `schema` was the current database."""
    bare = " ".join(_RUN_ON_SOME_SERVERS.sub(" ", _COMMENTS.sub(" ", text)).split()).rstrip("; ")
    bare = _SETTINGS.sub("", bare, count=1) if _SETTINGS.match(bare) else bare
    first = bare.partition(" ")[0].upper()
    if first in _OF_TRANSACTIONS and not bare.upper().startswith("ROLLBACK TO"):
        return _OF_TRANSACTIONS[first]
    if first == "ROLLBACK":
        return Meaning.WITHIN
    return _meaning_of_change(bare, schema, database, tables)


def _meaning_of_change(bare: str, schema: str, database: str, tables: Collection[str]) -> Meaning:
    if schema != database and not _names(bare, [database]):
        return Meaning.STANDS_ALONE
    if _DROPS_DATABASE.match(bare) or (_CHANGES_TABLES.match(bare) and _names(bare, tables)):
        return Meaning.STOPS
    # A statement in place of rows may reach a watched table that it does not name: by a trigger.
    return Meaning.STOPS if _CHANGES_ROWS.match(bare) else Meaning.STANDS_ALONE


def _names(text: str, names: Collection[str]) -> bool:
    return any(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text, re.IGNORECASE) for name in names)
