"""A client of the fake AWS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class FakeClient:
    """A fake of a botocore client; `call` takes the client, an operation and its arguments."""

    service: str
    attempts: int
    call: Callable[["FakeClient", str, dict[str, Any]], Any]

    def __getattr__(self, operation: str) -> Any:
        return lambda **arguments: self.call(self, operation, arguments)
