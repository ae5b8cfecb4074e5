"""Every command of the command line, those of groups too."""

import functools
from collections.abc import Iterator, Mapping

import click

from ordersctl.cli import COMMANDS, main


@functools.cache
def every_command() -> Mapping[str, click.Command]:
    """Return all commands and groups by their whole names, such as "dlq list"."""
    return {name: command for top in COMMANDS for name, command in _below(top, main.get_command(_NO_CONTEXT, top))}


_NO_CONTEXT = click.Context(main)


def _below(name: str, command: click.Command | None) -> Iterator[tuple[str, click.Command]]:
    assert command is not None
    yield name, command
    if isinstance(command, click.Group):
        for each, below in command.commands.items():
            yield from _below(f"{name} {each}", below)
