"""Writes the source of the documentation site: `make docs` builds the site from it.

The site has every page of `docs/`, the project's other Markdown files, and the references of the API and of the events.
Links to files of the repository become links of the site.
"""

import json
import posixpath
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ordersctl.contract import event_schemas
from ordersctl.contract.openapi.document import DOCUMENT
from ordersctl.contract.reference import api_page, event_page
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.switches import CONSUMERS

CONFIG = PROJECT_DIR / "docs" / "assets" / "zensical.toml"
_DECISIONS = '"adr/*.md"'  # in the configuration: every decision, in its order
_DOCS = "docs/"
_MERMAID = "assets/vendor/mermaid.tiny.js"

# Files outside docs/, and their pages of the site.
_OTHERS = {
    "README.md": "start.md",
    "CONTRIBUTING.md": "contribute/contributing.md",
    "SECURITY.md": "contribute/security.md",
    "CODE_OF_CONDUCT.md": "contribute/conduct.md",
    "CHANGELOG.md": "contribute/changelog.md",
    "tests/README.md": "contribute/tests.md",
    "examples/README.md": "examples/consumers.md",
    "examples/migrate/README.md": "examples/migrate.md",
    **{f"examples/{name}/README.md": f"examples/{name}.md" for name in CONSUMERS},
}
# Folders that a document links to, and the page that is made of their files.
_FOLDERS = {"docs/contract/events": "reference/events.md"}

_CODE = re.compile(r"(^ *```.*?^ *```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?![a-z]+:|#)([^)#\s]*)(#[^)\s]*)?\)")
_IMAGE = re.compile(r'((?:src|srcset)=")docs/')


class UnlistedPageError(Exception):
    """The navigation lacks a page, or names one that does not exist."""


def write(folder: Path, repository: str = "", configuration: Path = CONFIG) -> None:
    """Write the site's source and configuration into `folder`, replacing what is there.

    Links to source files lead to `repository`, its address; without one they become text. Raises UnlistedPageError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    pages = folder / "pages"
    shutil.copytree(PROJECT_DIR / "docs", pages, ignore=shutil.ignore_patterns("*.md", "*.toml"))
    for origin, page in _pages().items():
        _write(pages / page, _linked((PROJECT_DIR / origin).read_text(), origin, repository))
    for page, content in _references().items():
        _write(pages / page, content)
    decisions = (f'"adr/{path.name}"' for path in sorted((PROJECT_DIR / "docs" / "adr").glob("[0-9]*.md")))
    config = configuration.read_text().replace(_DECISIONS, ", ".join(decisions))
    _check_navigation(config, {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")})
    _write(folder / "zensical.toml", config)


def _pages() -> dict[str, str]:
    """Return every Markdown file of the repository that is a page, and its page."""
    documents = (path.relative_to(PROJECT_DIR).as_posix() for path in (PROJECT_DIR / "docs").rglob("*.md"))
    return {name: _page_of_docs(name) for name in documents} | _OTHERS


def _page_of_docs(document: str) -> str:
    return document.removeprefix(_DOCS).replace("README.md", "index.md")


def _references() -> dict[str, str]:
    folder = PROJECT_DIR / "docs" / "contract" / "events"
    found = [(path.name, json.loads(path.read_text())) for path in folder.glob("*.schema.json")]
    types = list(event_schemas.schemas())  # as an order meets them
    schemas = sorted(found, key=lambda schema: types.index(schema[1]["title"]))
    document = DOCUMENT.read_text()
    return {
        "reference/api.md": api_page.page(json.loads(document)),
        "reference/openapi.json": document,
        "reference/events.md": event_page.page(schemas),
    }


def _linked(text: str, origin: str, repository: str) -> str:
    """Replace the links of the document `origin`, but for those in code, by links of its page."""
    pages = _pages()
    here = posixpath.dirname(pages[origin]) or "."

    def replaced(link: re.Match[str]) -> str:
        label, path, anchor = link[1], link[2], link[3] or ""
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
        if target in _FOLDERS or target in pages:
            return f"[{label}]({posixpath.relpath(_FOLDERS.get(target) or pages[target], here)}{anchor})"
        if target.startswith(_DOCS) or not (PROJECT_DIR / target).exists():
            return link[0]  # a file beside the pages; or a dead link, which the build reports
        return f"[{label}]({repository.rstrip('/')}/blob/main/{target}{anchor})" if repository else label

    parts = _CODE.split(_IMAGE.sub(r"\1", text))
    parts[::2] = [_LINK.sub(replaced, part) for part in parts[::2]]
    return "".join(parts) + (_mermaid(here) if "```mermaid" in text else "")


def _mermaid(here: str) -> str:
    """Return an element that loads Mermaid, for a page in `here`: the theme would load it from another host."""
    return f'\n\n<script src="{posixpath.relpath(_MERMAID, here)}"></script>\n'


def _check_navigation(config: str, pages: set[str]) -> None:
    listed = list(_listed(tomllib.loads(config)["project"]["nav"]))
    if missing := sorted(pages.difference(listed)):
        raise UnlistedPageError(f"{CONFIG.name} lists no {', '.join(missing)}: add a line below nav")
    if unknown := sorted(set(listed) - pages):
        raise UnlistedPageError(f"{CONFIG.name} lists {', '.join(unknown)}, and there is no such page")


def _listed(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for each in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _listed(each)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]), repository="".join(sys.argv[2:3]))
    except UnlistedPageError as error:
        sys.exit(str(error))
