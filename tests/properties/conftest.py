"""The functions of app.py behind the tests' engine, as tests of the API over HTTP have them."""

from tests.service.http.conftest import quiet, service

__all__ = ["quiet", "service"]
