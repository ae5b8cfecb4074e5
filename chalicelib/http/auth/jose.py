"""The parts of joserfc that checking a token takes, without the cost of reading X.509 certificates.

joserfc imports cryptography.x509, to take keys out of certificates. That would be 3 of 10 instructions of the
authorizer's cold start, and no certificate is read here: docs/adr/0015-tokens-are-checked-by-joserfc.md.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

_X509 = "cryptography.x509"


class _ImportedWhenCalled(ModuleType):
    """Has every function of the module that it is named after; calling one imports the module."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):  # the import system asks for these
            raise AttributeError(name)

        def imported_when_called(*arguments: Any) -> Any:
            return getattr(importlib.import_module(_X509), name)(*arguments)

        return imported_when_called


_placeholder = sys.modules.setdefault(_X509, _ImportedWhenCalled(_X509))
try:
    from joserfc import errors, jws
    from joserfc.jwk import ECKey, RSAKey
    from joserfc.jwt import JWTClaimsRegistry
finally:
    if isinstance(_placeholder, _ImportedWhenCalled):
        del sys.modules[_X509]

__all__ = ["ECKey", "JWTClaimsRegistry", "RSAKey", "errors", "jws"]
