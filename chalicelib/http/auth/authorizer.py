"""The built-in authorizer: from a bearer token to a policy, and to the context that a Principal is made of."""

import logging

from chalice.app import AuthRequest, AuthResponse

from chalicelib.http.auth.tokens import LEEWAY, InvalidToken, TokenChecker

logger = logging.getLogger("orders")


class Unauthorized(Exception):
    """API Gateway answers 401 when a Lambda authorizer fails with exactly this message, and 500 for any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def authorize(request: AuthRequest, checker: TokenChecker, *, customer_claim: str) -> AuthResponse:
    """Allow a request that has a valid token. Raises Unauthorized."""
    try:
        claims = checker.claims(request.token)
    except InvalidToken as error:
        logger.info("token.refused", extra={"reason": str(error)})
        raise Unauthorized from None
    scope = claims.get("scope")
    return AuthResponse(
        # Every route: API Gateway caches this policy for the token, whichever route it was first used on. The endpoints
        # check scopes.
        routes=["*"],
        principal_id=claims["sub"],
        context={
            "sub": claims["sub"],
            customer_claim: str(claims.get(customer_claim, "")),
            "scope": scope if isinstance(scope, str) else "",
            "exp": str(claims["exp"] + LEEWAY),
        },
    )
