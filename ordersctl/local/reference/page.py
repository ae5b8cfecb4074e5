"""The reference page of the local run: Swagger UI, from a package, over the service's own OpenAPI document."""

from importlib.util import find_spec
from pathlib import Path

from ordersctl.local.reference import local_token, problem_pages

PATH = "/docs"
Content = tuple[str, bytes]  # a media type, and what is sent
_HTML, _CSS, _JS = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8"
_OURS = {PATH: ("page.html", _HTML), f"{PATH}/page.css": ("page.css", _CSS), f"{PATH}/page.js": ("page.js", _JS)}
_SWAGGER_UI = {"swagger-ui.css": _CSS, "swagger-ui-bundle.js": _JS, "favicon-32x32.png": "image/png"}

# Nothing is loaded from another host, even if a version of Swagger UI asks for it.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def answer(method: str, target: str, headers: local_token.Headers) -> Content | None:
    """Return what is at a path of the reference; None for any other request."""
    path, _, query = target.partition("?")
    if method == "POST" and path == f"{PATH}/token":
        return local_token.answer(query, headers)
    if method not in {"GET", "HEAD"}:
        return None
    if path in _OURS:
        name, media_type = _OURS[path]
        return media_type, Path(__file__).with_name(name).read_bytes()
    name = path.removeprefix(f"{PATH}/")
    if name in _SWAGGER_UI and name != path:
        return _SWAGGER_UI[name], (_assets() / name).read_bytes()
    found = problem_pages.page(path)
    return (_HTML, found.encode()) if found else None


def _assets() -> Path:
    # Not imported: only the package's files are used, not the web framework that it extends.
    spec = find_spec("flask_swagger_ui")
    assert spec is not None  # noqa: S101 - requirements-run.txt has it
    assert spec.submodule_search_locations  # noqa: S101 - it is a package
    return Path(spec.submodule_search_locations[0]) / "dist"
