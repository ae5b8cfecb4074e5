"""CORS: which pages may read the API's responses in a browser (CORS_ALLOW_ORIGIN)."""

from collections.abc import Sequence

from chalice.app import CORSConfig


class Origins(CORSConfig):
    """The CORS settings for browser clients of some origins (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

    def __init__(self, origins: Sequence[str]) -> None:
        super().__init__(
            allow_origin=origins[0],
            allow_headers=[
                "Content-Type",
                "Authorization",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "traceparent",
            ],
            expose_headers=[
                "Accept",
                "Accept-Encoding",
                "Allow",
                "ETag",
                "Idempotency-Replayed",
                "Link",
                "Location",
                "Retry-After",
                "WWW-Authenticate",
                "X-Request-Id",
            ],
            max_age=600,
        )
        self.all = tuple(origins)

    def headers_for(self, origin: str | None) -> dict[str, str]:
        """The headers for a page of that origin; those of the first allowed origin if it is not allowed."""
        headers: dict[str, str] = self.get_access_control_headers()
        if len(self.all) > 1:
            headers["Vary"] = "Origin"
            if origin in self.all:
                headers["Access-Control-Allow-Origin"] = str(origin)
        return headers


def config(origins: str | None) -> Origins | bool:
    """The CORS settings for origins that are separated by spaces; False for none."""
    return Origins(origins.split()) if origins and origins.split() else False
