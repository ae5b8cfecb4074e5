"""`ordersctl console`: serves the page on which orders travel, for the local run or a stage on AWS."""

import os
import secrets
import socket

import click
import uvicorn
from botocore.exceptions import BotoCoreError

from ordersctl.console.acts import Acts
from ordersctl.console.server import Console
from ordersctl.console.sources import AwsSource, LocalSource, Source
from ordersctl.shared.options import HttpUrl
from ordersctl.shared.output import echo
from ordersctl.shared.runs import current
from ordersctl.shared.stage import LOCAL, Stage, engine_option

_PORT = 8080


@click.command()
@click.option("--stage", default=LOCAL, show_default=True, help="Which stage; local is the embedded engine.")
@click.option("--profile", help="A profile of the AWS configuration; never used for the local stage.")
@click.option("--region", help="An AWS region, when the profile names none.")
@engine_option
@click.option("--port", type=click.IntRange(1, 65535), help="Of 127.0.0.1.  [default: 8080]")
@click.option("--api-url", type=HttpUrl(), help="The local stage's API.  [default: the run's]")
@click.option("--socket", "listening", type=click.IntRange(min=3), hidden=True, help="A socket of `run` that listens.")
@click.option("--allow-changes", is_flag=True, help="On AWS: redrive, drop, replay and pause, after asking each time.")
@click.option(
    "--live-tail", is_flag=True, help="On AWS: show orders by the live tail of the logs, billed by the minute."
)
def console(
    *,
    stage: str,
    profile: str | None,
    region: str | None,
    port: int | None,
    engine: str | None,  # noqa: ARG001 - its callback has named it
    api_url: str | None,
    listening: int | None,
    allow_changes: bool,
    live_tail: bool,
) -> None:
    """Serve a page that shows orders travel, queues fill, and dead letters; Ctrl-C ends it.

    The printed address holds a key, without which no data is shown and nothing is done. Where the local run serves its
    console already, the command prints that address again; --port serves another.
    """
    if stage == LOCAL:
        current.require_engine()
        run = current.current()
        if run is not None and run.console and port is None and listening is None:
            echo(f"The local run serves its console: {run.console}")
            return
    port = port or _PORT
    try:
        watched = Stage.at(stage, profile=profile, region=region)
    except BotoCoreError as error:
        raise click.ClickException(f"stage {stage}: {error}.") from error
    if watched.is_local and (allow_changes or live_tail):
        raise click.UsageError("--allow-changes and --live-tail are for a stage on AWS.")
    allowed = watched.is_local or allow_changes
    acts = Acts(watched, api_url, allowed=allowed)
    source: Source = LocalSource(watched) if watched.is_local else AwsSource(watched, live_tail=live_tail)
    given = os.environ.pop("ORDERS_CONSOLE_KEY", "")  # by `run`, which prints the address; commands need not know it
    key = given or secrets.token_urlsafe(24)
    app = Console(watched, source, acts, allowed=allowed).app(port=port, key=key)
    server = _listen(port) if listening is None else socket.socket(fileno=listening)
    if not given:
        echo(f"Orders console of stage {stage}: http://127.0.0.1:{port}/#key={key}")
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, server_header=False)
    uvicorn.Server(config).run(sockets=[server])


def _listen(port: int) -> socket.socket:
    """Return a socket that listens at a port of this machine alone; ClickException when it is taken."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise click.ClickException(f"port {port} is taken: {error.strerror}. Choose another by --port.") from error
