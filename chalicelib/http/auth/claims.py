"""Who a token names: claims are JSON, so a value of any type may stand where a text is expected.

The authorizer reads claims from a token; Principal reads what API Gateway made of the claims it checked itself.
"""

import re

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


def scope_text(claim: object) -> str:
    """The scopes of a claim, separated by spaces (RFC 8693, section 4.2); a claim that is not a text has none."""
    return claim if isinstance(claim, str) else ""
