"""The processes of a run: each is started after those that it needs, watched, and ended."""

import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from chalicelib.settings import CUSTOMER_PRICES, SettingsError, parse_spread
from ordersctl.local.child_process import Child, stop
from ordersctl.local.engine import deploy, engine, set_visibility
from ordersctl.shared import project
from ordersctl.shared.engine_client import HEALTH, get_json
from ordersctl.shared.output import echo, has_no_reader
from ordersctl.shared.runs.current import typed_for
from ordersctl.shared.switches import CONSUMERS, State, Switches

STAGE = "local"
START_SECONDS = 60
RESTARTS = 5  # of the event sources, within RESTART_WINDOW_SECONDS
RESTART_WINDOW_SECONDS = 60
_LOOK_SECONDS = 0.25  # between looks at the processes
_CONSOLE_TOKEN_SECONDS = 30 * 24 * 60 * 60
_OWN_SETTINGS = {"AWS_CLIENT"}  # these have names like AWS's variables, but only the service reads them

Note = Callable[[Mapping[str, int | None]], None]  # a function that takes process name -> pid

# ruff: noqa: PLC0415 - modules that are slow to import are imported while the first children start


@dataclass
class Supervisor:
    """The engine, the API, the event sources and, if asked for, the sample consumers and the console."""

    port: int
    engine_port: int
    state_dir: Path
    servers: list[Child] = field(default_factory=list)  # engine and API: the run ends when one of them ends
    event_sources: Child | None = None
    consumers: list[Child] = field(default_factory=list)
    console: Child | None = None
    seed: Child | None = None  # places sample orders, and ends

    def start(self, visibility: int | None) -> None:
        """Start everything except the consumers; ClickException if a process ends at once.

        `visibility` is the order queue's visibility timeout in seconds, None for the template's.
        """
        refuse_wrong_settings()
        endpoint_url = f"http://127.0.0.1:{self.engine_port}"
        enter_environment(endpoint_url)
        arguments = ("--stage", STAGE, "--no-autoreload", "--port", str(self.port))
        log = project.log_dir(self.state_dir) / "api.log"
        # The API needs the engine only at its first order, so both can start at the same time.
        for child in (
            engine(self.engine_port, self.state_dir),
            Child("API", "chalice.cli:main", ("local", *arguments), log=log),
        ):
            self.servers.append(child)
            child.start()
        from ordersctl.local.tokens import ensure_keys

        ensure_keys(project.default_state_dir())
        self._wait(lambda: get_json(endpoint_url + HEALTH) is not None, "the AWS engine")
        prices = os.environ.get("CUSTOMER_PRICES", "trusted")
        outputs = deploy(endpoint_url, stage=STAGE, customer_prices=prices)
        if visibility is not None:
            set_visibility(endpoint_url, outputs["OrderQueueUrl"], visibility)
        command = ("event-sources", "--state-dir", str(self.state_dir))
        self.event_sources = Child("event sources", "ordersctl.cli:main", command)
        self.event_sources.start()
        self._wait(lambda: get_json(f"{self._api_url}/health") is not None, "the API")

    def start_consumers(self, names: Iterable[str] = CONSUMERS) -> None:
        """Start sample consumers, each in a process of its own: one that ends does not end the others."""
        ended = {child.name: child for child in self.consumers}
        for name in names:
            if name in ended:
                ended[name].start()
                continue
            environment = {"ORDERS_API_URL": self._api_url}
            log = project.log_dir(self.state_dir) / f"{name}.log"
            arguments = ("consumer", name, "--state-dir", str(self.state_dir))
            child = Child(name, "ordersctl.cli:main", arguments, environment, log)
            self.consumers.append(child)
            child.start()

    def start_console(self, port: int, key: str) -> None:
        """Start the console. Its port listens at once: who opens its address before it is up waits a moment."""
        # The key is a secret of this user: an environment, unlike arguments, is shown to no other user of the machine.
        environment = {
            "ORDERS_CONSOLE_KEY": key,
            "ORDERS_TOKEN": _console_token(),
            "ORDERS_STATE_DIR": str(self.state_dir),
        }
        log = project.log_dir(self.state_dir) / "console.log"
        with socket.create_server(("127.0.0.1", port)) as listening:
            number = listening.fileno()
            arguments = ("console", "--port", str(port), "--socket", str(number))
            self.console = Child("console", "ordersctl.cli:main", arguments, environment, log, [number])
            self.console.start()

    def start_seed(self, file: Path) -> None:
        """Place the orders of a CSV of invoices, beside everything else."""
        log = project.log_dir(self.state_dir) / "seed.log"
        environment = {"ORDERS_STATE_DIR": str(self.state_dir), "COLUMNS": "100"}
        self.seed = Child("seed", "ordersctl.cli:main", ("load", str(file)), environment, log)
        self.seed.start()

    def watch(self, note: Note) -> None:
        """Restart the event sources when they end; ClickException when a process ends that is not restarted."""
        assert self.event_sources is not None  # noqa: S101 - `start` came first
        ends: deque[float] = deque(maxlen=RESTARTS + 1)
        switches = Switches(self.state_dir)
        reported: set[int] = set()  # the processes whose end was reported
        note(self._pids())
        while True:
            time.sleep(_LOOK_SECONDS)
            if has_no_reader(sys.stdout):  # as in make run | head: no line that is printed would tell while none comes
                raise KeyboardInterrupt
            self._refuse_ended(self.servers)
            self._report_ended(reported, switches)
            self._report_seed()
            if missing := self._consumers_to_start(switches, reported):
                self.start_consumers(missing)
                note(self._pids())
            if (how := self.event_sources.ended()) is None:
                continue
            ends.append(time.monotonic())
            if len(ends) > RESTARTS and ends[-1] - ends[0] < RESTART_WINDOW_SECONDS:
                raise click.ClickException(f"the event sources keep ending ({how}); see logs/handlers.log. Stopping.")
            held = "messages they held are delivered again after their visibility timeout"
            echo(f"event sources ended ({how}), started again; {held}")
            self.event_sources.start()
            note(self._pids())

    @property
    def _api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _report_ended(self, reported: set[int], switches: Switches) -> None:
        for child in self._attendants():
            if child is self.seed or child.pid is None or child.pid in reported or (how := child.ended()) is None:
                continue
            reported.add(child.pid)
            again = ""
            if child is not self.console:
                switches.forget(child.name)  # an earlier `resume`, so that the next one is noticed
                again = (
                    f"; its queue keeps its events. {typed_for(self.state_dir, 'resume', child.name)} starts it again"
                )
            echo(f"{child.name} ended ({how}). See logs/{child.name}.log{again}")

    def _report_seed(self) -> None:
        if self.seed is None or (how := self.seed.ended()) is None:
            return
        result = "are placed" if how == "exit 0" else f"are not all placed ({how})"
        echo(f"The sample orders {result}: see logs/seed.log")
        self.seed = None

    def _consumers_to_start(self, switches: Switches, reported: set[int]) -> list[str]:
        """Return the consumers that a switch asks for, and that were never started or have ended."""
        started = {child.name for child in self.consumers if child.pid not in reported}
        wanted = switches.all()
        return [name for name in CONSUMERS if wanted.get(name) == State.RUNNING and name not in started]

    def stop(self) -> None:
        """End everything that was started."""
        stop([*self._attendants(), *self._children()])

    def _attendants(self) -> list[Child]:
        """Return the processes without which orders go on: consumers, the console, and what places sample orders."""
        return [*self.consumers, *(each for each in (self.console, self.seed) if each is not None)]

    def _children(self) -> list[Child]:
        return [*self.servers, *([] if self.event_sources is None else [self.event_sources])]

    def _pids(self) -> dict[str, int | None]:
        return {child.name: child.pid for child in [*self._children(), *self._attendants()] if child is not self.seed}

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self._refuse_ended(self._children())
            if time.monotonic() > deadline:
                raise click.ClickException(f"{what} did not start within {START_SECONDS} s.")
            time.sleep(0.05)

    def _refuse_ended(self, children: Sequence[Child]) -> None:
        for child in children:
            if (how := child.ended()) is not None:
                last = f"; the end of its log:\n{lines}" if (lines := child.end_of_log()) else "."
                raise click.ClickException(f"the {child.name} ended ({how}){last}")


def _console_token() -> str:
    from ordersctl.local.tokens import SERVICE_SCOPE, local_token

    return local_token(subject="console", scope=SERVICE_SCOPE, ttl_seconds=_CONSOLE_TOKEN_SECONDS)


def refuse_wrong_settings() -> None:
    """Raise ClickException for a setting of the environment that would keep the functions from starting."""
    try:
        parse_spread(os.environ.get("SPREAD_CUSTOMERS", ""))
    except SettingsError as error:
        raise click.ClickException(f"{error}.") from error
    if (prices := os.environ.get("CUSTOMER_PRICES", CUSTOMER_PRICES[0])) not in CUSTOMER_PRICES:
        raise click.ClickException(f"CUSTOMER_PRICES is {prices!r}, and not one of {', '.join(CUSTOMER_PRICES)}.")


def enter_environment(endpoint_url: str) -> None:
    """Remove the machine's AWS profiles, endpoints and proxies from this process's environment, and its children's."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name not in _OWN_SETTINGS]:
        del os.environ[name]
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
    os.environ |= {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }
