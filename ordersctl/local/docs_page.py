"""The reference page of the local run: Swagger UI, from a package, over the service's own OpenAPI document."""

from importlib.util import find_spec
from pathlib import Path

PATH = "/docs"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".png": "image/png"}
_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Orders: API reference</title>
<link rel="stylesheet" href="{PATH}/swagger-ui.css">
<link rel="icon" href="{PATH}/favicon-32x32.png">
</head>
<body>
<div id="reference"></div>
<script src="{PATH}/swagger-ui-bundle.js"></script>
<script src="{PATH}/start.js"></script>
</body>
</html>
"""


_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#reference", deepLinking: true, persistAuthorization: true})'
# Nothing is loaded from another host, even if a version of Swagger UI asks for it.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def page(path: str) -> tuple[str, bytes] | None:
    """Return the media type and content at a path of the page; None for any other path."""
    path = path.partition("?")[0]
    if path == PATH:
        return "text/html; charset=utf-8", _PAGE.encode()
    if path == f"{PATH}/start.js":
        return _TYPES[".js"], _START.encode()
    name = path.removeprefix(f"{PATH}/")
    if name not in _FILES or name == path:
        return None
    return _TYPES[Path(name).suffix], (_assets() / name).read_bytes()


def _assets() -> Path:
    # Not imported: only the package's files are used, not the web framework that it extends.
    spec = find_spec("flask_swagger_ui")
    assert spec is not None  # noqa: S101 - requirements-dev.txt has it
    assert spec.submodule_search_locations  # noqa: S101 - it is a package
    return Path(spec.submodule_search_locations[0]) / "dist"
