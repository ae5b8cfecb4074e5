"""Memory and log level of a deployed function: changed during a measurement, and restored however it ends."""

import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from ordersctl.shared.functions import Function
from ordersctl.shared.output import echo

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def restored(function: Function, update_command: str) -> Iterator[dict[str, Any]]:
    """Yield the function's settings, and restore them at the end, after an error or a signal too.

    After SIGKILL nothing can restore them. So the shell command that does, `update_command` with the settings
    appended, is printed before anything is changed, and again when restoring fails.
    """
    before = function.settings()
    command = f"{update_command} {shlex.join(arguments(before))}"
    echo(f"If this is killed, restore the settings of {function.name} by hand:\n  {command}", err=True)
    # A signal that is ignored stays ignored: nohup, and jobs in the background.
    heeded = [each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    handlers = {each: signal.signal(each, _interrupt) for each in heeded}
    try:
        try:
            yield before
        finally:
            _ignore_signals()
    finally:  # also runs after a signal in the line above; further signals are ignored
        try:
            function.update(**before)
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(
                f"{function.name} did not get its settings back: {error}\n  {command}"
            ) from error
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)
        echo(f"{function.name} has {before['MemorySize']} MB and its logging again", err=True)


def with_reports(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change of settings that makes Lambda report successful invocations; empty where it does already.

    Their reports are of level INFO:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    logging = settings.get("LoggingConfig", {})
    if logging.get("LogFormat") != "JSON" or logging.get("SystemLogLevel") != "WARN":
        return {}
    return {"LoggingConfig": {**logging, "SystemLogLevel": "INFO"}}


def arguments(settings: Mapping[str, Any]) -> list[str]:
    """Return settings as `aws lambda update-function-configuration` takes them."""
    found = ["--memory-size", str(settings["MemorySize"])]
    if logging := settings.get("LoggingConfig"):
        found += ["--logging-config", ",".join(f"{name}={value}" for name, value in logging.items())]
    return found


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _ignore_signals()  # a second Ctrl-C must not interrupt the restoring, which takes seconds
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
