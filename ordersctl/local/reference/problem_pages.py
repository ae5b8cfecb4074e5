"""The pages of problem types at /problems: from the catalogue in the service's own OpenAPI document."""

import json
from html import escape
from typing import Any

from ordersctl.shared.project import PROJECT_DIR

PATH = "/problems"
_DOCUMENT = PROJECT_DIR / "chalicelib" / "http" / "openapi.json"
_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Orders: {title}</title>
<link rel="stylesheet" href="/docs/page.css">
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<header><nav><a href="/docs">API reference</a> <a href="/problems">Problem types</a></nav></header>
<main class="problem">
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def page(path: str) -> str | None:
    """Return the list of all problem types, or the page of one; None for any other path."""
    path = path.removesuffix("/")
    types = json.loads(_DOCUMENT.read_text())["x-problem-types"] if path.startswith(PATH) else {}
    if types and path == PATH:
        return _FRAME.format(title="Problem types", content=_list(types))
    slug = path.removeprefix(f"{PATH}/")
    if slug not in types or slug == path:
        return None
    return _FRAME.format(title=escape(types[slug]["title"]), content=_one(types[slug]))


def _list(types: dict[str, Any]) -> str:
    rows = [
        f'<tr><td>{_statuses(each)}</td><td><a href="{PATH}/{escape(slug)}">{escape(slug)}</a></td>'
        f"<td>{_text(each['meaning'])}</td></tr>"
        for slug, each in sorted(types.items(), key=lambda item: (item[1]["status"], item[0]))
    ]
    return f"<table>{''.join(rows)}</table>"


def _one(problem: dict[str, Any]) -> str:
    example = json.dumps(problem["example"], indent=2, ensure_ascii=False)
    return (
        f"<p>{_statuses(problem)} · <code>{escape(problem['type'])}</code></p>\n"
        f"<p>{_text(problem['meaning'])}</p>\n<h2>What to do</h2>\n<p>{_text(problem['action'])}</p>\n"
        f"<h2>Example</h2>\n<pre>{escape(example)}</pre>"
    )


def _statuses(problem: dict[str, Any]) -> str:
    return ", ".join(str(each) for each in problem["status"])


def _text(text: str) -> str:
    """Text with the parts in backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{each}</code>" if number % 2 else each for number, each in enumerate(parts))
