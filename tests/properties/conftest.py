"""Fixtures: the functions of app.py with the embedded engine behind them, as in tests/service/http."""

from tests.service.http.conftest import quiet, service, service_with

__all__ = ["quiet", "service", "service_with"]
