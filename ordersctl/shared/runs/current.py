"""The local run that a command means, and what the command needs of it: addresses, logs, the key that signs tokens.

A run is named by ORDERS_STATE_DIR, its directory, or by AWS_ENDPOINT_URL (`--engine`), its engine. Without either it is
the run in the usual directory, or else the only one of this project. Where that leaves others out, the command says so.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from ordersctl.shared import project
from ordersctl.shared.engine_client import HEALTH, get_json
from ordersctl.shared.output import number_of, say
from ordersctl.shared.runs import state_file
from ordersctl.shared.runs.state_file import Run

ENGINE, STATE_DIR = "AWS_ENDPOINT_URL", "ORDERS_STATE_DIR"
DEFAULT_API, DEFAULT_ENGINE = "http://127.0.0.1:8000", "http://127.0.0.1:4566"


class NoRunError(click.ClickException):
    """This project has no local run that the command could mean; the message says what to do."""


def current() -> Run | None:
    """Return the living run that a command means; None when there is none, NoRunError when it may be one of several."""
    if named := os.environ.get(STATE_DIR):
        return Run.living(Path(named).resolve())
    engine = os.environ.get(ENGINE)
    found = [run for run in state_file.all_living() if engine in {None, "", run.engine}]
    if len(found) > 1 and Path(found[0].state_dir) != project.default_state_dir():
        choices = "".join(f"\n  {STATE_DIR}={shlex.quote(run.state_dir)}  API {run.api}" for run in found)
        raise NoRunError(f"Several runs of this project are going; name one:{choices}")
    return found[0] if found else None


def engine_url() -> str:
    """Return the address of the AWS engine: as named, or the run's, or the usual one."""
    if named := os.environ.get(ENGINE):
        return named
    run = current()
    return run.engine if run else DEFAULT_ENGINE


def api_url() -> str:
    """Return the address of the run's API; NoRunError when nothing of this project runs."""
    run = current()
    if run is None:
        raise NoRunError(f"{_nothing_runs()}{_other_api()}")
    name_among_several()
    return run.api


def require_engine() -> None:
    """Raise NoRunError where no engine is named and nothing of this project runs: the usual port may be another's."""
    if not os.environ.get(ENGINE) and current() is None:
        raise NoRunError(f"{_nothing_runs()}{_other_engine()}")
    name_among_several()


def state_dir() -> Path:
    """Return the directory of the run's logs, switches and checkpoints; where there is no run, the usual one."""
    if os.environ.get(STATE_DIR):
        return project.state_dir()
    run = current()
    return Path(run.state_dir) if run else project.state_dir()


def key_dir() -> Path:
    """Return the directory of the key that signs tokens: the run's, or where the service reads its public half."""
    try:
        run = current()
    except NoRunError:  # several runs, all with the one key of this project
        run = None
    return Path(run.keys) if run else project.default_state_dir()


def as_typed(*arguments: str) -> str:
    """Return an `ordersctl` command as it is to be typed in the current directory, so that it reaches this run."""
    run = None if "--stage" in arguments else current()
    return typed_for(project.default_state_dir() if run is None else Path(run.state_dir), *arguments)


def chalice_as_typed(*arguments: str) -> str:
    """Return a `chalice` command as it is to be typed in the current directory."""
    return shlex.join([*_program("chalice", "chalice.cli"), *arguments])


def typed_for(state_dir: Path, *arguments: str) -> str:
    """Return an `ordersctl` command as it is to be typed so that it reaches the run in a directory."""
    command = shlex.join([*_program("ordersctl", "ordersctl"), *arguments])
    return (
        command if state_dir == project.default_state_dir() else f"{STATE_DIR}={shlex.quote(str(state_dir))} {command}"
    )


def name_among_several() -> None:
    """Say on stderr which run a command means, where none is named and several of this project are going."""
    if os.environ.get(STATE_DIR) or os.environ.get(ENGINE):
        return
    if (others := len(state_file.all_living()) - 1) > 0 and (run := current()) is not None:
        say(
            f"{number_of(others, 'other run')} of this project {'is' if others == 1 else 'are'} going; this is the one "
            f"in {run.state_dir}, API {run.api}. {STATE_DIR}=DIR names another.",
            err=True,
        )


def state_dir_hint() -> str:
    """Return a hint for an operator whose command may have read another directory than the run's."""
    return f"For a run with --state-dir DIR set {STATE_DIR}=DIR; this looked into {state_dir()}."


def _program(name: str, module: str) -> list[str]:
    """Return a command's name where the shell finds it, as in an active environment; otherwise its path."""
    python = Path(sys.executable)
    script = python.parent / name
    if not script.exists():  # an environment that was not made by the Makefile
        return [_from_here(python), "-m", module]
    found = shutil.which(name)
    return [name] if found and Path(found).resolve() == script.resolve() else [_from_here(script)]


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _nothing_runs() -> str:
    if os.environ.get(STATE_DIR):
        elsewhere = [run.state_dir for run in state_file.all_living()]
        hint = f" A run of this project is going in {elsewhere[0]}." if elsewhere else ""
        return f"No run is going in {os.environ[STATE_DIR]}, which {STATE_DIR} names.{hint}"
    return f"No local run of {project.PROJECT_DIR} is going: start one with make run."


def _other_api() -> str:
    if (get_json(f"{DEFAULT_API}/health") or {}).get("service") != "orders":
        return ""
    return f" What answers at {DEFAULT_API} was not started here; --url {DEFAULT_API} takes it all the same."


def _other_engine() -> str:
    if get_json(DEFAULT_ENGINE + HEALTH) is None:
        return ""
    return f" The AWS engine at {DEFAULT_ENGINE} was not started here; --engine {DEFAULT_ENGINE} takes it all the same."
