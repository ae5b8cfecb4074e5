"""Fixtures: the functions of app.py on a stack of their own, as in tests/service."""

from tests.service.conftest import built, harness, outputs

__all__ = ["built", "harness", "outputs"]
