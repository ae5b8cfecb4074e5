"""The documentation site: pages, links, references, search, and nothing from another host."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ordersctl.contract.reference import site
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.browser import running_chromium

VENDOR = PROJECT_DIR / "docs" / "assets" / "vendor"
OPEN = {"/", "/openapi.json", "/health"}
ABOUT = {"files.json", "package.json"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    site.write(folder)
    return folder


def built(source: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as `make docs` does."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", str(source / "zensical.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command


def test_a_page_that_the_navigation_leaves_out_is_an_error(tmp_path: Path) -> None:
    config = tmp_path / "zensical.toml"
    config.write_text(site.CONFIG.read_text().replace('{ "Glossary" = "glossary.md" }', ""))
    with pytest.raises(site.UnlistedPageError, match=r"lists no glossary\.md"):
        site.write(tmp_path / "docs", configuration=config)


def test_a_page_that_the_navigation_lists_and_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    config = tmp_path / "zensical.toml"
    config.write_text(site.CONFIG.read_text().replace('"glossary.md"', '"glossary.md" }, { "More" = "more.md"'))
    with pytest.raises(site.UnlistedPageError, match=r"lists more\.md"):
        site.write(tmp_path / "docs", configuration=config)


def test_links_to_files_of_the_repository_become_links_of_the_site(source: Path) -> None:
    page = (source / "pages" / "guide" / "events.md").read_text()
    assert "](../examples/consumers.md)" in page
    assert "](../reference/events.md)" in page
    assert "](../operate/operations.md#replay-events)" in page


def test_a_link_to_a_source_file_leads_to_the_repository_or_is_text(source: Path, tmp_path: Path) -> None:
    site.write(tmp_path, "https://git.example.com/orders/")
    page = Path("pages") / "examples" / "consumers.md"
    assert (
        "| [inventory](https://git.example.com/orders/blob/main/examples/inventory/app.py) |"
        in (tmp_path / page).read_text()
    )
    assert "| inventory |" in (source / page).read_text()


def test_the_api_reference_has_every_operation_and_every_schema(source: Path) -> None:
    page = (source / "pages" / "reference" / "api.md").read_text()
    document = json.loads((PROJECT_DIR / "chalicelib" / "http" / "openapi.json").read_text())
    operations = [f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each]
    assert [each for each in operations if f"```http\n{each}\n```" not in page] == []
    assert page.count("No token is needed.") == len([path for path in document["paths"] if path in OPEN])
    assert [name for name in document["components"]["schemas"] if f"\n### {name}\n" not in page] == []


def test_the_event_catalogue_has_every_type_with_an_example(source: Path) -> None:
    page = (source / "pages" / "reference" / "events.md").read_text()
    for path in (PROJECT_DIR / "docs" / "contract" / "events").glob("*.schema.json"):
        assert f"](../contract/events/{path.name})" in page
        assert f'"type": "{json.loads(path.read_text())["title"]}"' in page


def test_every_file_of_others_has_the_hash_that_it_was_published_with() -> None:
    listed = json.loads((VENDOR / "files.json").read_text())
    assert {path.name for path in VENDOR.iterdir()} == listed.keys() | ABOUT
    for name, about in listed.items():
        digest = base64.b64encode(hashlib.sha512((VENDOR / name).read_bytes()).digest()).decode()
        assert about["integrity"] == f"sha512-{digest}", f"{name} is not {about['from']}"


# --- in a browser, and with mistakes: these build the site, which takes seconds; `make check` builds it, too ----------


@pytest.mark.full
@pytest.mark.parametrize("link", ["[dead](nowhere.md)", "[dead](glossary.md#no-such-heading)"])
def test_a_dead_link_fails_the_build(tmp_path: Path, link: str) -> None:
    site.write(tmp_path)
    with (tmp_path / "pages" / "index.md").open("a") as page:
        page.write(f"\n{link}\n")
    done = built(tmp_path)
    assert done.returncode != 0
    assert "1 issue found" in done.stdout + done.stderr


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with running_chromium(tmp_path) as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 900})


@pytest.mark.full
def test_the_site_opened_from_the_disk_has_search_diagrams_and_a_dark_mode_and_loads_nothing_from_other_hosts(
    source: Path, page: Page
) -> None:
    done = built(source)
    assert done.returncode == 0, done.stdout + done.stderr
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto((source / "site" / "index.html").as_uri())
    page.get_by_role("button", name="Search").first.click()
    page.get_by_role("combobox", name="Search").fill("tombstone")
    expect(page.get_by_text(re.compile(r"^\d+ results$"))).to_be_visible()

    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for name in ("index", "start", "explain/architecture", "reference/api", "reference/events", "operate/deploy"):
            page.goto((source / "site" / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
    page.goto((source / "site" / "explain" / "architecture.html").as_uri())
    expect(page.locator("div.mermaid")).to_have_count(4)  # each takes the place of its source when it is drawn
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")

    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
