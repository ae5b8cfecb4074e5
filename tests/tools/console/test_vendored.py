"""The page's files: those of others as they were published, and all of them together small."""

import base64
import hashlib
import json
import re

from ordersctl.shared.project import PROJECT_DIR

STATIC = PROJECT_DIR / "ordersctl" / "console" / "static"
VENDOR = STATIC / "vendor"
ABOUT = {"files.json", "package.json"}
MOST_BYTES = 120_000


def test_every_file_of_others_has_the_hash_that_it_was_published_with() -> None:
    listed = json.loads((VENDOR / "files.json").read_text())
    assert {path.name for path in VENDOR.iterdir()} == listed.keys() | ABOUT
    for name, about in listed.items():
        digest = base64.b64encode(hashlib.sha512((VENDOR / name).read_bytes()).digest()).decode()
        assert about["integrity"] == f"sha512-{digest}", f"{name} is not {about['from']}"


def test_the_scripts_are_of_the_versions_that_package_json_names_and_have_their_licences() -> None:
    versions = json.loads((VENDOR / "package.json").read_text())["dependencies"]
    assert f"(v{versions['uplot']})" in (VENDOR / "uPlot.iife.min.js").read_text()[:300]
    for package, licence in (("uplot", "MIT"), ("htm", "Apache"), ("preact", "MIT")):
        assert licence in (VENDOR / f"LICENSE.{package}").read_text()


def test_the_page_weighs_at_most_120_kilobytes() -> None:
    sent = [path for path in STATIC.rglob("*") if path.suffix in {".html", ".js", ".css", ".svg"}]
    assert sum(path.stat().st_size for path in sent) <= MOST_BYTES


def test_the_page_asks_for_nothing_but_its_own_files_and_has_no_script_of_its_own_in_the_markup() -> None:
    for path in STATIC.glob("*"):
        text = path.read_text() if path.is_file() else ""
        assert re.findall(r"https?://(?!www\.w3\.org/)\S+", text) == [], path
    page = (STATIC / "index.html").read_text()
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=", page) == []
    assert not any("innerHTML" in path.read_text() for path in STATIC.glob("*.js"))
