"""The JSON of a message or a log line, which may be written by anyone."""

import json
from typing import Any


def parsed(text: str) -> Any:
    """Return the JSON value of a text. Raises ValueError, also for one that is nested too deeply to be parsed."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parsed_or_none(text: str) -> Any:
    """Return the JSON value of a text; None for one that is not JSON, such as another program's message."""
    try:
        return parsed(text)
    except ValueError:
        return None
