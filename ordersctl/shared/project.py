"""Paths and addresses on this machine: the project, the settings of stage local, and the files of the local run."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

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


def state_dir() -> Path:
    """Return the directory of keys, logs and checkpoints: ORDERS_STATE_DIR, or where the service reads its JWKS."""
    return Path(os.environ.get("ORDERS_STATE_DIR") or (PROJECT_DIR / setting("JWT_JWKS")).parent)


def state_dir_hint() -> str:
    """Return a hint for an operator whose command may have read another directory than the run's."""
    return f"For a run with --state-dir DIR set ORDERS_STATE_DIR=DIR; this looked into {state_dir()}."


def log_dir(state_dir: Path) -> Path:
    """Return the directory of a run's log files, one for each of its processes."""
    return state_dir / "logs"


def checkpoint_file(state_dir: Path) -> Path:
    """Return the file of a run's stream checkpoints."""
    return state_dir / "stream-checkpoints.json"


def engine_url() -> str:
    """Return the address of the embedded AWS engine."""
    return os.environ.get("AWS_ENDPOINT_URL") or "http://127.0.0.1:4566"
