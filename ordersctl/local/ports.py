"""Checks that the ports of a run are free, names the programs that have taken ports, and finds free ones instead."""

import re
import shlex
import socket
from collections.abc import Mapping
from itertools import chain

import click

from ordersctl.shared.engine_client import HEALTH, get_json

_LAST = 65535
_FIRST_UNPRIVILEGED = 1024
_OBEYED_IN_QUOTES = re.compile(r'["$`!\\]')  # by a shell, in double quotes


def refuse_taken_ports(ports: Mapping[str, int], given: Mapping[str, str | None]) -> None:
    """Raise ClickException when ports are taken: it names all of them, and ends with the whole command to type instead.

    `ports` is each port by the option that sets it. `given` is the options as they were typed, None for a flag.
    """
    taken = {option: why for option, number in ports.items() if (why := _refusal(number))}
    if not taken:
        return
    chosen = set(ports.values())
    free: dict[str, str | None] = {}
    for option in taken:
        number = _next_free(ports[option], chosen)
        chosen.add(number)
        free[option] = str(number)
    lines = (f"port {ports[option]} is taken{_by_whom(ports[option])}: {why}" for option, why in taken.items())
    raise click.ClickException("\n".join([*lines, f"With free ports: {_make_run({**given, **free})}"]))


def _refusal(port: int) -> str | None:
    """Return why the system refuses a port; None for one that can be had."""
    with socket.socket() as probe:
        # Servers set this too: with it, a port whose last connections are in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror
    return None


def _next_free(port: int, chosen: set[int]) -> int:
    candidates = chain(range(port + 1, _LAST + 1), range(port - 1, _FIRST_UNPRIVILEGED - 1, -1))
    return next(each for each in candidates if each not in chosen and _refusal(each) is None)


def _make_run(options: Mapping[str, str | None]) -> str:
    """Return the `make run` that passes on these options, whatever make and the shell think of their characters."""
    words = chain.from_iterable((name,) if value is None else (name, value) for name, value in options.items())
    arguments = shlex.join(words).replace("$", "$$")
    quoted = shlex.quote(arguments) if _OBEYED_IN_QUOTES.search(arguments) else f'"{arguments}"'
    return f"make run ARGS={quoted}"


def _by_whom(port: int) -> str:
    url = f"http://127.0.0.1:{port}"
    if (get_json(url + "/health") or {}).get("service") == "orders":
        return " by another copy of Orders"
    if get_json(url + HEALTH) is not None:
        return " by another AWS engine, perhaps of another copy of Orders"
    return ""
