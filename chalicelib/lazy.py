"""Modules that are imported at first use: the Lambda functions share app.py, and each needs a part of its imports."""

import importlib
from typing import Any


class Lazy:
    """A module that is imported when one of its attributes is first read. Safe to use from several threads."""

    def __init__(self, name: str) -> None:
        self.__name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.__name), attribute)
