"""A deployed Lambda function: reads and changes its settings."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

# Another update is in progress, or too many calls were made: both pass.
_PASSING = {"ResourceConflictException", "TooManyRequestsException"}
_ATTEMPTS = 60
ALIAS = "live"  # of each function of a packaged stage; a plain stage has none
RELEASE = "RELEASE"  # the variable of a function that names its release
COMMAND_REVISION = "COMMAND_REVISION"  # of the processor: the newest revision of messages that its release reads


def name_of(arn: str) -> str:
    """Return the name in a function's ARN, which may end with a version or an alias (AWS Lambda, ARN formats)."""
    return arn.split(":")[6]


def retried(call: Callable[[], object], *, passing: Collection[str], pause_seconds: float) -> None:
    """Call until AWS does not refuse by one of the error codes that pass; the last ClientError when they do not."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] not in passing or attempt == _ATTEMPTS:
                raise
            time.sleep(pause_seconds)  # AWS does not say when the other change will have ended
        else:
            return


@dataclass(frozen=True)
class Function:
    """A Lambda function, by name; `client` is boto3's for Lambda."""

    client: Any
    name: str
    pause_seconds: float = 1.0

    def configuration(self, qualifier: str = "$LATEST") -> dict[str, Any] | None:
        """Return the response of GetFunctionConfiguration of a version or an alias; None when there is none."""
        try:
            found: dict[str, Any] = self.client.get_function_configuration(FunctionName=self.name, Qualifier=qualifier)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None
        return found

    def settings(self) -> dict[str, Any]:
        """Return the current memory (MB) and logging; ClientError when there is no such function."""
        found = self.client.get_function_configuration(FunctionName=self.name)
        return {name: found[name] for name in ("MemorySize", "LoggingConfig") if name in found}

    def update(self, **settings: Any) -> None:
        """Change settings and wait until new invocations have them; ClientError when the change stays refused."""
        retried(
            lambda: self.client.update_function_configuration(FunctionName=self.name, **settings),
            passing=_PASSING,
            pause_seconds=self.pause_seconds,
        )
        waiting = {"Delay": self.pause_seconds, "MaxAttempts": _ATTEMPTS}
        self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name, WaiterConfig=waiting)
