"""What options of several commands have in common: numbers that are numbers, and plots that can be written."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click


class Finite(click.FloatRange):
    """A range that has no place for what compares with nothing, nor for what has no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        converted = super().convert(value, param, ctx)
        if not math.isfinite(converted):
            self.fail("not a number with an end.", param, ctx)
        return converted


def _writable(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """Say what is wrong with a plot before the work, not after."""
    if path is None:
        return None
    if path.suffix not in {".svg", ".png"}:
        raise click.BadParameter(f"{path} is not an .svg or a .png.")
    if not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no directory {path.absolute().parent}.")
    existed = path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be written: {error.strerror}.") from None
    if not existed:
        path.unlink()
    if find_spec("matplotlib") is None:
        raise click.ClickException("a plot needs matplotlib: .venv/bin/pip install -r requirements-dev.txt")
    return path


plot_option = click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_writable,
    help="Write a plot (SVG or PNG).",
)
