"""A deployed function whose memory and log level are changed for a while, and given back however that ends."""

import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Another update is in progress, or too many calls were made: both pass.
_PASSING = {"ResourceConflictException", "TooManyRequestsException"}
_ATTEMPTS = 60


@dataclass(frozen=True)
class Function:
    """A function of Lambda, by name."""

    client: Any
    name: str
    pause_seconds: float = 1.0

    def settings(self) -> dict[str, Any]:
        """Return memory (MB) and logging as they are."""
        found = self.client.get_function_configuration(FunctionName=self.name)
        return {name: found[name] for name in ("MemorySize", "LoggingConfig") if name in found}

    def update(self, **settings: Any) -> None:
        """Change settings, and wait until new invocations have them; ClientError when that is refused for good."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.client.update_function_configuration(FunctionName=self.name, **settings)
                break
            except ClientError as error:
                if error.response["Error"]["Code"] not in _PASSING or attempt == _ATTEMPTS:
                    raise
                time.sleep(self.pause_seconds)  # Lambda does not say when the other update will have ended
        waiting = {"Delay": self.pause_seconds, "MaxAttempts": _ATTEMPTS}
        self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name, WaiterConfig=waiting)


@contextmanager
def borrowed(function: Function, by_hand: str) -> Iterator[dict[str, Any]]:
    """Yield the settings that the function has, and give them back at the end: after an error and a signal, too.

    Nothing can be done about SIGKILL: therefore `by_hand`, the line that gives them back, is printed before anything
    is changed, and again when giving back fails.
    """
    before = function.settings()
    by_hand = f"{by_hand} {shlex.join(arguments(before))}"
    click.echo(f"If this is killed, give back by hand what {function.name} had:\n  {by_hand}", err=True)
    # A signal that is ignored stays so: nohup, and jobs in the background.
    heeded = [each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    handlers = {each: signal.signal(each, _interrupt) for each in heeded}
    try:
        try:
            yield before
        finally:
            _ignore_signals()
    finally:  # also of a signal in the line above: it is the last one
        try:
            function.update(**before)
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(
                f"{function.name} did not get its settings back: {error}\n  {by_hand}"
            ) from error
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)
        click.echo(f"{function.name} has {before['MemorySize']} MB and its logging again", err=True)


def with_reports(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The change of settings that makes Lambda report successful invocations; none where it does already.

    Their reports are of level INFO: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    logging = settings.get("LoggingConfig", {})
    if logging.get("LogFormat") != "JSON" or logging.get("SystemLogLevel") != "WARN":
        return {}
    return {"LoggingConfig": {**logging, "SystemLogLevel": "INFO"}}


def arguments(settings: Mapping[str, Any]) -> list[str]:
    """Settings as `aws lambda update-function-configuration` takes them."""
    found = ["--memory-size", str(settings["MemorySize"])]
    if logging := settings.get("LoggingConfig"):
        found += ["--logging-config", ",".join(f"{name}={value}" for name, value in logging.items())]
    return found


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _ignore_signals()  # impatience must not break off the giving back, which ends by itself
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
