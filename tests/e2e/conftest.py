"""The stage of the operator's commands, as in tests/tools/operate."""

from tests.tools.operate.conftest import operated_engine, stage

__all__ = ["operated_engine", "stage"]
