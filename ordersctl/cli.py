"""`ordersctl`: one module per command, imported when the command is asked for."""

import difflib
import importlib
import tomllib
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem, get_completion_class

from ordersctl.shared.project import PROJECT_DIR


class Entry(NamedTuple):
    """A command: its module, which has a function of the command's name, and its line in the list of commands.

    The list imports no module: some take a second to import.
    """

    module: str
    summary: str


SECTIONS: Mapping[str, Mapping[str, Entry]] = {
    "Run it here": {
        "run": Entry("ordersctl.local.run", "Run everything on this machine: API, queues, table, events."),
        "token": Entry("ordersctl.local.tokens", "Print a token for the local service."),
        "load": Entry("ordersctl.client.load", "Place the orders of a CSV of invoice lines."),
        "trigger": Entry("ordersctl.client.trigger", "Place a sample order, or move an order on."),
        "listen": Entry("ordersctl.operate.listen", "Show events as they are published."),
    },
    "On call": {
        "queues": Entry("ordersctl.operate.queues", "Show how much waits in queues and stream, and how long."),
        "dlq": Entry("ordersctl.operate.dlq.command", "List, show, redrive and drop dead letters."),
        "replay": Entry("ordersctl.operate.replay.command", "Publish the current state of orders again."),
        "erase": Entry("ordersctl.operate.erasure.command", "Erase all orders of a customer."),
        "trace": Entry("ordersctl.operate.trace", "Show one order's path, from logs, table and queues."),
        "pause": Entry("ordersctl.operate.pause", "Pause the processor, the publisher or a consumer."),
        "resume": Entry("ordersctl.operate.pause", "Let it run again."),
        "console": Entry("ordersctl.console.command", "Serve a page that shows orders travel."),
    },
    "Deploy": {
        "provision": Entry("ordersctl.deploy.provision", "Make what a stage needs before `chalice deploy`."),
        "package": Entry("ordersctl.deploy.package", "Package a stage as one CloudFormation stack."),
        "deploy": Entry("ordersctl.deploy.deploy", "Deploy a packaged stage."),
        "rollback": Entry("ordersctl.deploy.release.rollback", "Go back to the release before, at once."),
        "tune": Entry("ordersctl.deploy.tune", "Set what `chalice deploy` cannot set."),
        "prices": Entry("ordersctl.operate.prices.command", "Load and show the prices that orders must name."),
        "doctor": Entry("ordersctl.deploy.doctor.command", "Compare a deployed stage with what it should be."),
        "smoke": Entry("ordersctl.client.smoke", "Take one order through a stage, and report each step."),
    },
    "Move in": {
        "migrate": Entry("ordersctl.migrate.command", "Bring the orders of a shop's MySQL here, while it is open."),
    },
    "Contracts": {
        "openapi": Entry("ordersctl.contract.openapi.document", "Write the OpenAPI document."),
        "event-schemas": Entry("ordersctl.contract.event_schemas", "Write the JSON Schemas of the events."),
    },
    "Estimate": {
        "cost": Entry("ordersctl.estimate.cost.command", "Estimate what orders cost on AWS."),
        "simulate": Entry("ordersctl.estimate.simulation.command", "Simulate a promotion within AWS's limits."),
        "power-tune": Entry("ordersctl.estimate.power_tuning.command", "Measure a function at several memory sizes."),
    },
    "This command line": {
        "completion": Entry("ordersctl.cli", "Print the completion of these commands for a shell."),
    },
}
# Started by `run`, not by people.
HIDDEN: Mapping[str, Entry] = {
    "consumer": Entry("ordersctl.local.consumers", "Run a sample consumer."),
    "event-sources": Entry("ordersctl.local.event_sources.command", "Call the queue and stream handlers."),
}
# Words for click's types, in help and in errors.
_NUMBER, _TEXT = ("N", "number"), ("NAME", "text")
_TYPES = {"integer": _NUMBER, "integer range": _NUMBER, "float": _NUMBER, "float range": _NUMBER, "text": _TEXT}
COMMANDS = {name: entry for section in (*SECTIONS.values(), HIDDEN) for name, entry in section.items()}


class LazyGroup(click.Group):
    """A group whose commands are imported on first use, and listed in sections."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name].module)
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101 - a slip in the table above, not a user's error
        _use_plain_words(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table above, without importing any command."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        summaries = {name: entry.summary for section in SECTIONS.values() for name, entry in section.items()}
        return [CompletionItem(name, help=text) for name, text in summaries.items() if name.startswith(incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if close := difflib.get_close_matches(args[0], self.list_commands(ctx)):
                message = f"{error.message} Did you mean {' or '.join(close)}?"
                raise click.UsageError(message, error.ctx) from error
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            if type(error) is not click.ClickException:  # a usage error repeats what was typed
                raise
            from ordersctl.shared.output import printable  # noqa: PLC0415 - slow to import, and for an error only

            raise click.ClickException(printable(error.message, keep="\n")) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of commands for each section."""
        width = max(map(len, self.list_commands(ctx)))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), entry.summary) for name, entry in section.items()])


def _use_plain_words(command: click.Command) -> None:
    """Name the values of options as people do, in place of click's names of its types."""
    for parameter in command.params:
        metavar, word = _TYPES.get(parameter.type.name, (None, parameter.type.name))
        parameter.type.name = word
        if metavar and parameter.metavar is None and isinstance(parameter, click.Option) and not parameter.is_flag:
            parameter.metavar = metavar
        if isinstance(parameter.type, click.IntRange | click.FloatRange):
            # click has no public name for it
            parameter.type._describe_range = partial(_range, parameter.type)  # type: ignore[method-assign]  # noqa: SLF001
        if isinstance(parameter.default, float):
            parameter.default = _short(parameter.default)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _use_plain_words(each)


def _range(kind: click.IntRange | click.FloatRange) -> str:
    """Say which numbers an option takes, in place of click's 1<=x<=1000."""
    assert kind.min is not None  # noqa: S101 - no option is without it
    return f"{_short(kind.min)} {'or more' if kind.max is None else f'to {_short(kind.max)}'}"


def _short(number: float) -> float:
    return int(number) if number == int(number) else number


def _print_version(ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it
    if value:
        from ordersctl.shared.output import echo  # noqa: PLC0415 - slow to import, and seldom needed

        echo(f"ordersctl {tomllib.loads((PROJECT_DIR / 'pyproject.toml').read_text())['project']['version']}")
        ctx.exit()


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog="The local run: make help."
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
def main() -> None:
    """Run, fill and operate Orders."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion of commands and options for a shell.

    In bash: eval "$(ordersctl completion bash)"; zsh likewise; in fish: ordersctl completion fish | source
    """
    from ordersctl.shared.output import echo  # noqa: PLC0415 - as above

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click has these three
    echo(found(main, {}, "ordersctl", "_ORDERSCTL_COMPLETE").source())
