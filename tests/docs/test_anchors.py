"""Every link to a heading, in the same document or in another one, leads to a heading that exists."""

import re
from pathlib import Path

import pytest

from tests.docs.test_documents import DOCUMENTS, of_each_document

_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)#([^)\s]+)\)")


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@of_each_document
def test_every_link_to_a_heading_leads_to_a_heading(document: Path) -> None:
    links = _LINK.findall(_CODE.sub("", document.read_text()))
    targets = [((document.parent / path).resolve() if path else document, anchor) for path, anchor in links]
    assert [f"{path.name}#{anchor}" for path, anchor in targets if anchor not in anchors(path)] == []


def test_the_documents_are_found() -> None:
    assert {"README.md", "api.md", "0001-one-item-one-conditional-write.md"} <= {path.name for path in DOCUMENTS}


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("FIFO topic, EventBridge", "fifo-topic-eventbridge"), ("The item", "the-item"), ("`Fault`s", "faults")],
)
def test_anchors_are_built_like_githubs(tmp_path: Path, heading: str, anchor: str) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"## {heading}\n\n```sh\n# no heading\n```\n")
    assert anchors(document) == {anchor}
