"""The links of the pages in the root folder and in docs/ lead somewhere: to a file that is there, to a heading that it has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^()\s]+)\)")
CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(?P<text>.*?) *$", re.MULTILINE)
ELSEWHERE = ("https://", "http://", "mailto:")


def links(text: str) -> list[str]:
    """Return the targets of a page's links, without those that stand in code."""
    return [found["target"] for found in LINK.finditer(CODE.sub("code", text))]


def anchors(text: str) -> set[str]:
    """Return the anchors that a Markdown page's headings have where forges show it."""
    known: set[str] = set()
    for found in HEADING.finditer(FENCED.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found["text"]).lower()
        slug = first = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while slug in known:
            number += 1
            slug = f"{first}-{number}"
        known.add(slug)
    return known


def broken(page: Path) -> list[str]:
    """Return what is wrong with each link of a page that leads nowhere."""
    wrong = []
    for target in links(page.read_text("utf-8")):
        if target.startswith(ELSEWHERE):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            wrong.append(f"{target}: there is no {path}")
        elif anchor and anchor not in anchors(file.read_text("utf-8")):
            wrong.append(f"{target}: {file.name} has no heading #{anchor}")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page) -> None:
    assert broken(page) == []


def test_a_link_to_nowhere_is_found(tmp_path) -> None:
    (tmp_path / "there.md").write_text("# A title\n\n## What it *is*, in `code`\n\n## A title\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](there.md#what-it-is-in-code) [c](#here) [d](there.md#a-title-1)\n"
        "[e](gone.md) [f](there.md#gone) [g](#gone) `[h](code.md)`\n\n"
        "## Here\n\n```python\n[i](fenced.md)\n# No heading\n```\n[j](#no-heading)\n"
    )
    assert [each.partition(":")[0] for each in broken(page)] == [
        "gone.md",
        "there.md#gone",
        "#gone",
        "#no-heading",
    ]


def test_every_page_but_decisions_can_be_reached_from_the_index_at_once() -> None:
    index = ROOT / "docs/index.md"
    shown = {
        (index.parent / target.partition("#")[0]).resolve()
        for target in links(index.read_text("utf-8"))
    }
    pages = {page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - shown - {index}) == []


def test_the_readme_leads_to_the_index() -> None:
    assert "docs/index.md" in links((ROOT / "README.md").read_text("utf-8"))
