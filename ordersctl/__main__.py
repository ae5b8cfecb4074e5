"""`python -m ordersctl`: one module per command, imported when it is asked for."""

import importlib
from collections.abc import Mapping

import click

# name -> (module, attribute). A command's module may import heavy things: `--help` must not wait for boto3.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("ordersctl.run", "run"),
    "token": ("ordersctl.tokens", "token"),
    "load": ("ordersctl.load", "load"),
    "openapi": ("ordersctl.openapi", "openapi"),
    "event-schemas": ("ordersctl.event_schemas", "event_schemas"),
    "queues": ("ordersctl.queues", "queues"),
    "dlq": ("ordersctl.dlq", "dlq"),
    "replay": ("ordersctl.replay", "replay"),
    "listen": ("ordersctl.listen", "listen"),
    "trigger": ("ordersctl.trigger", "trigger"),
    "trace": ("ordersctl.trace", "trace"),
    "provision": ("ordersctl.provision", "provision"),
    "tune": ("ordersctl.tune", "tune"),
    "doctor": ("ordersctl.doctor", "doctor"),
    "package": ("ordersctl.package", "package"),
    "deploy": ("ordersctl.deploy", "deploy"),
    "cost": ("ordersctl.cost", "cost"),
    "simulate": ("ordersctl.simulate", "simulate"),
    "power-tune": ("ordersctl.power_tune", "power_tune"),
    "consumer": ("ordersctl.consumers", "consumer"),
    "event-sources": ("ordersctl.event_sources", "event_sources"),
}
HIDDEN = {"consumer", "event-sources"}


class LazyGroup(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return [name for name in COMMANDS if name not in HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a slip in the table above, not a user's error
        return command


@click.group(cls=LazyGroup)
def main() -> None:
    """Run, fill and look after Orders."""


if __name__ == "__main__":
    main()
