"""botocore's models of services, parsed once for all sessions of a process."""

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader


def parse_once() -> None:
    """Keep each of botocore's files once it is parsed: every session parses them again, and tests have hundreds.

    The clients of one session share what is parsed, too.
    """
    parse = JSONFileLoader.load_file

    @cache
    def kept(path: str) -> Any:
        return parse(JSONFileLoader(), path)

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        del self
        return kept(file_path)

    JSONFileLoader.load_file = load_file  # type: ignore[method-assign]
