"""What ends a migration command, or the copying of one order."""

import click


class MappingError(click.ClickException):
    """The mapping file is wrong; the message names the file, the line and the setting."""


class Stopped(click.ClickException):
    """A person has to look before the command may go on; what was done so far is saved."""


class SourceLost(Exception):
    """The connection to the shop's database ended; the same request may succeed in a moment."""


class Refused(Exception):
    """An order of the shop cannot be an order here; the message says why, without repeating personal data."""
