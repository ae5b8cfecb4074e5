"""The project on this machine: its paths, its settings of stage local, its application, and the local run's files."""

import importlib
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalice.app import Chalice

PROJECT_DIR = Path(__file__).resolve().parents[2]
INFRA = PROJECT_DIR / "infra"
CHALICE_CONFIG = PROJECT_DIR / ".chalice" / "config.json"
HANDLERS_LOG, INVOCATIONS_LOG = "handlers.log", "invocations.log"  # of the event sources, in log_dir
ISSUER_PATH = "/oauth2/token"  # of the local run's API: its issuer's endpoint for services
SAMPLE_ORDER = {"currency": "GBP", "items": [{"sku": "85123A", "quantity": 6, "unit_price": 255}]}


def version() -> str:
    """Return the version of this release, from pyproject.toml."""
    return str(tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]["version"])


def chalice_config() -> dict[str, Any]:
    """Return .chalice/config.json."""
    config: dict[str, Any] = json.loads(CHALICE_CONFIG.read_text())
    return config


def setting(name: str) -> str:
    """Return an environment variable of stage local, as `chalice local` sets it; KeyError if there is none."""
    return str(chalice_config()["stages"]["local"]["environment_variables"][name])


def application(directory: Path = PROJECT_DIR) -> "Chalice":
    """Import a Chalice application, and set its environment variables of stage local, as `chalice local` does.

    Chalice's own loader comes with its command line, whose imports (botocore, prompts) take longer than all the rest.
    """
    from chalice.config import Config  # noqa: PLC0415 - most commands load no application

    config = json.loads((directory / ".chalice" / "config.json").read_text())
    os.environ |= Config(chalice_stage="local", config_from_disk=config).environment_variables
    sys.path[:0] = [str(directory)]
    sys.path += [str(directory / "vendor")]  # which Chalice packages beside app.py
    app: Chalice = importlib.import_module("app").app
    return app


def default_state_dir() -> Path:
    """Return the usual directory of a run's files, and the only one of its keys: where the service reads its JWKS."""
    return (PROJECT_DIR / setting("JWT_JWKS")).parent


def state_dir() -> Path:
    """Return the directory of what commands keep, such as how far a replay came: ORDERS_STATE_DIR, or the usual one."""
    return Path(os.environ.get("ORDERS_STATE_DIR") or default_state_dir())


def log_dir(state_dir: Path) -> Path:
    """Return the directory of a run's log files, one for each of its processes."""
    return state_dir / "logs"


def checkpoint_file(state_dir: Path) -> Path:
    """Return the file of a run's stream checkpoints."""
    return state_dir / "stream-checkpoints.json"
