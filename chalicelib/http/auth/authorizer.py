"""The built-in authorizer: from a bearer token to a policy and the facts that a Principal is made of."""

import logging

from chalice.app import AuthRequest, AuthResponse

from chalicelib.http.auth.tokens import LEEWAY, InvalidToken, TokenChecker

logger = logging.getLogger("orders")


class Unauthorized(Exception):
    """API Gateway answers 401 when a Lambda authorizer fails with just this message, and 500 with any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def authorize(request: AuthRequest, checker: TokenChecker, *, customer_claim: str) -> AuthResponse:
    """Admit whoever has a valid token. Raises Unauthorized."""
    try:
        claims = checker.claims(request.token)
    except InvalidToken as error:
        logger.info("token.refused", extra={"reason": str(error)})
        raise Unauthorized from None
    scope = claims.get("scope")
    return AuthResponse(
        # Every route: API Gateway keeps this answer for the token, whichever route it was first used on. What a token
        # may do is decided by each view.
        routes=["*"],
        principal_id=claims["sub"],
        context={
            "sub": claims["sub"],
            customer_claim: str(claims.get(customer_claim, "")),
            "scope": scope if isinstance(scope, str) else "",
            "exp": str(claims["exp"] + LEEWAY),
        },
    )
