"""The command line as a whole."""

import importlib

import click
import pytest

from ordersctl.cli import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there(name: str) -> None:
    module, attribute = COMMANDS[name]
    assert isinstance(getattr(importlib.import_module(module), attribute), click.Command)
