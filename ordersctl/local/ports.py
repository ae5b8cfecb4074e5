"""Checks that the ports of a run are free, and names the program that has a taken port."""

import socket

import click

from ordersctl.shared.engine_client import HEALTH, get_json


def refuse_taken_ports(port: int, engine_port: int) -> None:
    """Raise ClickException when the API's port or the engine's is taken."""
    for number, option in ((port, "--port"), (engine_port, "--engine-port")):
        with socket.socket() as probe:
            # Servers set this too: with it, a port whose last connections are in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError as error:
                raise click.ClickException(
                    f"port {number} is taken{_by_whom(number)}: {error.strerror}. "
                    f'Choose another: make run ARGS="{option} {number + 1}"'
                ) from None


def _by_whom(port: int) -> str:
    url = f"http://127.0.0.1:{port}"
    if (get_json(url + "/health") or {}).get("service") == "orders":
        return " by another copy of Orders"
    if get_json(url + HEALTH) is not None:
        return " by another AWS engine, perhaps of another copy of Orders"
    return ""
