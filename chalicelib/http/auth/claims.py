"""Who a token names: claims are JSON, so a value of any type may stand where a text is expected.

The authorizer reads claims from a token; Principal reads what API Gateway made of the claims it checked itself.
"""

import re
from collections.abc import Mapping

# How gateways write, as text, what is not a name: null, a boolean, a fraction, a list, an object. Compiled when it is
# first used: most stages have the built-in authorizer.
_NOT_A_NAME = r"(?isa)null|none|<nil>|undefined|true|false|-?\d+\.\d+(e[+-]?\d+)?|-?\d+e[+-]\d+|(map)?[\[{].*"


def identity(claim: object) -> str:
    """The text of a claim that names someone: a non-empty string or an integer. Any other value names nobody: ""."""
    if isinstance(claim, str):
        return claim if claim.isprintable() else ""  # a control character, half of a surrogate pair
    return str(claim) if isinstance(claim, int) and not isinstance(claim, bool) else ""


def gateway_identity(claim: object) -> str:
    """Return the customer or caller that a gateway's claim names; empty when the claim may have been no text before."""
    name = identity(claim)
    return "" if re.fullmatch(_NOT_A_NAME, name) else name


def gateway_list(claim: object) -> object:
    """Return a list that an HTTP API has written as text, as in "[orders/read orders/write]", without its brackets.

    API Gateway guide, "Working with AWS Lambda proxy integrations for HTTP APIs", has claims as texts only.
    """
    is_list = isinstance(claim, str) and claim.startswith("[") and claim.endswith("]")
    return str(claim)[1:-1] if is_list else claim


def scopes(claims: Mapping[str, object], names: str) -> list[str]:
    """The scopes in the claims that `names` names, separated by spaces.

    A claim is a text with spaces between its scopes (RFC 8693, section 4.2), or a list of scopes; any other has none.
    """
    found: list[str] = []
    for name in names.split():
        found += _scopes(claims.get(name))
    return found


def _scopes(claim: object) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    listed = claim if isinstance(claim, list) else []
    return [each for each in listed if isinstance(each, str) and each.split() == [each]]
