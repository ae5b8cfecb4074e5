"""`python -m ordersctl`: one module per command, imported when it is asked for."""

import importlib
from collections.abc import Mapping

import click

# name -> (module, attribute). A command's module may import heavy things: `--help` must not wait for boto3.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("ordersctl.local.run", "run"),
    "token": ("ordersctl.local.tokens", "token"),
    "load": ("ordersctl.client.load", "load"),
    "openapi": ("ordersctl.contract.openapi.document", "openapi"),
    "event-schemas": ("ordersctl.contract.event_schemas", "event_schemas"),
    "queues": ("ordersctl.operate.queues", "queues"),
    "dlq": ("ordersctl.operate.dlq.command", "dlq"),
    "replay": ("ordersctl.operate.replay.command", "replay"),
    "listen": ("ordersctl.operate.listen", "listen"),
    "trigger": ("ordersctl.client.trigger", "trigger"),
    "trace": ("ordersctl.operate.trace", "trace"),
    "provision": ("ordersctl.deploy.provision", "provision"),
    "tune": ("ordersctl.deploy.tune", "tune"),
    "doctor": ("ordersctl.deploy.doctor", "doctor"),
    "package": ("ordersctl.deploy.package", "package"),
    "deploy": ("ordersctl.deploy.deploy", "deploy"),
    "cost": ("ordersctl.estimate.cost.command", "cost"),
    "simulate": ("ordersctl.estimate.simulation.command", "simulate"),
    "power-tune": ("ordersctl.estimate.power_tuning.command", "power_tune"),
    "consumer": ("ordersctl.local.consumers", "consumer"),
    "event-sources": ("ordersctl.local.event_sources.command", "event_sources"),
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
