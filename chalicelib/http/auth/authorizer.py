"""The built-in authorizer: checks a bearer token, and returns a policy and the claims that a Principal is made of."""

import logging

from chalice.app import AuthRequest, AuthResponse

from chalicelib.http.auth.claims import identity, scopes
from chalicelib.http.auth.tokens import LEEWAY, InvalidToken, TokenChecker

logger = logging.getLogger("orders")


class Unauthorized(Exception):
    """API Gateway answers 401 when a Lambda authorizer fails with exactly this message.

    Any other failure is an AUTHORIZER_FAILURE or AUTHORIZER_CONFIGURATION_ERROR, which the API's gateway responses turn
    into 503 (ordersctl/deploy/overlay/gateway_responses.py). API Gateway caches policies for a token, but no failures.
    """

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def authorize(
    request: AuthRequest, checker: TokenChecker, *, customer_claim: str, scope_claim: str = "scope"
) -> AuthResponse:
    """Allow a request that has a valid token. Raises Unauthorized, KeysUnavailable."""
    try:
        claims = checker.claims(request.token)
    except InvalidToken as error:
        logger.info("token.refused", extra={"reason": str(error)})
        raise Unauthorized from None
    return AuthResponse(
        # Every route: API Gateway caches this policy for the token, whichever route it was first used on. The endpoints
        # check scopes.
        routes=["*"],
        principal_id=claims["sub"],
        # Strings only: API Gateway turns every other value into a string, and null would be the same as "null".
        context={
            "sub": claims["sub"],
            customer_claim: identity(claims.get(customer_claim)),
            "scope": " ".join(scopes(claims, scope_claim)),
            "exp": str(claims["exp"] + LEEWAY),
        },
    )
