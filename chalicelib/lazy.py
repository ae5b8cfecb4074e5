"""Modules that are imported when they are first looked into: four functions share app.py, and each needs a part."""

import importlib
from typing import Any


class Lazy:
    """Stands for a module. The import system does the rest, and is safe to use from several threads."""

    def __init__(self, name: str) -> None:
        self.__name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.__name), attribute)
