"""What the local run is configured with: stage local of .chalice/config.json."""

import json
import os
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parents[2]


def setting(name: str) -> str:
    """Return an environment variable of the local stage, as `chalice local` sets it; KeyError if there is none."""
    config = json.loads((PROJECT_DIR / ".chalice" / "config.json").read_text())
    return str(config["stages"]["local"]["environment_variables"][name])


def state_dir() -> Path:
    """Return the directory of keys, logs and checkpoints: where the service reads its JWKS, or ORDERS_STATE_DIR."""
    return Path(os.environ.get("ORDERS_STATE_DIR") or (PROJECT_DIR / setting("JWT_JWKS")).parent)


def where_else() -> str:
    """Return what to tell an operator who may look into another directory than the run's."""
    return f"A run with --state-dir DIR is looked into with ORDERS_STATE_DIR=DIR; this was {state_dir()}."


def engine_url() -> str:
    """Return where the embedded AWS engine listens."""
    return os.environ.get("AWS_ENDPOINT_URL") or "http://127.0.0.1:4566"
