"""The option --plot, and matplotlib made ready for writing files."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from ordersctl.shared.output import wrote


def _writable(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """Check a plot's path before the work, not after it."""
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


def pyplot() -> Any:
    """Return matplotlib's pyplot, which draws without a screen and writes the same file for the same data."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and needed with --plot only

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "orders"
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the two lines above

    return plt


def save(figure: Any, path: Path) -> None:
    """Write a figure as SVG or PNG, by the path's suffix, say so on stderr, and close it."""
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot().close(figure)
    wrote(path, err=True)
